#include "proxy/scripting/declared_flags.h"

#include <gtest/gtest.h>

#include <string>

namespace keyway::proxy::scripting {
namespace {

bool Writes(std::string_view name, std::string_view argument, ScriptCache& cache) {
  const command::Command& command = *command::FindCommand(name);
  const std::string_view arguments[] = {name, argument, "0"};
  return (FlagsOfCall(command, arguments, cache) & (command::kWrite | command::kMayReplicate)) != 0;
}

TEST(DeclaredFlagsTest, AScriptThatDeclaresNoWritesIsNoWrite) {
  ScriptCache cache(1 << 20);
  const std::string reader = "#!lua flags=no-writes\nreturn 1";
  const std::string writer = "#!lua\nreturn 1";
  EXPECT_FALSE(Writes("eval", reader, cache));
  EXPECT_TRUE(Writes("eval", writer, cache));
  EXPECT_TRUE(Writes("eval", "return 1", cache));
  EXPECT_TRUE(Writes("eval", "#!lua flags=nope\nreturn 1", cache));
  EXPECT_FALSE(Writes("eval_ro", "return 1", cache));
  const std::string sha1 = cache.Add(reader).script->sha1;
  EXPECT_FALSE(Writes("evalsha", sha1, cache));
  EXPECT_TRUE(Writes("evalsha", cache.Add("return 1").script->sha1, cache));
  EXPECT_TRUE(Writes("evalsha", Sha1Digits("return 2"), cache));
  EXPECT_TRUE(Writes("fcall", reader, cache));
  EXPECT_TRUE(Writes("set", reader, cache));
  EXPECT_FALSE(Writes("get", "k", cache));
}

}  // namespace
}  // namespace keyway::proxy::scripting
