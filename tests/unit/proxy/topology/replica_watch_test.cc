#include "proxy/topology/replica_watch.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/proxy/backend/fake_node.h"

namespace keyway::proxy::topology {
namespace {

// What a fake node says of itself.
struct View {
  bool primary = false;
  bool link_up = true;
  bool syncing = false;
  bool answers = true;
  int64_t offset = 100;
  std::string stream = "s";
  std::string error;

  std::string Reply() const {
    if (!answers) return "";
    if (!error.empty()) return "-" + error + "\r\n";
    std::string text = "role:" + std::string(primary ? "master" : "slave") + "\r\nmaster_replid:" +
                       stream + "\r\nmaster_repl_offset:" + std::to_string(offset) + "\r\n";
    if (!primary) {
      text += "slave_repl_offset:" + std::to_string(offset) +
              "\r\nmaster_link_status:" + (link_up ? "up" : "down") +
              "\r\nmaster_sync_in_progress:" + (syncing ? "1" : "0") + "\r\n";
    }
    return Bulk(text);
  }
};

// A primary, node 0, and its replicas 1 and 2.
class ReplicaWatchTest : public ::testing::Test {
 protected:
  ReplicaWatchTest() {
    views_[0].primary = true;
    for (int i = 0; i < 3; ++i) {
      nodes_.push_back(std::make_unique<FakeNode>(
          loop_, [view = &views_[i]](const FakeNode::Words&) { return view->Reply(); }));
    }
    options_.interval_ms = 20;
    options_.timeout_ms = 200;
    options_.primary_ms = 50;
    options_.max_lag_ms = 150;
  }

  const net::Endpoint& At(int node) { return nodes_[static_cast<size_t>(node)]->endpoint(); }
  SlotMapPtr Map(int replicas = 2) {
    Shard shard;
    shard.primary.endpoint = At(0);
    for (int i = 1; i <= replicas; ++i) {
      Node node;
      node.endpoint = At(i);
      node.primary = false;
      shard.replicas.push_back(node);
    }
    shard.slots = {{0, 16383}};
    return std::make_shared<SlotMap>(std::vector{shard}, ++version_, 1);
  }
  void Start() {
    watch_ = std::make_unique<ReplicaWatch>(loop_, options_);
    watch_->Subscribe(loop_, [this](NodeTablePtr table) { table_ = std::move(table); });
    watch_->SetMap(Map());
  }
  // The next table for which `good` holds.
  template <typename Good>
  bool Await(Good good) {
    return RunUntil(loop_, [&] { return table_ != nullptr && good(); });
  }
  bool IsFit(int node) {
    const NodeState* state = table_->Find(At(node));
    return state != nullptr && state->fit;
  }
  bool AwaitFitness(bool zero, bool one, bool two) {
    return Await([&] { return IsFit(0) == zero && IsFit(1) == one && IsFit(2) == two; });
  }

  net::EventLoop loop_;
  View views_[3];
  std::vector<std::unique_ptr<FakeNode>> nodes_;
  ReplicaWatchOptions options_;
  uint64_t version_ = 0;
  std::unique_ptr<ReplicaWatch> watch_;
  NodeTablePtr table_;
};

TEST_F(ReplicaWatchTest, AllAreWell) {
  Start();
  ASSERT_TRUE(AwaitFitness(true, true, true));
  EXPECT_TRUE(table_->Find(At(0))->primary);
  EXPECT_FALSE(table_->Find(At(1))->primary);
  for (int i = 0; i < 3; ++i) EXPECT_GE(table_->Find(At(i))->latency_micros, 0) << i;
  EXPECT_EQ(table_->Find(At(0))->lag_micros, -1);
  EXPECT_GE(table_->Find(At(1))->lag_micros, 0);
  bool any_nearest = false;
  for (int i = 0; i < 3; ++i) any_nearest = any_nearest || table_->Find(At(i))->nearest;
  EXPECT_TRUE(any_nearest);
  EXPECT_EQ(watch_->current()->nodes.size(), 3u);
}

TEST_F(ReplicaWatchTest, WhoIsUnfit) {
  Start();
  ASSERT_TRUE(AwaitFitness(true, true, true));
  const auto expect_unfit = [this](const char* because) {
    ASSERT_TRUE(AwaitFitness(true, false, true)) << because;
    EXPECT_EQ(table_->Find(At(1))->unfit_because, because);
    views_[1] = {};
    ASSERT_TRUE(AwaitFitness(true, true, true)) << because;
  };
  views_[1].link_up = false;
  expect_unfit("its link to its primary is down");
  views_[1].syncing = true;
  expect_unfit("it gets a full copy from its primary");
  views_[1].primary = true;
  expect_unfit("it calls itself a primary");
  views_[1].stream = "other";
  expect_unfit("how far it is behind its primary is not known");
  views_[1].error = "BUSY a script";
  expect_unfit("it answers INFO with BUSY a script");
}

TEST_F(ReplicaWatchTest, Lag) {
  Start();
  ASSERT_TRUE(AwaitFitness(true, true, true));
  views_[0].offset = views_[2].offset = 200;
  ASSERT_TRUE(Await([this] { return table_->Find(At(1))->lag_micros > 20'000; }));
  ASSERT_TRUE(AwaitFitness(true, false, true));
  EXPECT_GT(table_->Find(At(1))->lag_micros, 150'000);
  views_[1].offset = 200;
  EXPECT_TRUE(AwaitFitness(true, true, true));
}

TEST_F(ReplicaWatchTest, NoAnswer) {
  Start();
  ASSERT_TRUE(AwaitFitness(true, true, true));
  views_[1].answers = false;
  ASSERT_TRUE(AwaitFitness(true, false, true));
  EXPECT_EQ(table_->Find(At(1))->latency_micros, -1);
  EXPECT_FALSE(table_->Find(At(1))->nearest);
  // Who has been asked in vain owes all these replies.
  nodes_[1]->Drop();
  views_[1].answers = true;
  EXPECT_TRUE(AwaitFitness(true, true, true));
}

TEST_F(ReplicaWatchTest, APrimaryThatHangsDoesNotKeepItsReplicasFromBeingAsked) {
  options_.max_lag_ms = 600'000;
  Start();
  ASSERT_TRUE(AwaitFitness(true, true, true));
  views_[0].answers = false;
  ASSERT_TRUE(AwaitFitness(false, true, true));
  EXPECT_TRUE(table_->Find(At(1))->nearest || table_->Find(At(2))->nearest);
  EXPECT_FALSE(table_->Find(At(0))->nearest);
}

TEST_F(ReplicaWatchTest, ADeadReplica) {
  Start();
  ASSERT_TRUE(AwaitFitness(true, true, true));
  nodes_[2]->Stop();
  EXPECT_TRUE(AwaitFitness(true, true, false));
}

TEST_F(ReplicaWatchTest, ANewMap) {
  Start();
  ASSERT_TRUE(AwaitFitness(true, true, true));
  watch_->SetMap(Map(1));
  ASSERT_TRUE(Await([this] { return table_->nodes.size() == 2; }));
  // Also many of them, at any moment of a round.
  for (int i = 0; i < 50; ++i) {
    watch_->SetMap(Map(1 + i % 2));
    RunFor(loop_, 1);
  }
  EXPECT_TRUE(AwaitFitness(true, true, true));
}

TEST_F(ReplicaWatchTest, Zone) {
  options_.zones.own = "a";
  options_.zones.of_nodes = *ParseNodeZones(net::ToString(At(2)) + "=a");
  Start();
  ASSERT_TRUE(AwaitFitness(true, true, true));
  EXPECT_TRUE(table_->Find(At(2))->in_zone);
  EXPECT_FALSE(table_->Find(At(1))->in_zone);
  EXPECT_TRUE(table_->Find(At(2))->nearest);
  EXPECT_FALSE(table_->Find(At(0))->nearest);
}

NodeState At(int64_t latency_micros, bool was_nearest, bool in_zone = false) {
  NodeState state;
  state.fit = true;
  state.latency_micros = latency_micros;
  state.nearest = was_nearest;
  state.in_zone = in_zone;
  return state;
}

std::vector<bool> Nearest(std::vector<NodeState> states) {
  std::vector<NodeState*> nodes;
  for (NodeState& state : states) nodes.push_back(&state);
  FindNearest(nodes);
  std::vector<bool> nearest;
  for (const NodeState& state : states) nearest.push_back(state.nearest);
  return nearest;
}

using Bools = std::vector<bool>;

TEST(FindNearestTest, EqualsAreSeveral) {
  EXPECT_EQ(Nearest({At(10'000, false), At(10'500, false), At(15'000, false)}),
            Bools({true, true, false}));
  EXPECT_EQ(Nearest({At(80, false), At(190, false), At(300, false)}), Bools({true, true, false}));
  EXPECT_EQ(Nearest({}), Bools({}));
}

TEST(FindNearestTest, WhoWasNearestStaysForAWhile) {
  EXPECT_EQ(Nearest({At(10'000, false), At(14'000, true)}), Bools({true, true}));
  EXPECT_EQ(Nearest({At(10'000, true), At(14'000, false)}), Bools({true, false}));
  EXPECT_EQ(Nearest({At(10'000, false), At(16'000, true)}), Bools({true, false}));
}

TEST(FindNearestTest, TheOwnZoneFirst) {
  EXPECT_EQ(Nearest({At(10, true), At(10'000, false, true), At(90'000, true, true)}),
            Bools({false, true, false}));
}

}  // namespace
}  // namespace keyway::proxy::topology
