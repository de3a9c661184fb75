#include "shard/persistence/aof/manifest.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace keyway::shard::persistence {
namespace {

std::string ErrorOf(std::string_view text) {
  const auto manifest = AofManifest::Parse(text);
  if (manifest.ok()) return "ok";
  const AofManifest::ParseError& error = manifest.error();
  return std::to_string(error.line) + " '" + error.text + "' " + error.message;
}

TEST(AofManifestTest, ReadsWhatItPrints) {
  AofManifest manifest;
  manifest.SetNewBase("appendonly.aof", true);
  manifest.AddIncremental("appendonly.aof");
  manifest.AddIncremental("appendonly.aof");
  manifest.SetNewBase("appendonly.aof", false);
  manifest.AddIncremental("appendonly.aof");
  manifest.RetireIncremental(1);
  // The newest history comes first.
  EXPECT_EQ(manifest.Print(),
            "file appendonly.aof.2.base.aof seq 2 type b\n"
            "file appendonly.aof.1.incr.aof seq 1 type h\n"
            "file appendonly.aof.2.incr.aof seq 2 type h\n"
            "file appendonly.aof.1.base.rdb seq 1 type h\n"
            "file appendonly.aof.3.incr.aof seq 3 type i\n");
  const auto read = AofManifest::Parse(manifest.Print());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, manifest);
}

TEST(AofManifestTest, CountsOn) {
  auto manifest = AofManifest::Parse(
      "file a.7.base.rdb seq 7 type b\nfile a.3.incr.aof seq 3 type i\n"
      "file a.9.incr.aof seq 9 type i\n");
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->AddIncremental("b").name, "b.10.incr.aof");
  EXPECT_EQ(manifest->SetNewBase("b", true).name, "b.8.base.rdb");
  manifest->RetireIncremental(0);
  EXPECT_EQ(manifest->history().size(), 4u);
  EXPECT_FALSE(manifest->empty());
  manifest->ForgetHistory();
  EXPECT_EQ(manifest->Print(), "file b.8.base.rdb seq 8 type b\n");
}

TEST(AofManifestTest, AdoptsTheSingleFileOfRedis6) {
  AofManifest manifest;
  EXPECT_TRUE(manifest.empty());
  manifest.AdoptBase("appendonly.aof");
  EXPECT_EQ(manifest.Print(), "file appendonly.aof seq 1 type b\n");
  EXPECT_EQ(manifest.SetNewBase("appendonly.aof", true).sequence, 2);
}

TEST(AofManifestTest, QuotesNames) {
  AofManifest manifest;
  manifest.AddIncremental("my \"file\"\n");
  EXPECT_EQ(manifest.Print(), "file \"my \\\"file\\\"\\n.1.incr.aof\" seq 1 type i\n");
  const auto read = AofManifest::Parse(manifest.Print());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, manifest);
}

// Each as redis-server 7.0.15 takes it.
TEST(AofManifestTest, TakesWhatRedisTakes) {
  const auto manifest = AofManifest::Parse(
      "# a comment\n"
      "TYPE ignored-tail SEQ 4x FILE \"a\"\n"
      "#another\n"
      "  file b seq 5 type i more pairs \r\n");
  ASSERT_TRUE(manifest.ok());
  ASSERT_EQ(manifest->incremental().size(), 2u);
  EXPECT_EQ(manifest->incremental()[0], (AofPart{"a", 4, AofPartKind::kIncremental}));
  EXPECT_EQ(manifest->incremental()[1], (AofPart{"b", 5, AofPartKind::kIncremental}));
  EXPECT_EQ(ErrorOf("# nothing else\n"), "ok");
}

// The texts of redis-server 7.0.15.
TEST(AofManifestTest, RefusesWhatRedisRefuses) {
  constexpr const char* kBad = "Invalid AOF manifest file format";
  EXPECT_EQ(ErrorOf(""), "0 '' Found an empty AOF manifest");
  for (const char* line :
       {"", "file a seq 1", "file a seq 0 type i", "file a seq x type i", "file a seq 2 type i foo",
        "file \"a\" seq 1 type \"i", "file a seq 1 more i", "seq 1 type i more x"}) {
    EXPECT_EQ(ErrorOf(std::string(line) + "\n"), "1 '" + std::string(line) + "' " + kBad);
  }
  EXPECT_EQ(ErrorOf("file a seq 1 type x\n"), "1 'file a seq 1 type x' Unknown AOF file type");
  EXPECT_EQ(ErrorOf("file a/b seq 1 type i\n"),
            "1 'file a/b seq 1 type i' File can't be a path, just a filename");
  EXPECT_EQ(ErrorOf("file a seq 1 type b\nfile b seq 2 type b\n"),
            "2 'file b seq 2 type b' Found duplicate base file information");
  EXPECT_EQ(ErrorOf("file a seq 2 type i\nfile b seq 2 type i\n"),
            "2 'file b seq 2 type i' Found a non-monotonic sequence number");
  EXPECT_EQ(ErrorOf("file a seq 1 type i\n\n"), std::string("2 '' ") + kBad);
  constexpr const char* kTooLong = "0 '' The AOF manifest file contains too long line";
  EXPECT_EQ(ErrorOf("file a seq 1 type i"), kTooLong);
  EXPECT_EQ(ErrorOf("file " + std::string(1100, 'a') + " seq 1 type i\n"), kTooLong);
}

}  // namespace
}  // namespace keyway::shard::persistence
