// What the dispatcher lets pass on a replica, and on a primary that lacks replicas.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "shard/server/dispatcher.h"
#include "shard/server/replica_expiries.h"
#include "tests/unit/shard/server/client_rig.h"
#include "tests/unit/shard/server/fake_replication.h"

namespace keyway::shard {
namespace {

constexpr char kReadOnly[] = "-READONLY You can't write against a read only replica.\r\n";
constexpr char kMasterDown[] =
    "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n";
constexpr char kNoReplicas[] = "-NOREPLICAS Not enough good replicas to write.\r\n";

class DispatcherReplicationTest : public testing::Test {
 protected:
  DispatcherReplicationTest() {
    rig_.services.replication = &replication_;
    replication_.OnRoleChanged(
        [this] { rig_.keyspace.set_follows(replication_.is_replica()); });
    client_ = rig_.Connect();
    other_ = rig_.Connect();
    client_->Call("PING");
    other_->Call("PING");
  }

  // The second connection is the primary's from now on.
  ClientRig::Peer& Primary() {
    Other().set_state(StateKind::kPrimary, std::make_unique<FakePrimaryState>(&executed_));
    return *other_;
  }
  Client& Other() {
    Client* last = nullptr;
    rig_.clients.ForEach([&last](Client& client) { last = &client; });
    return *last;
  }

  FakeReplication replication_;
  ClientRig rig_;
  size_t executed_ = 0;
  std::unique_ptr<ClientRig::Peer> client_;
  std::unique_ptr<ClientRig::Peer> other_;
};

TEST_F(DispatcherReplicationTest, AReplicaIsReadOnly) {
  client_->Call("SET a 1");
  replication_.Follow("h");
  EXPECT_EQ(client_->Call("SET a 2"), kReadOnly);
  EXPECT_EQ(client_->Call("GET a"), "$1\r\n1\r\n");
  client_->Call("MULTI");
  EXPECT_EQ(client_->Call("SET a 2"), kReadOnly);
  EXPECT_EQ(client_->Call("EXEC"),
            "-EXECABORT Transaction discarded because of previous errors.\r\n");
  rig_.config.replica_read_only = false;
  EXPECT_EQ(client_->Call("SET a 2"), "+OK\r\n");
}

TEST_F(DispatcherReplicationTest, ATransactionFromBeforeIsRefused) {
  client_->Call("MULTI");
  client_->Call("SET a 1");
  replication_.Follow("h");
  EXPECT_EQ(client_->Call("EXEC"),
            "-EXECABORT Transaction discarded because of: READONLY You can't write against a read "
            "only replica.\r\n");
}

TEST_F(DispatcherReplicationTest, ThePrimaryMayWrite) {
  replication_.Follow("h", PrimaryLinkState::kConnect);
  rig_.config.replica_serve_stale_data = false;
  rig_.config.min_replicas_to_write = 1;
  replication_.Follow("h");
  EXPECT_EQ(Primary().Call("SET a 1"), "+OK\r\n");
  EXPECT_EQ(other_->Call("BLPOP l 0"), "*-1\r\n");
  EXPECT_GT(executed_, 0u);
  EXPECT_EQ(Other().type(), ClientType::kPrimary);
}

TEST_F(DispatcherReplicationTest, ErrorsOfThePrimarysCommandsAreCounted) {
  replication_.Follow("h");
  Primary().Call("LPUSH l a");
  EXPECT_EQ(rig_.stats.counters.unexpected_error_replies, 0u);
  other_->Call("GET l");
  other_->Call("NOSUCH");
  EXPECT_EQ(rig_.stats.counters.unexpected_error_replies, 2u);
  client_->Call("GET l");
  EXPECT_EQ(rig_.stats.counters.unexpected_error_replies, 2u);
}

TEST_F(DispatcherReplicationTest, StaleDataIsNotServed) {
  client_->Call("MULTI");
  client_->Call("GET a");
  replication_.Follow("h", PrimaryLinkState::kConnect);
  rig_.config.replica_serve_stale_data = false;
  EXPECT_EQ(client_->Call("EXEC"), "-EXECABORT Transaction discarded because of: " +
                                       std::string(kMasterDown).substr(1));
  EXPECT_EQ(client_->Call("GET a"), kMasterDown);
  EXPECT_EQ(client_->Call("SET a 1"), kReadOnly);
  EXPECT_EQ(client_->Call("PING"), kMasterDown);
  EXPECT_EQ(client_->Call("SELECT 0"), "+OK\r\n");
  replication_.Follow("h");
  EXPECT_EQ(client_->Call("GET a"), "$-1\r\n");
}

TEST_F(DispatcherReplicationTest, WritesWantReplicas) {
  rig_.config.min_replicas_to_write = 1;
  EXPECT_EQ(client_->Call("SET a 1"), kNoReplicas);
  EXPECT_EQ(client_->Call("GET a"), "$-1\r\n");
  replication_.set_good_replicas(1);
  EXPECT_EQ(client_->Call("SET a 1"), "+OK\r\n");
  rig_.config.min_replicas_to_write = 2;
  EXPECT_EQ(client_->Call("SET a 1"), kNoReplicas);
  rig_.config.min_replicas_max_lag = 0;
  EXPECT_EQ(client_->Call("SET a 1"), "+OK\r\n");
}

TEST_F(DispatcherReplicationTest, AReplicaMayNotTouchKeys) {
  Other().set_state(StateKind::kReplica, std::make_unique<FakeReplicaState>());
  EXPECT_EQ(Other().type(), ClientType::kReplica);
  other_->Send("GET a");
  rig_.Settle();
  EXPECT_EQ(rig_.stats.errors().at("ERR"), 1u);
  EXPECT_EQ(rig_.stats.counters.unexpected_error_replies, 1u);
  // Nor gets it a reply.
  EXPECT_EQ(rig_.clients.count(), 1u);
}

TEST_F(DispatcherReplicationTest, PausesAreNotForReplicas) {
  Other().set_state(StateKind::kReplica, std::make_unique<FakeReplicaState>());
  client_->Call("CLIENT PAUSE 100000");
  const auto& ping = rig_.stats.command(command::FindCommand("ping")->id);
  const uint64_t before = ping.calls;
  other_->Send("PING");
  rig_.Settle();
  EXPECT_EQ(ping.calls, before + 1);
}

TEST_F(DispatcherReplicationTest, APauseHoldsThePrimaryToo) {
  replication_.Follow("h");
  Primary().Call("SET a 1");
  client_->Call("CLIENT PAUSE 100000 WRITE");
  other_->Send("SET a 2");
  rig_.Settle();
  EXPECT_EQ(other_->Poll(), "");
  EXPECT_EQ(client_->Call("GET a"), "$1\r\n1\r\n");
  client_->Call("CLIENT UNPAUSE");
  EXPECT_EQ(other_->Receive(), "+OK\r\n");
}

TEST_F(DispatcherReplicationTest, ExpiredKeysStayOnAReplica) {
  client_->Call("SET a 1 PX 1");
  while (SystemClock::Instance().WallMillis() <
         rig_.keyspace.database(0).Peek(keyspace::Key("a"))->expiry_ms() + 2) {
  }
  replication_.Follow("h");
  EXPECT_EQ(client_->Call("GET a"), "$-1\r\n");
  EXPECT_EQ(client_->Call("EXISTS a"), ":0\r\n");
  EXPECT_EQ(client_->Call("DBSIZE"), ":1\r\n");
  EXPECT_EQ(Primary().Call("INCR a"), ":2\r\n");
  EXPECT_EQ(client_->Call("GET a"), "$-1\r\n");
  EXPECT_EQ(rig_.keyspace.stats().expired_keys, 0u);
  // On a writable replica who writes finds nothing there.
  rig_.config.replica_read_only = false;
  EXPECT_EQ(client_->Call("GET a"), "$-1\r\n");
  EXPECT_EQ(client_->Call("DBSIZE"), ":1\r\n");
  EXPECT_EQ(client_->Call("APPEND a xy"), ":2\r\n");
  EXPECT_EQ(client_->Call("TTL a"), ":-1\r\n");
}

TEST_F(DispatcherReplicationTest, ExpiredKeysStayDuringAPause) {
  client_->Call("SET a 1 PX 1");
  while (SystemClock::Instance().WallMillis() <
         rig_.keyspace.database(0).Peek(keyspace::Key("a"))->expiry_ms() + 2) {
  }
  client_->Call("CLIENT PAUSE 100000 WRITE");
  EXPECT_EQ(client_->Call("GET a"), "$-1\r\n");
  EXPECT_EQ(client_->Call("DBSIZE"), ":1\r\n");
  client_->Call("CLIENT UNPAUSE");
  EXPECT_EQ(client_->Call("GET a"), "$-1\r\n");
  EXPECT_EQ(client_->Call("DBSIZE"), ":0\r\n");
}

TEST_F(DispatcherReplicationTest, AWritableReplicaExpiresItsOwnKeys) {
  ReplicaExpiries expiries(rig_.services);
  rig_.config.replica_read_only = false;
  replication_.Follow("h");
  expiries.Update();
  Primary().Call("SET theirs 1 PX 1");
  client_->Call("SET ours 1 PX 1");
  client_->Call("SET late 1 PX 1000000");
  client_->Call("SET stays 1");
  EXPECT_EQ(expiries.size(), 2u);
  const int64_t end = SystemClock::Instance().MonotonicMicros() + 10'000'000;
  while (rig_.keyspace.database(0).size() != 3 &&
         SystemClock::Instance().MonotonicMicros() < end) {
    expiries.Expire();
  }
  EXPECT_EQ(rig_.keyspace.database(0).size(), 3u);
  EXPECT_EQ(rig_.keyspace.database(0).Peek(keyspace::Key("ours")), nullptr);
  EXPECT_EQ(expiries.size(), 1u);
  client_->Call("DEL late");
  expiries.Expire();
  EXPECT_EQ(expiries.size(), 0u);
  client_->Call("SET ours 1 PX 100000");
  client_->Call("FLUSHALL");
  replication_.Follow("");
  expiries.Update();
  EXPECT_EQ(expiries.size(), 0u);
}

TEST_F(DispatcherReplicationTest, WaitsEndWhenTheServerBecomesAReplica) {
  client_->Send("BLPOP l 0");
  rig_.Settle();
  rig_.blocking.UnblockAll();
  EXPECT_EQ(client_->Receive(),
            "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> "
            "replica?)\r\n");
  EXPECT_EQ(rig_.blocking.waiting(), 0u);
  rig_.Settle();
  EXPECT_EQ(rig_.clients.count(), 1u);
}

}  // namespace
}  // namespace keyway::shard
