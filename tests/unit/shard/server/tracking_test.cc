#include "shard/server/tracking.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard {
namespace {

std::string Invalidate(const std::string& key) {
  return ">2\r\n$10\r\ninvalidate\r\n*1\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n";
}

class TrackingTest : public testing::Test {
 protected:
  TrackingTest() {
    rig_.services.tracking = &tracking_;
    client_ = Connect();
    other_ = Connect();
  }
  ~TrackingTest() override { rig_.clients.CloseAll(); }

  std::unique_ptr<ClientRig::Peer> Connect() {
    auto peer = rig_.Connect();
    peer->Call("HELLO 3");
    return peer;
  }

  ClientRig rig_;
  Tracking tracking_{rig_.loop, rig_.random, rig_.clients, rig_.keyspace};
  std::unique_ptr<ClientRig::Peer> client_;
  std::unique_ptr<ClientRig::Peer> other_;
};

TEST_F(TrackingTest, ListensOnlyWhileThereIsSomethingToTell) {
  client_->Call("CLIENT TRACKING ON");
  client_->Call("GET a");
  EXPECT_EQ(tracking_.keys(), 1u);
  client_->Close();
  ASSERT_TRUE(rig_.RunUntil([&] { return tracking_.tracking_clients() == 0; }));
  EXPECT_EQ(tracking_.keys(), 1u);
  other_->Call("SET a 1");
  EXPECT_EQ(tracking_.keys(), 0u);
  EXPECT_EQ(tracking_.items(), 0u);
}

TEST_F(TrackingTest, ToldOnce) {
  client_->Call("CLIENT TRACKING ON");
  client_->Call("GET a");
  other_->Call("SET a 1");
  EXPECT_EQ(client_->Receive(), Invalidate("a"));
  other_->Call("SET a 1");
  EXPECT_EQ(client_->Poll(), "");
}

TEST_F(TrackingTest, OwnChangesAfterTheReplyOfTheTransaction) {
  client_->Call("CLIENT TRACKING ON");
  client_->Call("MULTI");
  client_->Call("GET a");
  client_->Call("SET a 1");
  client_->Call("GET a");
  EXPECT_EQ(client_->Call("EXEC"), "*3\r\n_\r\n+OK\r\n$1\r\n1\r\n" + Invalidate("a"));
}

TEST_F(TrackingTest, EnabledInsideATransaction) {
  client_->Call("MULTI");
  client_->Call("CLIENT TRACKING ON");
  client_->Call("GET a");
  client_->Call("SET a 1");
  EXPECT_EQ(client_->Call("EXEC"), "*3\r\n+OK\r\n_\r\n+OK\r\n" + Invalidate("a"));
}

TEST_F(TrackingTest, ClientsLeaveTheirPrefixes) {
  client_->Call("CLIENT TRACKING ON BCAST PREFIX a PREFIX b");
  other_->Call("CLIENT TRACKING ON BCAST PREFIX b");
  EXPECT_EQ(tracking_.prefixes(), 2u);
  client_->Close();
  ASSERT_TRUE(rig_.RunUntil([&] { return tracking_.tracking_clients() == 1; }));
  EXPECT_EQ(tracking_.prefixes(), 1u);
  EXPECT_EQ(other_->Call("SET b1 x"), "+OK\r\n" + Invalidate("b1"));
  // With changes still to be told.
  other_->Send("RESET");
  EXPECT_EQ(tracking_.prefixes(), 0u);
}

TEST_F(TrackingTest, TheTableIsBounded) {
  rig_.config.tracking_table_max_keys = 5;
  client_->Call("CLIENT TRACKING ON");
  for (int i = 0; i < 100; ++i) client_->Call("GET k" + std::to_string(i));
  EXPECT_LE(tracking_.keys(), 6u);
  EXPECT_EQ(tracking_.keys(), tracking_.items());
}

TEST_F(TrackingTest, TheClientToRedirectToIsGone) {
  auto listener = Connect();
  const std::string id = listener->Call("CLIENT ID");
  client_->Call("CLIENT TRACKING ON REDIRECT " + id.substr(1, id.size() - 3));
  client_->Call("GET a");
  listener->Close();
  ASSERT_TRUE(rig_.RunUntil([&] { return rig_.clients.count() == 2; }));
  other_->Call("SET a 1");
  EXPECT_EQ(client_->Receive(), ">2\r\n$21\r\ntracking-redir-broken\r\n" + id);
}

}  // namespace
}  // namespace keyway::shard
