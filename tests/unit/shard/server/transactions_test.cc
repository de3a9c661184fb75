#include "shard/server/transactions.h"

#include <gtest/gtest.h>

#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard {
namespace {

TEST(Transactions, QueuesAndExecutes) {
  ClientRig rig;
  const auto client = rig.Connect();
  EXPECT_EQ(client->Call("MULTI"), "+OK\r\n");
  EXPECT_EQ(client->Call("SET a 1"), "+QUEUED\r\n");
  EXPECT_EQ(client->Call("INCR a"), "+QUEUED\r\n");
  EXPECT_EQ(client->Call("EXEC"), "*2\r\n+OK\r\n:2\r\n");
  EXPECT_EQ(client->Call("EXEC"), "-ERR EXEC without MULTI\r\n");
}

TEST(Transactions, CountsEachCommandOnce) {
  ClientRig rig;
  const auto client = rig.Connect();
  client->Call("MULTI");
  client->Call("SET a x");
  client->Call("INCR a");
  client->Call("EXEC");
  const auto calls = [&](const char* name) -> const CommandStats& {
    return rig.stats.command(command::FindCommand(name)->id);
  };
  EXPECT_EQ(calls("multi").calls, 1u);
  EXPECT_EQ(calls("set").calls, 1u);
  EXPECT_EQ(calls("incr").calls, 1u);
  EXPECT_EQ(calls("incr").failed, 1u);
  EXPECT_EQ(calls("exec").calls, 1u);
  EXPECT_EQ(calls("exec").failed, 0u);
  EXPECT_EQ(rig.stats.counters.error_replies, 1u);
  // What EXEC took includes what it executed.
  EXPECT_GE(calls("exec").micros, calls("set").micros + calls("incr").micros);
}

TEST(Transactions, RefusedCommandsAbort) {
  ClientRig rig;
  const auto client = rig.Connect();
  for (const char* wrong : {"NOSUCH", "GET", "SHUTDOWN"}) {
    client->Call("MULTI");
    client->Call("SET a 1");
    EXPECT_EQ(client->Call(wrong)[0], '-');
    EXPECT_EQ(client->Call("EXEC"),
              "-EXECABORT Transaction discarded because of previous errors.\r\n");
    EXPECT_EQ(client->Call("EXISTS a"), ":0\r\n");
  }
}

TEST(Transactions, ListensOnlyWhileKeysAreWatched) {
  ClientRig rig;
  const auto client = rig.Connect();
  const auto other = rig.Connect();
  client->Call("WATCH a b");
  other->Call("WATCH b c");
  other->Call("SET b 1");
  client->Call("MULTI");
  EXPECT_EQ(client->Call("EXEC"), "*-1\r\n");
  EXPECT_EQ(other->Call("UNWATCH"), "+OK\r\n");
  other->Call("MULTI");
  EXPECT_EQ(other->Call("EXEC"), "*0\r\n");
}

TEST(Transactions, AClosedClientIsForgotten) {
  ClientRig rig;
  const auto client = rig.Connect();
  {
    const auto gone = rig.Connect();
    gone->Call("WATCH a");
    gone->Call("MULTI");
    gone->Call("SET b 1");
    gone->Close();
    EXPECT_TRUE(rig.RunUntil([&] { return rig.clients.count() == 1; }));
  }
  EXPECT_EQ(client->Call("SET a 1"), "+OK\r\n");
  EXPECT_EQ(client->Call("EXISTS b"), ":0\r\n");
}

TEST(Transactions, WatchedKeysThatExpire) {
  ManualClock clock;
  ClientRig rig(clock);
  const auto client = rig.Connect();
  client->Call("SET a 1 PX 100");
  client->Call("WATCH a");
  client->Call("MULTI");
  clock.AdvanceMillis(50);
  EXPECT_EQ(client->Call("EXEC"), "*0\r\n");
  client->Call("WATCH a");
  clock.AdvanceMillis(100);
  client->Call("MULTI");
  EXPECT_EQ(client->Call("EXEC"), "*-1\r\n");

  // It lies there still, but is as good as gone: neither its deletion nor EXEC is a change.
  EXPECT_EQ(rig.keyspace.database(0).size(), 1u);
  client->Call("WATCH a");
  client->Call("MULTI");
  EXPECT_EQ(client->Call("EXEC"), "*0\r\n");
  client->Call("WATCH a");
  EXPECT_EQ(client->Call("EXISTS a"), ":0\r\n");
  client->Call("MULTI");
  EXPECT_EQ(client->Call("EXEC"), "*0\r\n");
}

TEST(Transactions, BoundsTheQueue) {
  ClientRig rig;
  rig.config.client_query_buffer_limit = 100'000;
  rig.clients.ApplyLimits();
  const auto client = rig.Connect();
  client->Call("MULTI");
  const std::string set = "SET a " + std::string(30'000, 'v');
  EXPECT_EQ(client->Call(set), "+QUEUED\r\n");
  EXPECT_EQ(client->Call(set), "+QUEUED\r\n");
  EXPECT_EQ(client->Call(set), "+QUEUED\r\n");
  EXPECT_EQ(client->Call(set), "");
  EXPECT_EQ(rig.clients.count(), 0u);
  EXPECT_EQ(rig.stats.counters.query_limit_disconnections, 1u);
}

TEST(Transactions, DescribesItself) {
  ClientRig rig;
  const auto client = rig.Connect();
  const auto other = rig.Connect();
  other->Call("WATCH a");
  other->Call("MULTI");
  other->Call("SET a 1");
  client->Call("SET a 2");
  const std::string list = client->Call("CLIENT LIST ID 2");
  EXPECT_NE(list.find(" flags=xd "), std::string::npos) << list;
  EXPECT_NE(list.find(" multi=1 "), std::string::npos) << list;
}

TEST(Transactions, ResetEndsAll) {
  ClientRig rig;
  const auto client = rig.Connect();
  client->Call("WATCH a");
  client->Call("MULTI");
  client->Call("SET a 1");
  EXPECT_EQ(client->Call("RESET"), "+RESET\r\n");
  EXPECT_EQ(client->Call("EXEC"), "-ERR EXEC without MULTI\r\n");
  EXPECT_EQ(client->Call("EXISTS a"), ":0\r\n");
}

}  // namespace
}  // namespace keyway::shard
