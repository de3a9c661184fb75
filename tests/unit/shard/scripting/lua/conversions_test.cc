// Values on their way from commands to scripts and from scripts to clients.
#include <gtest/gtest.h>

#include "tests/unit/shard/scripting/lua/vm_fixture.h"

namespace keyway::shard::scripting {
namespace {

class ConversionsTest : public VmFixture {
 protected:
  // What a script returns that hands on what a command replied.
  std::string PassOn(std::string_view answer, bool resp3 = false) {
    host.answer = answer;
    return Eval(resp3 ? "redis.setresp(3) return redis.call('x')" : "return redis.call('x')");
  }
};

TEST_F(ConversionsTest, PassesOnResp2) {
  for (const char* reply :
       {"+OK\r\n", ":12\r\n", ":-1\r\n", "$3\r\nabc\r\n", "$0\r\n\r\n", "$-1\r\n", "*0\r\n",
        "*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", "*2\r\n$-1\r\n+a\r\n"}) {
    EXPECT_EQ(PassOn(reply), reply);
  }
  EXPECT_EQ(PassOn("*-1\r\n"), "$-1\r\n");
  EXPECT_EQ(host.last_version, resp::Version::kResp2);
}

TEST_F(ConversionsTest, PassesOnResp3) {
  version = resp::Version::kResp3;
  for (const char* reply : {"_\r\n", "#t\r\n", "#f\r\n", ",1.5\r\n", ",inf\r\n",
                            "(12345678901234567890\r\n", "=7\r\ntxt:abc\r\n",
                            "%1\r\n$1\r\na\r\n:1\r\n", "~1\r\n$1\r\na\r\n", "*2\r\n#f\r\n%0\r\n"}) {
    EXPECT_EQ(PassOn(reply, true), reply);
  }
  EXPECT_EQ(PassOn("|1\r\n+a\r\n:1\r\n:5\r\n", true), ":5\r\n");
  EXPECT_EQ(host.last_version, resp::Version::kResp3);
  version = resp::Version::kResp2;
  EXPECT_EQ(PassOn("%1\r\n$1\r\na\r\n#t\r\n", true), "*2\r\n$1\r\na\r\n:1\r\n");
  EXPECT_EQ(PassOn(",1.5\r\n", true), "$3\r\n1.5\r\n");
}

TEST_F(ConversionsTest, ReadsRepliesOfManyBlocks) {
  const std::string long_string(100'000, 'x');
  const std::string reply = "*2\r\n$100000\r\n" + long_string + "\r\n:1\r\n";
  EXPECT_EQ(PassOn(reply), reply);
  EXPECT_EQ(PassOn("+OK\r\n"), "+OK\r\n");
}

TEST_F(ConversionsTest, WritesTables) {
  EXPECT_EQ(Eval("return {1.9, -1.9, 1e30, 0/0, 'a', true, false, nil, 5}"),
            "*7\r\n:1\r\n:-1\r\n:-9223372036854775808\r\n:-9223372036854775808\r\n$1\r\na\r\n:1\r\n"
            "$-1\r\n");
  EXPECT_EQ(Eval("return {ok='a\\r\\nb'}"), "+a  b\r\n");
  EXPECT_EQ(Eval("return {err='a b\\r\\n'}"), "-a b\r\n");
  EXPECT_EQ(Eval("return {err=1, ok={}}"), "*0\r\n");
  EXPECT_EQ(Eval("return {double=0/0}"), "$4\r\n-nan\r\n");
  EXPECT_EQ(Eval("return {big_number='1\\r\\n2'}"), "$4\r\n1  2\r\n");
  EXPECT_EQ(Eval("return {map={a=1}, verbatim_string={format='x', string='v'}}"), "$1\r\nv\r\n");
  version = resp::Version::kResp3;
  EXPECT_EQ(Eval("return {verbatim_string={format='a', string='v'}}"), "=5\r\na  :v\r\n");
  EXPECT_EQ(Eval("return {double=-0.5}"), ",-0.5\r\n");
  EXPECT_EQ(Eval("return {true, false, nil}"), "*2\r\n:1\r\n_\r\n");
  EXPECT_EQ(Eval("redis.setresp(3) return {true, false}"), "*2\r\n#t\r\n#f\r\n");
  EXPECT_EQ(Eval("return setmetatable({}, {__index={1, err='x'}})"), "*0\r\n");
}

TEST_F(ConversionsTest, WritesArguments) {
  Eval("redis.call('x', 1, -0.5, 0.1, 1e17, 12345678901234567, 2^53, -0, math.huge, '')");
  EXPECT_EQ(host.calls.back(),
            (std::vector<std::string>{"x", "1", "-0.5", "0.10000000000000001", "1e+17",
                                      "12345678901234568", "9007199254740992", "-0", "inf", ""}));
  for (const char* argument : {"nil", "true", "{}", "pcall"}) {
    EXPECT_EQ(Eval("return redis.pcall('x', " + std::string(argument) + ")"),
              "-ERR Lua redis lib command arguments must be strings or integers\r\n");
  }
  EXPECT_EQ(Eval("return redis.pcall()"),
            "-ERR Please specify at least one argument for this redis lib call\r\n");
}

TEST_F(ConversionsTest, OtherFunctions) {
  EXPECT_EQ(Eval("return redis.sha1hex('a')"),
            "$40\r\n86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\r\n");
  EXPECT_EQ(Eval("return redis.error_reply('My error')"), "-My error\r\n");
  EXPECT_EQ(Eval("return redis.error_reply('x')"), "-ERR x\r\n");
  EXPECT_EQ(Eval("return redis.error_reply({})"), "-ERR wrong number or type of arguments\r\n");
  EXPECT_EQ(Eval("return redis.status_reply('x')"), "+x\r\n");
  Eval("redis.log(redis.LOG_NOTICE, 'a', {}, 3, nil, 'b')");
  EXPECT_EQ(host.logged, "2:a 3 b");
  Eval("redis.set_repl(redis.REPL_AOF)");
  EXPECT_EQ(host.replication, kReplicateAof);
  EXPECT_EQ(Eval("redis.set_repl(4)"),
            "-ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE. "
            "script: sha, on @user_script:1.\r\n");
  EXPECT_EQ(Eval("return redis.acl_check_cmd('x')"), ":1\r\n");
  host.permission = ScriptHost::Permission::kDenied;
  EXPECT_EQ(Eval("return redis.acl_check_cmd('x')"), "$-1\r\n");
  host.permission = ScriptHost::Permission::kUnknownCommand;
  EXPECT_EQ(Eval("return redis.acl_check_cmd('x')"),
            "-ERR Invalid command passed to redis.acl_check_cmd() script: sha, on "
            "@user_script:1.\r\n");
}

}  // namespace
}  // namespace keyway::shard::scripting
