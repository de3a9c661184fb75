// Scripts on the way of a request through the dispatcher. Their words are separated by tabs, as the
// rig splits requests at blanks.
#include "shard/scripting/engine.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "shard/commands/script_commands.h"
#include "shard/scripting/script_cache.h"
#include "shard/server/long_call.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::scripting {
namespace {

constexpr char kNoScript[] = "-NOSCRIPT No matching script. Please use EVAL.\r\n";

class ScriptEngineTest : public testing::Test {
 protected:
  ScriptEngineTest() {
    commands::RegisterScripts(rig_.handlers);
    rig_.services.scripts = &engine_;
    rig_.services.long_call = &long_call_;
    client_ = rig_.Connect();
  }
  ~ScriptEngineTest() override { client_.reset(); }

  std::string Call(std::string_view line) { return client_->Call(line); }
  const CommandStats& Stats(std::string_view name) {
    return rig_.stats.command(command::FindCommand(name)->id);
  }

  ClientRig rig_;
  ScriptEngine engine_{rig_.services};
  LongCall long_call_{rig_.loop, rig_.clients};
  std::unique_ptr<ClientRig::Peer> client_;
};

TEST_F(ScriptEngineTest, CallsCommands) {
  EXPECT_EQ(Call("EVAL return\tredis.call('SET',KEYS[1],ARGV[1]) 1 k v"), "+OK\r\n");
  EXPECT_EQ(Call("GET k"), "$1\r\nv\r\n");
  EXPECT_EQ(Call("EVAL return\t{redis.call('GET','k'),#KEYS,#ARGV} 0 a"),
            "*3\r\n$1\r\nv\r\n:0\r\n:1\r\n");
}

TEST_F(ScriptEngineTest, ChecksTheNumberOfKeys) {
  EXPECT_EQ(Call("EVAL return x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(Call("EVAL return 1"), "-ERR Number of keys can't be greater than number of args\r\n");
  EXPECT_EQ(Call("EVAL return -1"), "-ERR Number of keys can't be negative\r\n");
  EXPECT_EQ(Call("EVALSHA abc x"), kNoScript);
}

TEST_F(ScriptEngineTest, FindsScriptsBySha1) {
  EXPECT_EQ(Call("EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0"), kNoScript);
  EXPECT_EQ(Call("SCRIPT LOAD return\t1"), "$40\r\n2723dcfb8fef1a4dee465d432864a0d38e72d1fc\r\n");
  EXPECT_EQ(Call("EVALSHA 2723DCFB8FEF1A4DEE465D432864A0D38E72D1FC 0"), ":1\r\n");
  EXPECT_EQ(Call("SCRIPT EXISTS 2723dcfb8fef1a4dee465d432864a0d38e72d1fc x"), "*2\r\n:1\r\n:0\r\n");
  EXPECT_EQ(Call("SCRIPT FLUSH"), "+OK\r\n");
  EXPECT_EQ(Call("EVALSHA 2723dcfb8fef1a4dee465d432864a0d38e72d1fc 0"), kNoScript);
}

TEST_F(ScriptEngineTest, RefusesCommands) {
  const auto error_of = [this](std::string_view call) {
    return Call("EVAL return\tredis.pcall(" + std::string(call) + ") 0");
  };
  EXPECT_EQ(error_of("'nope'"), "-ERR Unknown Redis command called from script\r\n");
  EXPECT_EQ(error_of("'get'"), "-ERR Wrong number of args calling Redis command from script\r\n");
  EXPECT_EQ(error_of("'multi'"), "-ERR This Redis command is not allowed from script\r\n");
  EXPECT_EQ(error_of("'eval','x',0"), "-ERR This Redis command is not allowed from script\r\n");
  EXPECT_EQ(Call("EVAL_RO return\tredis.pcall('del','k') 0"),
            "-ERR Write commands are not allowed from read-only scripts.\r\n");
  EXPECT_EQ(Call("EVAL_RO #!lua\nreturn\t1 0"),
            "-ERR Can not execute a script with write flag using *_ro command.\r\n");
  EXPECT_EQ(Call("EVAL #!lua\tflags=no-writes\nreturn\tredis.pcall('del','k') 0"),
            "-ERR Write commands are not allowed from read-only scripts.\r\n");
}

TEST_F(ScriptEngineTest, CountsAnErrorOnce) {
  EXPECT_EQ(Call("RPUSH l a"), ":1\r\n");
  EXPECT_TRUE(Call("EVAL return\tredis.call('get','l') 0").starts_with("-WRONGTYPE"));
  EXPECT_EQ(rig_.stats.counters.error_replies, 1u);
  EXPECT_EQ(rig_.stats.errors().at("WRONGTYPE"), 1u);
  EXPECT_EQ(Stats("get").failed, 1u);
  EXPECT_EQ(Stats("eval").failed, 1u);

  EXPECT_EQ(Call("EVAL redis.pcall('get')\treturn\t1 0"), ":1\r\n");
  EXPECT_EQ(rig_.stats.counters.error_replies, 2u);
  EXPECT_EQ(Stats("get").rejected, 1u);
  EXPECT_EQ(Stats("get").calls, 1u);
  EXPECT_EQ(Stats("eval").failed, 1u);

  EXPECT_EQ(Call("EVAL return\t{err='MINE'} 0"), "-MINE\r\n");
  EXPECT_EQ(rig_.stats.errors().at("MINE"), 1u);
  EXPECT_EQ(Stats("eval").failed, 2u);
}

TEST_F(ScriptEngineTest, KeepsTheCallersDatabase) {
  EXPECT_EQ(Call("SELECT 2"), "+OK\r\n");
  EXPECT_EQ(
      Call("EVAL redis.call('set','k',1)\tredis.call('select',5)\treturn\tredis.call('get','k') 0"),
      "$-1\r\n");
  EXPECT_EQ(Call("GET k"), "$1\r\n1\r\n");
  EXPECT_EQ(Call("EVAL return\tredis.call('get','k') 0"), "$1\r\n1\r\n");
}

TEST_F(ScriptEngineTest, IsPartOfATransaction) {
  EXPECT_EQ(Call("MULTI"), "+OK\r\n");
  EXPECT_EQ(Call("EVAL return\tredis.call('incr','n') 0"), "+QUEUED\r\n");
  EXPECT_EQ(Call("INCR n"), "+QUEUED\r\n");
  EXPECT_EQ(Call("EXEC"), "*2\r\n:1\r\n:2\r\n");
}

TEST_F(ScriptEngineTest, ServesWhoWaitsAfterTheScript) {
  auto waiting = rig_.Connect();
  waiting->Send("BLPOP l 0");
  EXPECT_EQ(Call("EVAL redis.call('rpush','l','a','b')\tredis.call('lpop','l')\treturn\t1 0"),
            ":1\r\n");
  EXPECT_EQ(waiting->Receive(), "*2\r\n$1\r\nl\r\n$1\r\nb\r\n");
}

TEST_F(ScriptEngineTest, RepliesNothingToWhoWantsNoReply) {
  client_->Send("CLIENT REPLY OFF");
  client_->Send("EVAL return\tredis.call('set','k','v') 0");
  client_->Send("EVAL return\tredis.call('nope') 0");
  EXPECT_EQ(client_->Poll(), "");
  EXPECT_EQ(Call("CLIENT REPLY ON"), "+OK\r\n");
  EXPECT_EQ(Call("GET k"), "$1\r\nv\r\n");
}

TEST_F(ScriptEngineTest, TakesScriptsForWhatTheyDeclare) {
  const auto flags_of = [this](std::string_view name, std::string_view script) {
    const std::string_view args[] = {name, script, "0"};
    return engine_.CommandFlags(*command::FindCommand(name), args);
  };
  const uint32_t plain = command::FindCommand("eval")->spec->flags;
  EXPECT_EQ(flags_of("eval", "return 1"), plain);
  EXPECT_EQ(flags_of("eval", "#!lua unknown\n"), plain);
  const uint32_t declared = plain & ~(command::kStale | command::kMayReplicate);
  EXPECT_EQ(flags_of("eval", "#!lua\n"), declared | command::kWrite | command::kDenyOom);
  EXPECT_EQ(flags_of("eval", "#!lua flags=allow-oom,allow-stale\n"),
            declared | command::kWrite | command::kStale);
  EXPECT_EQ(flags_of("eval", "#!lua flags=no-writes\n"), declared);
  EXPECT_EQ(flags_of("evalsha", "#!lua flags=no-writes\n"),
            command::FindCommand("evalsha")->spec->flags);
}

TEST_F(ScriptEngineTest, StandsAsideAndEndsWhenKilled) {
  rig_.config.busy_reply_threshold = 1;
  auto other = rig_.Connect();
  client_->Send("EVAL while\ttrue\tdo\tend 0");
  ASSERT_TRUE(engine_.busy());
  ASSERT_NE(engine_.running(), nullptr);
  EXPECT_FALSE(engine_.running()->has_written);
  EXPECT_TRUE(other->Call("PING").starts_with("-BUSY "));
  EXPECT_EQ(other->Call("SCRIPT KILL"), "+OK\r\n");
  EXPECT_TRUE(client_->Receive().starts_with("-ERR Script killed by user with SCRIPT KILL"));
  EXPECT_FALSE(engine_.busy());
  EXPECT_EQ(engine_.running(), nullptr);
  EXPECT_EQ(other->Call("SCRIPT KILL"), "-NOTBUSY No scripts in execution right now.\r\n");
}

TEST_F(ScriptEngineTest, IsNotKilledOnceItHasWritten) {
  rig_.config.busy_reply_threshold = 1;
  auto other = rig_.Connect();
  client_->Send("EVAL redis.call('set','k',1)\twhile\ttrue\tdo\tend 0");
  ASSERT_TRUE(engine_.busy());
  EXPECT_TRUE(other->Call("SCRIPT KILL").starts_with("-UNKILLABLE "));
  engine_.Abort();
  long_call_.Finish();
  EXPECT_FALSE(engine_.busy());
}

}  // namespace
}  // namespace keyway::shard::scripting
