// Where the keys stand. Hundreds of thousands of other calls are compared with redis-server in
// tests/compat/command_table_test.py.
#include <gtest/gtest.h>

#include <sstream>

#include "common/command/table.h"

namespace keyway::command {
namespace {

std::vector<std::string> Words(const std::string& call) {
  std::istringstream stream(call);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word == "''" ? "" : word);
  return words;
}

// The positions of the keys, or the error.
std::string Keys(const std::string& call) {
  const std::vector<std::string> words = Words(call);
  const std::vector<std::string_view> arguments(words.begin(), words.end());
  const Lookup lookup = LookupCommand(arguments);
  if (lookup.status != Lookup::Status::kFound) return LookupError(lookup, arguments);
  std::vector<KeyPosition> keys = {{99, 99}};
  if (const Status status = FindKeys(*lookup.command, arguments, &keys); !status.ok()) {
    EXPECT_TRUE(keys.empty());
    return status.error().message;
  }
  std::string text;
  for (const KeyPosition& key : keys) text += (text.empty() ? "" : " ") + std::to_string(key.index);
  return text;
}

constexpr char kInvalid[] = "Invalid arguments specified for command";

TEST(FindKeysTest, PlainSpecs) {
  EXPECT_EQ(Keys("ping"), "");
  EXPECT_EQ(Keys("get k"), "1");
  EXPECT_EQ(Keys("mget a b c"), "1 2 3");
  EXPECT_EQ(Keys("mset a 1 b 2"), "1 3");
  EXPECT_EQ(Keys("rename a b"), "1 2");
  EXPECT_EQ(Keys("bitop and d a b"), "2 3 4");
  EXPECT_EQ(Keys("blpop a b 0"), "1 2");
  EXPECT_EQ(Keys("memory usage k"), "2");
  EXPECT_EQ(Keys("object encoding k"), "2");
  EXPECT_EQ(Keys("xgroup create k g $"), "2");
}

TEST(FindKeysTest, CountedKeys) {
  EXPECT_EQ(Keys("eval s 2 a b c"), "3 4");
  EXPECT_EQ(Keys("eval s 0 a"), "");
  EXPECT_EQ(Keys("fcall f 1 a"), "3");
  EXPECT_EQ(Keys("zunionstore d 2 a b"), "1 3 4");
  EXPECT_EQ(Keys("lmpop 2 a b left"), "2 3");
  EXPECT_EQ(Keys("blmpop 0 2 a b left"), "3 4");
  EXPECT_EQ(Keys("sintercard 1 a limit 5"), "2");
  EXPECT_EQ(Keys("lmpop 9 a left"), kInvalid);
  EXPECT_EQ(Keys("lmpop 9223372036854775807 a left"), kInvalid);
  EXPECT_EQ(Keys("lmpop 99999999999999999999 a left"), kInvalid);
  EXPECT_EQ(Keys("lmpop -9223372036854775808 a left"), kInvalid);
  EXPECT_EQ(Keys("zunionstore d 0 a"), kInvalid);
  EXPECT_EQ(Keys("zunionstore d 1x a"), "3 1");
}

TEST(FindKeysTest, KeysAmongOptions) {
  EXPECT_EQ(Keys("xread count 2 streams a b 0 0"), "4 5");
  EXPECT_EQ(Keys("xreadgroup group g c streams a >"), "5");
  EXPECT_EQ(Keys("xread streams a"), "ERR wrong number of arguments for 'xread' command");
  EXPECT_EQ(Keys("xread count 1 a"), kInvalid);
  EXPECT_EQ(Keys("sort k by w get # limit 0 1 store d"), "1 10");
  EXPECT_EQ(Keys("sort k by store get store"), "1");
  EXPECT_EQ(Keys("sort_ro k by w"), "1");
  EXPECT_EQ(Keys("georadius k 1 2 3 m store d"), "1 7");
  EXPECT_EQ(Keys("georadiusbymember k m 1 m storedist d"), "1 6");
  EXPECT_EQ(Keys("migrate h 1 k 0 5"), "3");
  EXPECT_EQ(Keys("migrate h 1 '' 0 5 auth keys keys a b"), "9 10");
  EXPECT_EQ(Keys("migrate h 1 k 0 5 keys a b"), kInvalid);
}

TEST(FindKeysTest, ShardChannelsChooseTheSlot) {
  EXPECT_EQ(Keys("spublish c m"), "1");
  EXPECT_EQ(Keys("ssubscribe a b"), "1 2");
  EXPECT_EQ(Keys("sunsubscribe"), "");
  EXPECT_EQ(Keys("publish c m"), "");
}

TEST(FindKeysTest, FlagsDependOnTheCall) {
  const auto flags = [](std::vector<std::string_view> arguments) {
    std::vector<KeyPosition> keys;
    EXPECT_TRUE(FindKeys(*FindCommand(arguments[0]), arguments, &keys).ok());
    return keys.at(0).flags;
  };
  EXPECT_EQ(flags({"set", "k", "v"}), kKeyOW | kKeyUpdate);
  EXPECT_EQ(flags({"set", "k", "v", "GET"}), kKeyRW | kKeyAccess | kKeyUpdate);
  EXPECT_EQ(flags({"bitfield", "k", "get", "u8", "0"}), kKeyRO | kKeyAccess);
  EXPECT_EQ(flags({"bitfield", "k", "set", "u8", "0", "1"}), kKeyRW | kKeyAccess | kKeyUpdate);
}

TEST(FindKeysTest, StepOfARange) {
  EXPECT_EQ(KeyStep(*FindCommand("mset")), 2);
  EXPECT_EQ(KeyStep(*FindCommand("mget")), 1);
  EXPECT_EQ(KeyStep(*FindCommand("ping")), 0);
  EXPECT_EQ(KeyStep(*FindCommand("eval")), 0);
}

}  // namespace
}  // namespace keyway::command
