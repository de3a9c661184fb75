#include "proxy/routing/command_classes.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "proxy/routing/router.h"

namespace keyway::proxy::routing {
namespace {

CommandClass ClassOf(std::string_view name) {
  return Router::ClassOf(*command::FindByFullName(name));
}

TEST(CommandClassesTest, OneOfEachClass) {
  EXPECT_EQ(ClassOf("get"), CommandClass::kRouted);
  EXPECT_EQ(ClassOf("rename"), CommandClass::kRouted);
  EXPECT_EQ(ClassOf("msetnx"), CommandClass::kRouted);
  EXPECT_EQ(ClassOf("lolwut"), CommandClass::kAnyShard);
  EXPECT_EQ(ClassOf("mget"), CommandClass::kSplit);
  EXPECT_EQ(ClassOf("sinter"), CommandClass::kGathered);
  EXPECT_EQ(ClassOf("blpop"), CommandClass::kPinned);
  EXPECT_EQ(ClassOf("xread"), CommandClass::kPinned);
  EXPECT_EQ(ClassOf("slowlog|len"), CommandClass::kAllShards);
  EXPECT_EQ(ClassOf("slowlog|get"), CommandClass::kSpecial);
  EXPECT_EQ(ClassOf("info"), CommandClass::kLocal);
  EXPECT_EQ(ClassOf("monitor"), CommandClass::kRefused);
  EXPECT_EQ(ClassName(CommandClass::kAllShards), "all shards");
}

TEST(CommandClassesTest, TheCommittedTableIsThatOfTheCommandTable) {
  std::ifstream file("proxy/COMMANDS.md");
  ASSERT_TRUE(file.is_open());
  std::stringstream committed;
  committed << file.rdbuf();
  EXPECT_EQ(committed.str(), CommandClassesText())
      << "make it anew: bazel run //tests/support:command_classes > proxy/COMMANDS.md";
}

}  // namespace
}  // namespace keyway::proxy::routing
