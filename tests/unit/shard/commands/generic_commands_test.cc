// Replies as redis-server 7.0.15 gives them.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "tests/support/commands/command_executor.h"

namespace keyway::shard {
namespace {

class GenericCommandsTest : public testing::Test {
 protected:
  std::string Run(std::string_view line) { return RunOn(executor_, line); }
  // The reply without the last line end.
  static std::string RunOn(CommandExecutor& executor, std::string_view line) {
    std::string reply = executor.Run(line);
    EXPECT_TRUE(reply.ends_with("\r\n"));
    return reply.substr(0, reply.size() - 2);
  }

  static constexpr const char* kSyntax = "-ERR syntax error";
  static constexpr const char* kNotInteger = "-ERR value is not an integer or out of range";
  static constexpr const char* kNoDatabase = "-ERR DB index is out of range";
  static constexpr const char* kSameObject = "-ERR source and destination objects are the same";

  ManualClock clock_;
  CommandExecutor executor_{clock_};
};

TEST_F(GenericCommandsTest, DeleteAndCount) {
  Run("MSET a 1 b 2 c 3");
  EXPECT_EQ(Run("EXISTS a a nokey"), ":2");
  EXPECT_EQ(Run("TOUCH a nokey"), ":1");
  EXPECT_EQ(Run("DEL a a nokey"), ":1");
  EXPECT_EQ(Run("UNLINK b nokey"), ":1");
  EXPECT_EQ(Run("DBSIZE"), ":1");
  EXPECT_EQ(Run("TYPE c"), "+string");
  EXPECT_EQ(Run("TYPE nokey"), "+none");
}

TEST_F(GenericCommandsTest, Rename) {
  Run("MSET a 1 b 2");
  EXPECT_EQ(Run("RENAME nokey a"), "-ERR no such key");
  EXPECT_EQ(Run("RENAME nokey nokey"), "-ERR no such key");
  EXPECT_EQ(Run("RENAME a a"), "+OK");
  EXPECT_EQ(Run("RENAMENX a a"), ":0");
  EXPECT_EQ(Run("RENAMENX a b"), ":0");
  EXPECT_EQ(Run("RENAMENX a c"), ":1");
  EXPECT_EQ(Run("RENAME c b"), "+OK");
  EXPECT_EQ(Run("GET b"), "$1\r\n1");
  EXPECT_EQ(Run("DBSIZE"), ":1");
}

TEST_F(GenericCommandsTest, Copy) {
  Run("SET a 1 EX 100");
  EXPECT_EQ(Run("COPY a a"), kSameObject);
  EXPECT_EQ(Run("COPY a b"), ":1");
  EXPECT_EQ(Run("COPY a b"), ":0");
  EXPECT_EQ(Run("COPY a b REPLACE replace"), ":1");
  EXPECT_EQ(Run("TTL b"), ":100");
  EXPECT_EQ(Run("COPY nokey b"), ":0");
  EXPECT_EQ(Run("COPY a a DB 1"), ":1");
  EXPECT_EQ(Run("COPY a a DB 0"), kSameObject);
  EXPECT_EQ(Run("COPY a b DB 16"), kNoDatabase);
  EXPECT_EQ(Run("COPY a b DB -1"), kNoDatabase);
  EXPECT_EQ(Run("COPY a b DB x"), kNotInteger);
  EXPECT_EQ(Run("COPY a b DB 99999999999"),
            "-ERR value is out of range, value must between -2147483648 and 2147483647");
  EXPECT_EQ(Run("COPY a b DB"), kSyntax);
  EXPECT_EQ(Run("OBJECT REFCOUNT a"), ":2147483647");
  EXPECT_EQ(Run("OBJECT REFCOUNT b"), ":1");
}

TEST_F(GenericCommandsTest, MoveAndSwap) {
  Run("SET a 1");
  EXPECT_EQ(Run("MOVE a 1"), ":1");
  EXPECT_EQ(Run("MOVE a 1"), ":0");
  EXPECT_EQ(Run("MOVE a 0"), kSameObject);
  EXPECT_EQ(Run("MOVE a 16"), kNoDatabase);
  EXPECT_EQ(Run("MOVE a x"), kNotInteger);
  EXPECT_EQ(Run("SWAPDB 0 1"), "+OK");
  EXPECT_EQ(Run("GET a"), "$1\r\n1");
  EXPECT_EQ(Run("SWAPDB 0 0"), "+OK");
  EXPECT_EQ(Run("SWAPDB x 1"), "-ERR invalid first DB index");
  EXPECT_EQ(Run("SWAPDB 0 99999999999"), "-ERR invalid second DB index");
  EXPECT_EQ(Run("SWAPDB 0 16"), kNoDatabase);
}

TEST_F(GenericCommandsTest, OneDatabaseInAPlainCluster) {
  CommandExecutor cluster(clock_, {.databases = 1, .cluster = true});
  RunOn(cluster, "SET a 1");
  EXPECT_EQ(RunOn(cluster, "MOVE a x"), "-ERR MOVE is not allowed in cluster mode");
  EXPECT_EQ(RunOn(cluster, "SWAPDB x 1"), "-ERR SWAPDB is not allowed in cluster mode");
  EXPECT_EQ(RunOn(cluster, "COPY a {a}b DB 0"), ":1");
  EXPECT_EQ(RunOn(cluster, "COPY a a DB 1"),
            "-ERR Copying to another database is not allowed in cluster mode");
  EXPECT_EQ(RunOn(cluster, "COPY a {a}b DB 99"), kNoDatabase);
}

TEST_F(GenericCommandsTest, SeveralDatabasesInACluster) {
  CommandExecutor cluster(clock_, {.databases = 4, .cluster = true});
  RunOn(cluster, "SET a 1");
  EXPECT_EQ(RunOn(cluster, "COPY a a DB 3"), ":1");
  EXPECT_EQ(RunOn(cluster, "COPY a a DB 4"), kNoDatabase);
  EXPECT_EQ(RunOn(cluster, "MOVE a 2"), ":1");
  EXPECT_EQ(RunOn(cluster, "SWAPDB 0 2"), "+OK");
  EXPECT_EQ(RunOn(cluster, "GET a"), "$1\r\n1");
}

TEST_F(GenericCommandsTest, Object) {
  EXPECT_EQ(Run("OBJECT ENCODING a"), "$-1");
  EXPECT_EQ(Run("OBJECT FREQ a"), "$-1");
  Run("SET a 1");
  EXPECT_EQ(Run("OBJECT ENCODING a"), "$3\r\nint");
  Run("APPEND a x");
  EXPECT_EQ(Run("OBJECT ENCODING a"), "$3\r\nraw");
  Run("SET b short");
  EXPECT_EQ(Run("OBJECT ENCODING b"), "$6\r\nembstr");
  EXPECT_EQ(Run("OBJECT REFCOUNT b"), ":1");
  clock_.AdvanceMillis(7000);
  EXPECT_EQ(Run("OBJECT IDLETIME b"), ":7");
  const std::string hint =
      "Please note that when switching between policies at runtime LRU and LFU data will take "
      "some time to adjust.";
  EXPECT_EQ(Run("OBJECT FREQ b"),
            "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. " + hint);
  executor_.config().maxmemory_policy = MaxmemoryPolicy::kAllkeysLfu;
  executor_.UpdateOptions();
  EXPECT_EQ(Run("OBJECT IDLETIME b"),
            "-ERR An LFU maxmemory policy is selected, idle time not tracked. " + hint);
  Run("DEL b");
  Run("SET b 1");
  EXPECT_EQ(Run("OBJECT FREQ b"), ":5");
  Run("GET b");
  EXPECT_EQ(Run("OBJECT FREQ b"), ":6");
  EXPECT_EQ(Run("OBJECT REFCOUNT b"), ":2147483647");
  executor_.config().maxmemory = 1 << 20;
  EXPECT_EQ(Run("OBJECT REFCOUNT b"), ":1");
  EXPECT_EQ(Run("OBJECT FOO b"), "-ERR unknown subcommand 'FOO'. Try OBJECT HELP.");
  EXPECT_TRUE(
      Run("OBJECT HELP")
          .starts_with("*15\r\n+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n"
                       "+ENCODING <key>\r\n"));
}

TEST_F(GenericCommandsTest, ExpireOptions) {
  EXPECT_EQ(Run("EXPIRE a 10"), ":0");
  Run("SET a 1");
  EXPECT_EQ(Run("EXPIRE a 10 XX"), ":0");
  EXPECT_EQ(Run("EXPIRE a 10 GT"), ":0");
  EXPECT_EQ(Run("EXPIRE a 10 NX"), ":1");
  EXPECT_EQ(Run("EXPIRE a 20 NX"), ":0");
  EXPECT_EQ(Run("EXPIRE a 20 LT"), ":0");
  EXPECT_EQ(Run("EXPIRE a 10 GT"), ":0");
  EXPECT_EQ(Run("EXPIRE a 20 GT XX"), ":1");
  EXPECT_EQ(Run("TTL a"), ":20");
  EXPECT_EQ(Run("PERSIST a"), ":1");
  EXPECT_EQ(Run("PERSIST a"), ":0");
  EXPECT_EQ(Run("EXPIRE a 5 LT"), ":1");
  EXPECT_EQ(Run("TTL a"), ":5");
  EXPECT_EQ(Run("EXPIRE a 10 NX GT"),
            "-ERR NX and XX, GT or LT options at the same time are not compatible");
  EXPECT_EQ(Run("EXPIRE a 10 GT LT"), "-ERR GT and LT options at the same time are not compatible");
  EXPECT_EQ(Run("EXPIRE a x foo"), "-ERR Unsupported option foo");
  EXPECT_EQ(Run("EXPIRE nokey x"), kNotInteger);
}

TEST_F(GenericCommandsTest, ExpireTimes) {
  const int64_t now_ms = clock_.WallMillis();
  Run("SET a 1");
  EXPECT_EQ(Run("TTL a"), ":-1");
  EXPECT_EQ(Run("EXPIRETIME a"), ":-1");
  EXPECT_EQ(Run("PTTL nokey"), ":-2");
  EXPECT_EQ(Run("PEXPIRETIME nokey"), ":-2");
  EXPECT_EQ(Run("PEXPIRE a 1499"), ":1");
  EXPECT_EQ(Run("TTL a"), ":1");
  EXPECT_EQ(Run("PEXPIRETIME a"), ":" + std::to_string(now_ms + 1499));
  EXPECT_EQ(Run("PEXPIREAT a " + std::to_string(now_ms + 500)), ":1");
  EXPECT_EQ(Run("PTTL a"), ":500");
  EXPECT_EQ(Run("TTL a"), ":1");
  clock_.AdvanceMillis(500);
  EXPECT_EQ(Run("PTTL a"), ":0");
  clock_.AdvanceMillis(1);
  EXPECT_EQ(Run("PTTL a"), ":-2");

  Run("SET a 1");
  EXPECT_EQ(Run("EXPIRE a 9223372036854775807"), "-ERR invalid expire time in 'expire' command");
  EXPECT_EQ(Run("EXPIRE a 9223372036854775"), "-ERR invalid expire time in 'expire' command");
  EXPECT_EQ(Run("EXPIRE a -9223372036854775808"), "-ERR invalid expire time in 'expire' command");
  EXPECT_EQ(Run("PEXPIRE a 9223372036854775807"), "-ERR invalid expire time in 'pexpire' command");
  EXPECT_EQ(Run("EXPIREAT a 9223372036854775807"),
            "-ERR invalid expire time in 'expireat' command");
  EXPECT_EQ(Run("PEXPIREAT a 9223372036854775807"), ":1");
  EXPECT_EQ(Run("EXPIRETIME a"), ":9223372036854776");
  EXPECT_EQ(Run("PEXPIREAT a -9223372036854775808"), ":1");
  EXPECT_EQ(Run("EXISTS a"), ":0");
  Run("SET a 1");
  EXPECT_EQ(Run("EXPIRE a -1 GT"), ":0");
  EXPECT_EQ(Run("EXPIRE a 0"), ":1");
  EXPECT_EQ(Run("EXISTS a"), ":0");
}

TEST_F(GenericCommandsTest, ScanArguments) {
  Run("MSET a 1 b 2");
  for (const char* bad : {"SCAN x", "SCAN 0x1", "SCAN 99999999999999999999", "SCAN -"}) {
    EXPECT_EQ(Run(bad), "-ERR invalid cursor") << bad;
  }
  for (const char* good : {"SCAN 0", "SCAN +0", "SCAN 0 MATCH * TYPE STRING COUNT 5"}) {
    EXPECT_TRUE(Run(good).starts_with("*2\r\n$1\r\n0\r\n*2\r\n")) << good;
  }
  EXPECT_EQ(Run("SCAN 0 MATCH b"), "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb");
  EXPECT_EQ(Run("SCAN 0 TYPE list"), "*2\r\n$1\r\n0\r\n*0");
  EXPECT_EQ(Run("SCAN -1"), "*2\r\n$1\r\n0\r\n*0");
  EXPECT_EQ(Run("SCAN 0 COUNT 0"), kSyntax);
  EXPECT_EQ(Run("SCAN 0 COUNT x"), kNotInteger);
  EXPECT_EQ(Run("SCAN 0 COUNT"), kSyntax);
  EXPECT_EQ(Run("SCAN 0 FOO 1"), kSyntax);
}

TEST_F(GenericCommandsTest, ScanDeletesWhatHasExpiredAndKeysDoesNot) {
  Run("SET a 1 PX 5");
  clock_.AdvanceMillis(6);
  EXPECT_EQ(Run("KEYS *"), "*0");
  EXPECT_EQ(Run("DBSIZE"), ":1");
  EXPECT_EQ(Run("SCAN 0"), "*2\r\n$1\r\n0\r\n*0");
  EXPECT_EQ(Run("DBSIZE"), ":0");
}

TEST_F(GenericCommandsTest, ScanWholeDatabase) {
  for (int i = 0; i < 3000; ++i) Run("SET key:" + std::to_string(i) + " x");
  std::multiset<std::string> seen;
  std::string cursor = "0";
  do {
    // *2 $n cursor *count $n key $n key ...
    const std::string reply = Run("SCAN " + cursor + " COUNT 70");
    std::vector<std::string> lines;
    for (size_t at = 0; at < reply.size();) {
      const size_t end = std::min(reply.find("\r\n", at), reply.size());
      lines.push_back(reply.substr(at, end - at));
      at = end + 2;
    }
    ASSERT_GE(lines.size(), 4u);
    cursor = lines[2];
    for (size_t i = 5; i < lines.size(); i += 2) seen.insert(lines[i]);
  } while (cursor != "0");
  EXPECT_EQ(seen.size(), 3000u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 3000u);
}

TEST_F(GenericCommandsTest, WholeDatabase) {
  EXPECT_EQ(Run("RANDOMKEY"), "$-1");
  EXPECT_EQ(Run("KEYS *"), "*0");
  Run("MSET k1 1 k2 2 other 3");
  EXPECT_TRUE(Run("KEYS k?").starts_with("*2\r\n$2\r\nk"));
  EXPECT_TRUE(Run("KEYS *").starts_with("*3\r\n"));
  EXPECT_EQ(Run("KEYS [o]th*"), "*1\r\n$5\r\nother");
  Run("SELECT 1");
  Run("SET x 1");
  EXPECT_EQ(Run("RANDOMKEY"), "$1\r\nx");
  EXPECT_EQ(Run("FLUSHDB FOO"), kSyntax);
  EXPECT_EQ(Run("FLUSHALL ASYNC SYNC"), kSyntax);
  EXPECT_EQ(Run("FLUSHDB sync"), "+OK");
  EXPECT_EQ(Run("DBSIZE"), ":0");
  Run("SELECT 0");
  EXPECT_EQ(Run("DBSIZE"), ":3");
  EXPECT_EQ(Run("FLUSHALL ASYNC"), "+OK");
  EXPECT_EQ(Run("DBSIZE"), ":0");
}

}  // namespace
}  // namespace keyway::shard
