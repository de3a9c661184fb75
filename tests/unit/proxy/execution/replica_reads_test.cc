// Reads that go to replicas, and what becomes of them when a replica does not serve.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/execution/shard_request.h"
#include "tests/unit/proxy/execution/fake_cluster.h"

namespace keyway::proxy::execution {
namespace {

// Node 0 is the primary of all slots; 1 and 2 are its replicas.
class ReplicaReadsTest : public testing::Test, protected ShardRequest::Owner {
 protected:
  ReplicaReadsTest() {
    options_.retry_interval_ms = 5;
    backend::BackendOptions backend_options;
    backend_options.reconnect_min_ms = backend_options.reconnect_max_ms = 5;
    cluster_ = std::make_unique<FakeCluster>(options_, backend_options);
    for (int i = 0; i < 3; ++i) Serve(i);
    cluster_->access.SetMap(Map({1, 2}));
    SetFit({1, 2});
  }
  ~ReplicaReadsTest() override { request_.Abandon(); }

  FakeNode& node(int index) { return cluster_->node(index); }
  void Serve(int index) {
    node(index).set_answer([index](const FakeNode::Words& words) -> std::string {
      if (words[0] == "READONLY") return "+OK\r\n";
      return ":" + std::to_string(index) + "\r\n";
    });
  }
  void Refuse(int index, const std::string& error) {
    node(index).set_answer([error](const FakeNode::Words& words) -> std::string {
      return words[0] == "READONLY" ? "+OK\r\n" : "-" + error + "\r\n";
    });
  }
  topology::SlotMapPtr Map(const std::vector<int>& replicas, int primary = 0) {
    topology::Shard shard;
    shard.primary.endpoint = node(primary).endpoint();
    for (const int replica : replicas) {
      shard.replicas.emplace_back().endpoint = node(replica).endpoint();
    }
    shard.slots = {{0, 16383}};
    return std::make_shared<topology::SlotMap>(std::vector{shard}, ++cluster_->versions, 1);
  }
  void SetFit(const std::vector<int>& replicas, bool silent = false) {
    auto table = std::make_shared<topology::NodeTable>();
    table->round = ++rounds_;
    for (int i = 0; i < 3; ++i) {
      topology::NodeState& state = table->nodes[node(i).endpoint()];
      state.primary = i == 0;
      state.fit = i == 0 || std::find(replicas.begin(), replicas.end(), i) != replicas.end();
      state.latency_micros = state.fit || !silent ? 100 : -1;
    }
    cluster_->access.SetNodeTable(table);
  }
  void Start(ReadFrom read_from, uint64_t client = 0) {
    reply_.clear();
    request_.bytes() = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    request_.Start(cluster_->access, this, 0,
                   {.repeatable = true, .read_from = read_from, .client = client});
  }
  std::string Await() {
    RunUntil(cluster_->loop, [this] { return !reply_.empty(); });
    return reply_;
  }
  std::string Ask(ReadFrom read_from, uint64_t client = 0) {
    Start(read_from, client);
    return Await();
  }
  void OnShardReply(ShardRequest&, std::string_view reply, char, Outcome) override { reply_ = reply; }
  void OnShardAway(ShardRequest&) override { ++away_; }

  AccessOptions options_;
  std::unique_ptr<FakeCluster> cluster_;
  ShardRequest request_;
  std::string reply_;
  int away_ = 0;
  uint64_t rounds_ = 0;
};

TEST_F(ReplicaReadsTest, GoesThereInReadonlyMode) {
  EXPECT_EQ(Ask(ReadFrom::kReplica, 0), ":1\r\n");
  EXPECT_EQ(Ask(ReadFrom::kReplica, 1), ":2\r\n");
  EXPECT_EQ(Ask(ReadFrom::kPrimary), ":0\r\n");
  EXPECT_EQ(node(1).log(), (std::vector<std::string>{"READONLY", "GET k"}));
  EXPECT_EQ(node(0).log(), (std::vector<std::string>{"GET k"}));
  EXPECT_EQ(cluster_->statistics.to_replicas.Get(), 2u);
  EXPECT_EQ(cluster_->statistics.to_primaries.Get(), 1u);
}

TEST_F(ReplicaReadsTest, AReplicaThatDoesNotServe) {
  for (const char* error : {"LOADING Redis is loading", "MASTERDOWN Link with MASTER is down",
                            "CLUSTERDOWN The cluster is down", "CLUSTERDOWN Hash slot not served"}) {
    SetFit({1, 2});
    SetFit({1, 2});
    const size_t asked = node(1).log().size();
    Refuse(1, error);
    EXPECT_EQ(Ask(ReadFrom::kReplica), ":2\r\n") << error;
    // It counts as unfit from then on.
    EXPECT_EQ(Ask(ReadFrom::kReplica), ":2\r\n") << error;
    EXPECT_LE(node(1).log().size(), asked + 2);
    Serve(1);
  }
  Refuse(1, "LOADING Redis is loading");
  Refuse(2, "LOADING Redis is loading");
  SetFit({1, 2});
  SetFit({1, 2});
  EXPECT_EQ(Ask(ReadFrom::kPreferReplica), ":0\r\n");
  EXPECT_EQ(away_, 0);
}

TEST_F(ReplicaReadsTest, AnErrorOfTheCommandIsTheReply) {
  Refuse(1, "WRONGTYPE Operation against a key");
  EXPECT_EQ(Ask(ReadFrom::kReplica), "-WRONGTYPE Operation against a key\r\n");
}

TEST_F(ReplicaReadsTest, ALostReplica) {
  node(1).set_answer([this](const FakeNode::Words& words) -> std::string {
    if (words[0] == "READONLY") return "+OK\r\n";
    cluster_->loop.Post([this] { node(1).Stop(); });
    return "";
  });
  EXPECT_EQ(Ask(ReadFrom::kReplica), ":2\r\n");
  SetFit({1, 2});
  SetFit({1, 2});
  // It cannot be reached.
  EXPECT_EQ(Ask(ReadFrom::kReplica), ":2\r\n");
}

TEST_F(ReplicaReadsTest, ARedirectOfAReplica) {
  const std::string moved = "MOVED 0 127.0.0.1:" + std::to_string(node(2).port());
  Refuse(1, moved);
  EXPECT_EQ(Ask(ReadFrom::kPreferReplica), ":0\r\n");
  EXPECT_GE(cluster_->refreshes, 1);
  // Replicas only: until the map says who has the slot.
  cluster_->access.SetMap(Map({1}));
  Start(ReadFrom::kReplica);
  ASSERT_TRUE(RunUntil(cluster_->loop, [this] { return away_ > 0; }));
  cluster_->access.SetMap(Map({2}));
  EXPECT_EQ(Await(), ":2\r\n");
}

TEST_F(ReplicaReadsTest, NoReplicaIsFit) {
  SetFit({});
  EXPECT_EQ(Ask(ReadFrom::kPreferReplica), ":0\r\n");
  EXPECT_EQ(Ask(ReadFrom::kNearest), ":0\r\n");
  Start(ReadFrom::kReplica);
  EXPECT_EQ(away_, 1);
  Outcome outcome;
  EXPECT_EQ(request_.DeadlineError(&outcome),
            "ERR keyway-proxy: no replica of " + net::ToString(node(0).endpoint()) +
                " is fit to be read from");
  SetFit({2});
  EXPECT_EQ(Await(), ":2\r\n");
}

TEST_F(ReplicaReadsTest, AMovingSlotIsReadAtThePrimary) {
  cluster_->access.NoteMoving(0);
  EXPECT_EQ(Ask(ReadFrom::kPreferReplica), ":0\r\n");
}

TEST_F(ReplicaReadsTest, AReadLeavesAPrimaryThatIsAway) {
  // Nobody else is fit: the read waits for the primary.
  SetFit({});
  node(0).Stop();
  Start(ReadFrom::kNearest);
  ASSERT_TRUE(RunUntil(cluster_->loop, [this] { return away_ > 0; }));
  SetFit({1});
  EXPECT_EQ(Await(), ":1\r\n");
}

TEST_F(ReplicaReadsTest, AReplicaThatIsSilent) {
  node(1).set_answer([](const FakeNode::Words& words) -> std::string {
    return words[0] == "READONLY" ? "+OK\r\n" : "";
  });
  Start(ReadFrom::kReplica);
  RunFor(cluster_->loop, 50);
  SetFit({2}, /*silent=*/true);
  RunFor(cluster_->loop, 50);
  EXPECT_EQ(reply_, "");  // not yet: it may be at work
  ASSERT_TRUE(RunUntil(cluster_->loop, [this] {
    SetFit({2}, true);
    return !reply_.empty();
  }));
  EXPECT_EQ(reply_, ":2\r\n");
}

}  // namespace
}  // namespace keyway::proxy::execution
