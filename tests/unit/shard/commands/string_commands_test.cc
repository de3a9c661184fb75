// Replies as redis-server 7.0.15 gives them.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "tests/support/commands/command_executor.h"

namespace keyway::shard {
namespace {

class StringCommandsTest : public testing::Test {
 protected:
  // The reply without the last line end.
  std::string Run(std::string_view line) { return Short(executor_.Run(line)); }
  std::string Run(const std::vector<std::string_view>& args) { return Short(executor_.Run(args)); }
  static std::string Short(std::string reply) {
    EXPECT_TRUE(reply.ends_with("\r\n"));
    return reply.substr(0, reply.size() - 2);
  }

  static constexpr const char* kSyntax = "-ERR syntax error";
  static constexpr const char* kNotInteger = "-ERR value is not an integer or out of range";

  ManualClock clock_;
  CommandExecutor executor_{clock_};
};

TEST_F(StringCommandsTest, GetSet) {
  EXPECT_EQ(Run("GET a"), "$-1");
  EXPECT_EQ(Run("SET a hello"), "+OK");
  EXPECT_EQ(Run("GET a"), "$5\r\nhello");
  EXPECT_EQ(Run("set a 12"), "+OK");
  EXPECT_EQ(Run("GET a"), "$2\r\n12");
  executor_.set_version(resp::Version::kResp3);
  EXPECT_EQ(Run("GET b"), "_");
  EXPECT_EQ(Run("GET a b"), "-ERR wrong number of arguments for 'get' command");
}

TEST_F(StringCommandsTest, SetConditions) {
  EXPECT_EQ(Run("SET a 1 XX"), "$-1");
  EXPECT_EQ(Run("SET a 1 NX"), "+OK");
  EXPECT_EQ(Run("SET a 2 nx"), "$-1");
  EXPECT_EQ(Run("SET a 2 XX GET"), "$1\r\n1");
  EXPECT_EQ(Run("SET a 3 NX GET"), "$1\r\n2");
  EXPECT_EQ(Run("GET a"), "$1\r\n2");
  EXPECT_EQ(Run("SET b 3 NX GET"), "$-1");
  EXPECT_EQ(Run("GET b"), "$1\r\n3");
  EXPECT_EQ(Run("SET b 3 NX XX"), kSyntax);
  EXPECT_EQ(Run("SET b 3 PERSIST"), kSyntax);
  EXPECT_EQ(Run("SET b 3 EX"), kSyntax);
  EXPECT_EQ(Run("SET b 3 FOO"), kSyntax);
  EXPECT_EQ(Run("SET b 4 GET GET"), "$1\r\n3");
}

TEST_F(StringCommandsTest, SetExpiry) {
  EXPECT_EQ(Run("SET a 1 EX 100"), "+OK");
  EXPECT_EQ(Run("PTTL a"), ":100000");
  EXPECT_EQ(Run("SET a 1 PX 100"), "+OK");
  EXPECT_EQ(Run("PTTL a"), ":100");
  EXPECT_EQ(Run("SET a 2 KEEPTTL"), "+OK");
  EXPECT_EQ(Run("PTTL a"), ":100");
  EXPECT_EQ(Run("SET a 2"), "+OK");
  EXPECT_EQ(Run("PTTL a"), ":-1");
  EXPECT_EQ(Run("SET a 2 EXAT 1800000000"), "+OK");
  EXPECT_EQ(Run("EXPIRETIME a"), ":1800000000");
  EXPECT_EQ(Run("SET a 2 PXAT 1800000000123"), "+OK");
  EXPECT_EQ(Run("PEXPIRETIME a"), ":1800000000123");
  EXPECT_EQ(Run("SET a 2 PXAT 1"), "+OK");
  EXPECT_EQ(Run("GET a"), "$-1");
  EXPECT_EQ(Run("SET a 1 EX 10 KEEPTTL"), kSyntax);
  EXPECT_EQ(Run("SET a 1 EX 10 PX 10"), kSyntax);
  EXPECT_EQ(Run("SET a 1 EX 10 EX 20"), "+OK");
  EXPECT_EQ(Run("TTL a"), ":20");
  const std::string invalid = "-ERR invalid expire time in 'set' command";
  EXPECT_EQ(Run("SET a 1 EX 0"), invalid);
  EXPECT_EQ(Run("SET a 1 EX -1"), invalid);
  EXPECT_EQ(Run("SET a 1 EX 9223372036854775807"), invalid);
  EXPECT_EQ(Run("SET a 1 PX 9223372036854775807"), invalid);
  EXPECT_EQ(Run("SET a 1 EXAT 9223372036854775807"), invalid);
  EXPECT_EQ(Run("SET a 5 GET EX 0"), invalid);
  EXPECT_EQ(Run("SET a 1 PXAT 9223372036854775807"), "+OK");
  EXPECT_EQ(Run("EXPIRETIME a"), ":9223372036854776");
  EXPECT_EQ(Run("SET a 1 EX x"), kNotInteger);
}

TEST_F(StringCommandsTest, Relatives) {
  EXPECT_EQ(Run("SETNX a 1"), ":1");
  EXPECT_EQ(Run("SETNX a 2"), ":0");
  EXPECT_EQ(Run("SETEX a 10 3"), "+OK");
  EXPECT_EQ(Run("TTL a"), ":10");
  EXPECT_EQ(Run("PSETEX a 1500 3"), "+OK");
  EXPECT_EQ(Run("PTTL a"), ":1500");
  EXPECT_EQ(Run("TTL a"), ":2");
  EXPECT_EQ(Run("SETEX a 0 1"), "-ERR invalid expire time in 'setex' command");
  EXPECT_EQ(Run("PSETEX a -1 1"), "-ERR invalid expire time in 'psetex' command");
  EXPECT_EQ(Run("SETEX a x 1"), kNotInteger);
  EXPECT_EQ(Run("GETSET a 4"), "$1\r\n3");
  EXPECT_EQ(Run("TTL a"), ":-1");
  EXPECT_EQ(Run("GETSET b 4"), "$-1");
  EXPECT_EQ(Run("GETDEL b"), "$1\r\n4");
  EXPECT_EQ(Run("GETDEL b"), "$-1");
}

TEST_F(StringCommandsTest, Getex) {
  EXPECT_EQ(Run("GETEX a EX 0"), "$-1");
  EXPECT_EQ(Run("GETEX a FOO"), kSyntax);
  Run("SET a 1");
  EXPECT_EQ(Run("GETEX a EX 0"), "-ERR invalid expire time in 'getex' command");
  EXPECT_EQ(Run("GETEX a PX x"), kNotInteger);
  EXPECT_EQ(Run("GETEX a EX 10 PERSIST"), kSyntax);
  EXPECT_EQ(Run("GETEX a NX"), kSyntax);
  EXPECT_EQ(Run("GETEX a KEEPTTL"), kSyntax);
  EXPECT_EQ(Run("GETEX a"), "$1\r\n1");
  EXPECT_EQ(Run("TTL a"), ":-1");
  EXPECT_EQ(Run("GETEX a EX 10 EX 20"), "$1\r\n1");
  EXPECT_EQ(Run("TTL a"), ":20");
  EXPECT_EQ(Run("GETEX a PERSIST"), "$1\r\n1");
  EXPECT_EQ(Run("TTL a"), ":-1");
  EXPECT_EQ(Run("GETEX a EXAT 1"), "$1\r\n1");
  EXPECT_EQ(Run("EXISTS a"), ":0");
}

TEST_F(StringCommandsTest, Ranges) {
  EXPECT_EQ(Run("STRLEN a"), ":0");
  EXPECT_EQ(Run("APPEND a hello"), ":5");
  EXPECT_EQ(Run("APPEND a !"), ":6");
  EXPECT_EQ(Run("STRLEN a"), ":6");
  EXPECT_EQ(Run("GETRANGE a 1 -2"), "$4\r\nello");
  EXPECT_EQ(Run("SUBSTR a 0 0"), "$1\r\nh");
  EXPECT_EQ(Run("GETRANGE nokey 0 1"), "$0\r\n");
  EXPECT_EQ(Run("GETRANGE nokey 0 x"), kNotInteger);
  EXPECT_EQ(Run("GETRANGE a x 0"), kNotInteger);
  EXPECT_EQ(Run("SETRANGE a 0 J"), ":6");
  EXPECT_EQ(Run("GET a"), "$6\r\nJello!");
  EXPECT_EQ(Run("SETRANGE a -1 x"), "-ERR offset is out of range");
  EXPECT_EQ(Run("SETRANGE a x x"), kNotInteger);
  EXPECT_EQ(Run({"SETRANGE", "nokey", "5", ""}), ":0");
  const std::string too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
  EXPECT_EQ(Run("SETRANGE a 536870912 x"), too_long);
  EXPECT_EQ(Run("SETRANGE nokey 9223372036854775807 xx"), too_long);
  executor_.config().proto_max_bulk_len = 8;
  EXPECT_EQ(Run("APPEND a 123"), too_long);
  EXPECT_EQ(Run("APPEND a 12"), ":8");
}

TEST_F(StringCommandsTest, SeveralKeys) {
  EXPECT_EQ(Run("MSET a 1 b two"), "+OK");
  EXPECT_EQ(Run("MGET a b c"), "*3\r\n$1\r\n1\r\n$3\r\ntwo\r\n$-1");
  EXPECT_EQ(Run("MSET a"), "-ERR wrong number of arguments for 'mset' command");
  EXPECT_EQ(Run("MSET a 1 b"), "-ERR wrong number of arguments for 'mset' command");
  EXPECT_EQ(Run("MSETNX c 1 d"), "-ERR wrong number of arguments for 'msetnx' command");
  EXPECT_EQ(Run("MSETNX c 1 a 2"), ":0");
  EXPECT_EQ(Run("EXISTS c"), ":0");
  EXPECT_EQ(Run("MSETNX c 1 c 2"), ":1");
  EXPECT_EQ(Run("GET c"), "$1\r\n2");
}

TEST_F(StringCommandsTest, Numbers) {
  const std::string overflow = "-ERR increment or decrement would overflow";
  EXPECT_EQ(Run("INCR n"), ":1");
  EXPECT_EQ(Run("DECR n"), ":0");
  EXPECT_EQ(Run("INCRBY n 9223372036854775807"), ":9223372036854775807");
  EXPECT_EQ(Run("INCR n"), overflow);
  EXPECT_EQ(Run("DECRBY n -9223372036854775808"), "-ERR decrement would overflow");
  EXPECT_EQ(Run("DECRBY n 9223372036854775807"), ":0");
  EXPECT_EQ(Run("INCRBY n x"), kNotInteger);
  EXPECT_EQ(Run("INCRBY n 9223372036854775808"), kNotInteger);
  Run("SET s abc");
  EXPECT_EQ(Run("INCR s"), kNotInteger);
  EXPECT_EQ(Run("INCRBYFLOAT s 1"), "-ERR value is not a valid float");
  EXPECT_EQ(Run("INCRBYFLOAT n x"), "-ERR value is not a valid float");
  EXPECT_EQ(Run("INCRBYFLOAT n nan"), "-ERR value is not a valid float");
  EXPECT_EQ(Run("INCRBYFLOAT n inf"), "-ERR increment would produce NaN or Infinity");
  EXPECT_EQ(Run("INCRBYFLOAT n 3.0e3"), "$4\r\n3000");
  EXPECT_EQ(Run("INCRBYFLOAT n 0.1"), "$22\r\n3000.10000000000000009");
}

TEST_F(StringCommandsTest, Lcs) {
  Run("MSET a ohmytext b mynewtext");
  EXPECT_EQ(Run("LCS a b"), "$6\r\nmytext");
  EXPECT_EQ(Run("LCS a b LEN"), ":6");
  EXPECT_EQ(Run("LCS a nokey LEN"), ":0");
  EXPECT_EQ(Run("LCS a nokey"), "$0\r\n");
  EXPECT_EQ(Run("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN"),
            "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n"
            "$3\r\nlen\r\n:6");
  executor_.set_version(resp::Version::kResp3);
  EXPECT_EQ(Run("LCS a b IDX MINMATCHLEN 4"),
            "%2\r\n$7\r\nmatches\r\n*1\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
            "$3\r\nlen\r\n:6");
  EXPECT_EQ(Run("LCS a b IDX LEN"),
            "-ERR If you want both the length and indexes, please just use IDX.");
  EXPECT_EQ(Run("LCS a b MINMATCHLEN"), kSyntax);
  EXPECT_EQ(Run("LCS a b MINMATCHLEN x"), kNotInteger);
  EXPECT_EQ(Run("LCS a b FOO"), kSyntax);
  executor_.config().proto_max_bulk_len = 100;
  EXPECT_EQ(Run("LCS a b"),
            "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
}

}  // namespace
}  // namespace keyway::shard
