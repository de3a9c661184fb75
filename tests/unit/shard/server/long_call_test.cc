#include "shard/server/long_call.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shard/server/scripts.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard {
namespace {

constexpr char kBusy[] = "-BUSY of the test\r\n";

class FakeScripts final : public Scripts {
 public:
  void set_busy(bool busy) { busy_ = busy; }
  bool aborted() const { return aborted_; }
  uint32_t CommandFlags(const command::Command& command,
                        std::span<const std::string_view> /*args*/) const override {
    return command.spec->flags;
  }
  std::string_view BusyError() const override { return "BUSY of the test"; }
  void Abort() override { aborted_ = true; }
  Usage usage() const override { return {}; }
  size_t vm_bytes() const override { return 0; }
  void ForEachLibrary(const std::function<void(std::string_view code)>&) const override {}
  Status LoadLibrary(std::string_view, bool) override { return {}; }
  void ClearLibraries() override {}

 private:
  bool aborted_ = false;
};

// What EVAL does in these tests.
std::function<void(CommandContext&)>& Program() {
  static std::function<void(CommandContext&)> program;
  return program;
}

class LongCallTest : public testing::Test {
 protected:
  LongCallTest() {
    rig_.handlers.Register("eval", [](CommandContext& context) { Program()(context); });
    rig_.services.long_call = &long_call_;
    rig_.services.scripts = &scripts_;
    caller_ = rig_.Connect();
    other_ = rig_.Connect();
    Program() = [this](CommandContext& context) {
      StandAside();
      context.reply.Simple("DONE");
    };
  }
  ~LongCallTest() override {
    caller_.reset();
    other_.reset();
    Program() = nullptr;
  }

  // Inside of the program, until GoOn or Abort.
  void StandAside() {
    scripts_.set_busy(true);
    while (!go_on_ && !scripts_.aborted()) long_call_.StepAside();
    go_on_ = false;
    scripts_.set_busy(false);
  }
  void GoOn() {
    go_on_ = true;
    ASSERT_TRUE(rig_.RunUntil([this] { return !go_on_; }));
    rig_.Settle();
  }
  void StartScript() {
    caller_->Send("EVAL x 0");
    ASSERT_TRUE(long_call_.stands_aside());
  }
  ClientRig rig_;
  FakeScripts scripts_;
  LongCall long_call_{rig_.loop, rig_.clients};
  bool go_on_ = false;
  std::unique_ptr<ClientRig::Peer> caller_;
  std::unique_ptr<ClientRig::Peer> other_;
};

TEST_F(LongCallTest, EndsAtOnceWithoutStandingAside) {
  Program() = [](CommandContext& context) { context.reply.Bulk(context.args[1]); };
  EXPECT_EQ(caller_->Call("EVAL x 0"), "$1\r\nx\r\n");
  EXPECT_FALSE(long_call_.stands_aside());
  EXPECT_EQ(caller_->Call("EVAL yy 0"), "$2\r\nyy\r\n");
}

TEST_F(LongCallTest, OthersAreRefusedMeanwhile) {
  StartScript();
  EXPECT_EQ(other_->Call("PING"), kBusy);
  EXPECT_EQ(other_->Call("SET a 1"), kBusy);
  EXPECT_EQ(other_->Call("EVAL x 0"), kBusy);
  EXPECT_EQ(other_->Call("MULTI"), "+OK\r\n");
  EXPECT_EQ(other_->Call("SET a 1"), kBusy);
  EXPECT_EQ(other_->Call("EXEC"),
            "-EXECABORT Transaction discarded because of: BUSY of the test\r\n");
  EXPECT_EQ(other_->Call("EXEC"),
            "-EXECABORT Transaction discarded because of: BUSY of the test\r\n");
  EXPECT_EQ(other_->Call("WATCH a"), "+OK\r\n");
  EXPECT_EQ(other_->Call("UNWATCH"), "+OK\r\n");
  EXPECT_EQ(other_->Call("RESET"), "+RESET\r\n");
  auto newcomer = rig_.Connect();
  EXPECT_EQ(newcomer->Call("GET a"), kBusy);
  EXPECT_EQ(caller_->Poll(), "");
  GoOn();
  EXPECT_EQ(caller_->Receive(), "+DONE\r\n");
  EXPECT_EQ(other_->Call("PING"), "+PONG\r\n");
}

TEST_F(LongCallTest, RequestsOfTheCallerWait) {
  StartScript();
  caller_->Send("SET a 1");
  caller_->Send("GET a");
  EXPECT_EQ(caller_->Poll(), "");
  GoOn();
  EXPECT_EQ(caller_->Receive(), "+DONE\r\n+OK\r\n$1\r\n1\r\n");
}

TEST_F(LongCallTest, ArgumentsOutliveTheRequest) {
  Program() = [this](CommandContext& context) {
    StandAside();
    context.reply.Bulk(context.args[1]);
  };
  caller_->Send("EVAL " + std::string(100, 'x') + " 0");
  caller_->Send("SET a " + std::string(100'000, 'y'));
  GoOn();
  EXPECT_EQ(caller_->Receive(), "$100\r\n" + std::string(100, 'x') + "\r\n+OK\r\n");
}

TEST_F(LongCallTest, TheCallerGoesAway) {
  Program() = [this](CommandContext& context) {
    StandAside();
    EXPECT_TRUE(context.client.closing());
    context.services.dispatcher->CallFromScript(
        context.client, *command::FindCommand("set"),
        context.services.dispatcher->FindHandler(*command::FindCommand("set")),
        std::vector<std::string_view>{"SET", "a", "1"}, context);
  };
  StartScript();
  caller_->Close();
  ASSERT_TRUE(rig_.RunUntil([this] { return rig_.clients.count() == 1; }));
  for (int i = 0; i < 10; ++i) rig_.loop.RunOnce();
  GoOn();
  EXPECT_EQ(other_->Call("GET a"), "$1\r\n1\r\n");
}

TEST_F(LongCallTest, TheCallerIsClosedBeforeItStandsAside) {
  Program() = [this](CommandContext& context) {
    context.services.clients.Close(context.client);
    StandAside();
    context.reply.Simple("DONE");
  };
  StartScript();
  for (int i = 0; i < 10; ++i) rig_.loop.RunOnce();
  EXPECT_EQ(rig_.clients.count(), 1u);
  GoOn();
  EXPECT_EQ(caller_->Receive(), "");
}

TEST_F(LongCallTest, TheCallerOfATransactionGoesAway) {
  caller_->Call("MULTI");
  caller_->Call("SET a 1");
  caller_->Call("EVAL x 0");
  caller_->Call("INCR a");
  caller_->Call("EVAL x 0");
  caller_->Call("INCR a");
  caller_->Send("EXEC");
  caller_->Close();
  ASSERT_TRUE(rig_.RunUntil([this] { return rig_.clients.count() == 1; }));
  GoOn();
  ASSERT_TRUE(long_call_.stands_aside());
  GoOn();
  EXPECT_EQ(other_->Call("GET a"), "$1\r\n3\r\n");
}

TEST_F(LongCallTest, ATransactionGoesOnAfterwards) {
  caller_->Call("MULTI");
  caller_->Call("SET a 1");
  caller_->Call("EVAL x 0");
  caller_->Call("INCR a");
  caller_->Send("EXEC");
  ASSERT_TRUE(long_call_.stands_aside());
  // What is written already may be sent.
  const std::string first = caller_->Poll();
  GoOn();
  EXPECT_EQ(first + caller_->Receive(), "*3\r\n+OK\r\n+DONE\r\n:2\r\n");
}

TEST_F(LongCallTest, NobodyIsServedInTheMiddle) {
  other_->Send("BLPOP l 0");
  Program() = [this](CommandContext& context) {
    context.services.dispatcher->CallFromScript(
        context.client, *command::FindCommand("rpush"),
        context.services.dispatcher->FindHandler(*command::FindCommand("rpush")),
        std::vector<std::string_view>{"RPUSH", "l", "v"}, context);
    StandAside();
  };
  StartScript();
  auto third = rig_.Connect();
  EXPECT_EQ(third->Call("WATCH l"), "+OK\r\n");
  EXPECT_EQ(other_->Poll(), "");
  GoOn();
  EXPECT_EQ(other_->Receive(), "*2\r\n$1\r\nl\r\n$1\r\nv\r\n");
  EXPECT_EQ(caller_->Receive(), ":1\r\n");
}

TEST_F(LongCallTest, TimeoutsWait) {
  other_->Send("BLPOP l 0.01");
  StartScript();
  const int64_t end = SystemClock::Instance().MonotonicMicros() + 30'000;
  ASSERT_TRUE(rig_.RunUntil([&] { return SystemClock::Instance().MonotonicMicros() > end; }));
  EXPECT_EQ(other_->Poll(), "");
  GoOn();
  EXPECT_EQ(other_->Receive(), "*-1\r\n");
}

TEST_F(LongCallTest, TheEndOfAPauseWaits) {
  EXPECT_EQ(other_->Call("CLIENT PAUSE 20 WRITE"), "+OK\r\n");
  other_->Send("SET a 1");
  // It only reads, and is not held back.
  rig_.handlers.Register("eval_ro", [](CommandContext& context) { Program()(context); });
  caller_->Send("EVAL_RO x 0");
  ASSERT_TRUE(long_call_.stands_aside());
  const int64_t end = SystemClock::Instance().MonotonicMicros() + 40'000;
  ASSERT_TRUE(rig_.RunUntil([&] { return SystemClock::Instance().MonotonicMicros() > end; }));
  EXPECT_EQ(other_->Poll(), "");
  GoOn();
  EXPECT_EQ(other_->Receive(), "+OK\r\n");
}

TEST_F(LongCallTest, APauseHoldsScriptsBack) {
  EXPECT_EQ(other_->Call("CLIENT PAUSE 100000 WRITE"), "+OK\r\n");
  caller_->Send("EVAL x 0");
  EXPECT_FALSE(long_call_.stands_aside());
  EXPECT_EQ(other_->Call("CLIENT UNPAUSE"), "+OK\r\n");
  ASSERT_TRUE(rig_.RunUntil([this] { return long_call_.stands_aside(); }));
  GoOn();
  EXPECT_EQ(caller_->Receive(), "+DONE\r\n");
}

TEST_F(LongCallTest, PushesAroundTheReply) {
  Client* client = nullptr;
  const auto push = [&](std::string_view text) {
    client->Push().Simple(text);
    client->PushDone();
  };
  Program() = [&](CommandContext& context) {
    client = &context.client;
    push("before");
    StandAside();
    push("between");
    StandAside();
    context.reply.ArrayHeader(1);
    push("inside");
    StandAside();
    push("inside too");
    context.reply.Integer(1);
  };
  caller_->Call("PING");
  caller_->Send("EVAL x 0");
  ASSERT_TRUE(long_call_.stands_aside());
  push("from outside");
  std::string seen = caller_->Poll();
  EXPECT_EQ(seen, "+before\r\n+from outside\r\n");
  GoOn();
  ASSERT_TRUE(long_call_.stands_aside());
  seen = caller_->Poll();
  EXPECT_EQ(seen, "+between\r\n");
  GoOn();
  ASSERT_TRUE(long_call_.stands_aside());
  push("outside");
  seen = caller_->Poll();
  GoOn();
  seen += caller_->Receive();
  EXPECT_EQ(seen, "*1\r\n:1\r\n+inside\r\n+outside\r\n+inside too\r\n");
}

TEST_F(LongCallTest, TheCallerIsNotCalledBlocked) {
  Client* client = nullptr;
  Program() = [&](CommandContext& context) {
    client = &context.client;
    StandAside();
    context.reply.Ok();
  };
  StartScript();
  EXPECT_TRUE(client->suspended());
  EXPECT_FALSE(client->blocked());
  EXPECT_NE(client->Describe(0).find(" flags=N "), std::string::npos);
  GoOn();
  EXPECT_FALSE(client->suspended());
}

TEST_F(LongCallTest, OutputLimitOfTheCaller) {
  rig_.config.client_output_buffer_limit[kClassNormal].hard_bytes = 1000;
  Program() = [&](CommandContext& context) {
    StandAside();
    context.reply.Bulk(std::string(10'000, 'x'));
  };
  StartScript();
  GoOn();
  EXPECT_EQ(caller_->Receive(), "");
  EXPECT_EQ(rig_.clients.count(), 1u);
  EXPECT_EQ(other_->Call("PING"), "+PONG\r\n");
}

TEST_F(LongCallTest, WhatIsPushedToAClientOverItsLimitIsDropped) {
  rig_.config.client_output_buffer_limit[kClassNormal].hard_bytes = 10'000;
  Client* client = nullptr;
  rig_.clients.ForEach([&](Client& each) { client = &each; });
  Program() = [&](CommandContext& context) {
    for (int i = 0; i < 1000; ++i) {
      client->Push().Bulk(std::string(10'000, 'x'));
      client->PushDone();
    }
    EXPECT_LT(client->Memory(), 100'000u);
    StandAside();
    context.reply.Ok();
  };
  StartScript();
  EXPECT_EQ(rig_.clients.count(), 1u);
  GoOn();
  EXPECT_EQ(caller_->Receive(), "+OK\r\n");
}

TEST_F(LongCallTest, TasksForAfterwards) {
  int done = 0;
  rig_.clients.AfterLongCall([&] { ++done; });
  EXPECT_EQ(done, 1);
  StartScript();
  rig_.clients.AfterLongCall([&] { ++done; });
  rig_.Settle();
  EXPECT_EQ(done, 1);
  GoOn();
  EXPECT_EQ(done, 2);
}

TEST_F(LongCallTest, EndOfTheProcess) {
  StartScript();
  scripts_.Abort();
  long_call_.Finish();
  EXPECT_FALSE(long_call_.stands_aside());
  rig_.clients.CloseAll();
}

TEST_F(LongCallTest, EndOfTheProcessWithoutTheCaller) {
  StartScript();
  caller_->Close();
  ASSERT_TRUE(rig_.RunUntil([this] { return rig_.clients.count() == 1; }));
  scripts_.Abort();
  long_call_.Finish();
  EXPECT_FALSE(long_call_.stands_aside());
  rig_.clients.CloseAll();
}

}  // namespace
}  // namespace keyway::shard
