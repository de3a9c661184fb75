#include "shard/server/blocking_engine.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "shard/commands/replication_commands.h"
#include "tests/unit/shard/server/client_rig.h"
#include "tests/unit/shard/server/fake_replication.h"

namespace keyway::shard {
namespace {

std::string Popped(const std::string& key, const std::string& value) {
  return "*2\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n$" +
         std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

TEST(BlockingEngine, ServesInTheOrderOfWaiting) {
  ClientRig rig;
  const auto pusher = rig.Connect();
  std::vector<std::unique_ptr<ClientRig::Peer>> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.push_back(rig.Connect());
    waiting.back()->Send("BLPOP x a 0");
    EXPECT_TRUE(rig.RunUntil([&] { return rig.blocking.waiting() == waiting.size(); }));
  }
  EXPECT_EQ(rig.blocking.waiting(), 20u);
  EXPECT_EQ(rig.blocking.timeouts(), 0u);
  for (int i = 0; i < 20; i += 2) {
    const std::string first = std::to_string(i);
    const std::string second = std::to_string(i + 1);
    EXPECT_EQ(pusher->Call("RPUSH a " + first + " " + second), ":2\r\n");
    EXPECT_EQ(waiting[static_cast<size_t>(i)]->Receive(), Popped("a", first));
    EXPECT_EQ(waiting[static_cast<size_t>(i + 1)]->Receive(), Popped("a", second));
  }
  EXPECT_EQ(rig.blocking.waiting(), 0u);
  EXPECT_EQ(pusher->Call("EXISTS a x"), ":0\r\n");
}

TEST(BlockingEngine, LaterRequestsWait) {
  ClientRig rig;
  const auto pusher = rig.Connect();
  const auto client = rig.Connect();
  client->Send("BLPOP a 0");
  client->Send("SET b 1");
  client->Send("BLPOP a 0");
  client->Send("GET b");
  EXPECT_EQ(client->Poll(), "");
  EXPECT_EQ(pusher->Call("EXISTS b"), ":0\r\n");
  pusher->Call("RPUSH a 1");
  EXPECT_EQ(client->Receive(), Popped("a", "1") + "+OK\r\n");
  pusher->Call("RPUSH a 2");
  EXPECT_EQ(client->Receive(), Popped("a", "2") + "$1\r\n1\r\n");
}

TEST(BlockingEngine, TimeoutsComeInOrder) {
  ClientRig rig;
  const auto late = rig.Connect();
  const auto early = rig.Connect();
  const auto never = rig.Connect();
  late->Send("BLPOP a b 0.06");
  early->Send("BLMOVE a b LEFT LEFT 0.02");
  never->Send("BLPOP a 0");
  EXPECT_EQ(rig.blocking.timeouts(), 2u);
  EXPECT_TRUE(rig.RunUntil([&] { return rig.blocking.timeouts() == 1; }));
  EXPECT_EQ(early->Receive(), "*-1\r\n");
  EXPECT_TRUE(rig.RunUntil([&] { return rig.blocking.timeouts() == 0; }));
  EXPECT_EQ(late->Receive(), "*-1\r\n");
  EXPECT_EQ(rig.blocking.waiting(), 1u);
  EXPECT_EQ(late->Call("PING"), "+PONG\r\n");
}

TEST(BlockingEngine, ChainsAndRingsEnd) {
  ClientRig rig;
  const auto pusher = rig.Connect();
  std::vector<std::unique_ptr<ClientRig::Peer>> waiting;
  for (int i = 0; i < 30; ++i) {
    waiting.push_back(rig.Connect());
    waiting.back()->Send("BLMOVE k" + std::to_string(i % 10) + " k" + std::to_string((i + 1) % 10) +
                         " LEFT RIGHT 0");
  }
  EXPECT_EQ(pusher->Call("RPUSH k0 x"), ":1\r\n");
  for (const auto& peer : waiting) EXPECT_EQ(peer->Receive(), "$1\r\nx\r\n");
  EXPECT_EQ(pusher->Call("LRANGE k0 0 -1"), "*1\r\n$1\r\nx\r\n");
}

TEST(BlockingEngine, AClosedClientIsForgotten) {
  ClientRig rig;
  const auto pusher = rig.Connect();
  const auto gone = rig.Connect();
  const auto next = rig.Connect();
  gone->Send("BLPOP a b 100");
  next->Send("BLPOP a 0");
  gone->Close();
  EXPECT_TRUE(rig.RunUntil([&] { return rig.blocking.waiting() == 1; }));
  EXPECT_EQ(rig.blocking.timeouts(), 0u);
  pusher->Call("RPUSH a 1 2");
  EXPECT_EQ(next->Receive(), Popped("a", "1"));
  EXPECT_EQ(pusher->Call("LLEN a"), ":1\r\n");
}

TEST(BlockingEngine, ServesAfterTheWholeOfExec) {
  ClientRig rig;
  const auto pusher = rig.Connect();
  const auto client = rig.Connect();
  client->Send("BLPOP a b 0");
  pusher->Call("MULTI");
  pusher->Call("RPUSH b 1");
  pusher->Call("RPUSH a 2");
  pusher->Call("LPUSH b 0");
  EXPECT_EQ(pusher->Call("EXEC"), "*3\r\n:1\r\n:1\r\n:2\r\n");
  EXPECT_EQ(client->Receive(), Popped("b", "0"));
}

TEST(BlockingEngine, SwappedDatabasesAreLookedAt) {
  ClientRig rig;
  const auto pusher = rig.Connect();
  const auto client = rig.Connect();
  client->Send("BLPOP a 0");
  pusher->Call("SELECT 1");
  pusher->Call("RPUSH a 1");
  EXPECT_EQ(client->Poll(), "");
  pusher->Call("SWAPDB 0 1");
  EXPECT_EQ(client->Receive(), Popped("a", "1"));
}

TEST(BlockingEngine, Unblock) {
  FakeReplication replication;
  ClientRig rig;
  rig.services.replication = &replication;
  commands::RegisterReplication(rig.handlers);
  const auto admin = rig.Connect();
  const auto client = rig.Connect();
  EXPECT_EQ(admin->Call("CLIENT UNBLOCK 2"), ":0\r\n");
  client->Send("BLPOP a 0");
  EXPECT_EQ(admin->Call("CLIENT UNBLOCK 2"), ":1\r\n");
  EXPECT_EQ(client->Receive(), "*-1\r\n");
  client->Send("BLPOP a 10");
  EXPECT_EQ(admin->Call("CLIENT UNBLOCK 2 ERROR"), ":1\r\n");
  EXPECT_EQ(client->Receive(), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  EXPECT_EQ(rig.blocking.timeouts(), 0u);
  client->Send("WAIT 1 0");
  EXPECT_EQ(admin->Call("CLIENT UNBLOCK 2"), ":1\r\n");
  EXPECT_EQ(client->Receive(), ":0\r\n");
  EXPECT_EQ(rig.blocking.waiting(), 0u);
}

TEST(BlockingEngine, HonoursReplyOff) {
  ClientRig rig;
  const auto pusher = rig.Connect();
  const auto client = rig.Connect();
  client->Send("CLIENT REPLY SKIP");
  client->Send("BLPOP a 0");
  client->Send("PING");
  EXPECT_EQ(client->Poll(), "");
  pusher->Call("RPUSH a 1");
  EXPECT_EQ(client->Receive(), "+PONG\r\n");
  client->Send("CLIENT REPLY OFF");
  client->Send("BLPOP a 0");
  pusher->Call("RPUSH a 1");
  EXPECT_EQ(client->Poll(), "");
  EXPECT_EQ(client->Call("CLIENT REPLY ON"), "+OK\r\n");
}

TEST(BlockingEngine, CountsACallOnce) {
  ClientRig rig;
  const auto pusher = rig.Connect();
  const auto client = rig.Connect();
  client->Send("BLPOP a 0");
  pusher->Call("RPUSH a 1");
  const CommandStats& blpop = rig.stats.command(command::FindCommand("blpop")->id);
  EXPECT_EQ(blpop.calls, 1u);
  EXPECT_EQ(blpop.failed, 0u);
  client->Send("BLMOVE a s LEFT LEFT 0");
  pusher->Call("SET s x");
  pusher->Call("RPUSH a 1");
  EXPECT_EQ(client->Receive().substr(0, 10), Popped("a", "1").substr(0, 10));
  const CommandStats& blmove = rig.stats.command(command::FindCommand("blmove")->id);
  EXPECT_EQ(blmove.calls, 1u);
  EXPECT_EQ(blmove.failed, 1u);
}

TEST(BlockingEngine, ManyKeysOneOfThemTwice) {
  ClientRig rig;
  const auto pusher = rig.Connect();
  const auto client = rig.Connect();
  std::string request = "BLPOP";
  for (int i = 0; i < 1000; ++i) request += " k" + std::to_string(i);
  client->Send(request + " k5 0");
  EXPECT_EQ(rig.blocking.waiting(), 1u);
  pusher->Call("RPUSH k5 x y");
  EXPECT_EQ(client->Receive(), Popped("k5", "x"));
  EXPECT_EQ(pusher->Call("LLEN k5"), ":1\r\n");
}

}  // namespace
}  // namespace keyway::shard
