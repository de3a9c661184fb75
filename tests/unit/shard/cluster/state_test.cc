#include "shard/cluster/state.h"

#include <gtest/gtest.h>

#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster {
namespace {

using gossip::kFail;
using gossip::kPfail;
using gossip::kPrimary;
using gossip::Node;

class StateTest : public testing::Test {
 protected:
  StateTest() : table_(Id('m'), kStart) {
    options_.node_timeout_ms = 1000;
    Give(table_.myself(), 0, 5000);
    Give(Add('a'), 5001, 10000);
    Give(Add('b'), 10001, 16383);
  }

  Node& Add(char c) { return table_.Add(Id(c), kPrimary, kStart); }
  void Give(Node& node, int first, int last) {
    for (int slot = first; slot <= last; ++slot) table_.AddSlot(node, slot);
  }
  bool OkAt(int64_t ms) {
    (void)state_.Update(table_, options_, kStart + ms);
    return state_.ok();
  }
  // Past the delay after the start.
  void Begin() {
    EXPECT_FALSE(OkAt(0));
    EXPECT_TRUE(OkAt(State::kWritableDelayMs));
  }

  static constexpr int64_t kStart = 50'000;
  gossip::NodeTable table_;
  ClusterOptions options_;
  State state_;
};

TEST_F(StateTest, APrimaryWaitsAfterItsStart) {
  EXPECT_TRUE(state_.Update(table_, options_, kStart));
  EXPECT_FALSE(OkAt(State::kWritableDelayMs - 1));
  EXPECT_FALSE(state_.Update(table_, options_, kStart + State::kWritableDelayMs));
  EXPECT_TRUE(state_.ok());
  EXPECT_EQ(state_.size(), 3);
}

TEST_F(StateTest, ReplicasDoNotWait) {
  Node& me = table_.myself();
  table_.RemoveAllSlots(me);
  Give(*table_.Find(Id('a')), 0, 5000);
  table_.MakeReplica(me, table_.Find(Id('a')));
  EXPECT_TRUE(OkAt(0));
}

TEST_F(StateTest, FullCoverage) {
  Begin();
  table_.RemoveSlot(77);
  EXPECT_FALSE(OkAt(3000));
  options_.require_full_coverage = false;
  EXPECT_TRUE(OkAt(3001));
}

TEST_F(StateTest, FailedOwner) {
  Begin();
  table_.Find(Id('a'))->flags |= kPfail;
  EXPECT_TRUE(OkAt(3000));
  table_.Find(Id('a'))->flags |= kFail;
  EXPECT_FALSE(OkAt(3001));
  options_.require_full_coverage = false;
  EXPECT_TRUE(OkAt(3002));
}

TEST_F(StateTest, MinorityWaitsBeforeItServesAgain) {
  Begin();
  table_.Find(Id('a'))->flags |= kPfail;
  table_.Find(Id('b'))->flags |= kPfail;
  EXPECT_FALSE(OkAt(3000));
  table_.Find(Id('a'))->flags = kPrimary;
  EXPECT_TRUE(state_.Update(table_, options_, kStart + 3999));
  EXPECT_FALSE(state_.ok());
  EXPECT_TRUE(OkAt(4000));
  // The delay follows node-timeout within bounds.
  options_.node_timeout_ms = 1;
  table_.Find(Id('a'))->flags |= kPfail;
  EXPECT_FALSE(OkAt(5000));
  table_.Find(Id('a'))->flags = kPrimary;
  EXPECT_FALSE(OkAt(5000 + State::kMinRejoinDelayMs - 1));
  EXPECT_TRUE(OkAt(5000 + State::kMinRejoinDelayMs));
  options_.node_timeout_ms = 60'000;
  table_.Find(Id('a'))->flags |= kPfail;
  EXPECT_FALSE(OkAt(10'000));
  table_.Find(Id('a'))->flags = kPrimary;
  EXPECT_TRUE(OkAt(10'000 + State::kMaxRejoinDelayMs));
}

TEST_F(StateTest, NodesWithoutSlotsHaveNoSay) {
  for (char c = 'c'; c < 'j'; ++c) Add(c).flags |= kFail;
  Begin();
  EXPECT_EQ(state_.size(), 3);
}

TEST_F(StateTest, CountsSlots) {
  table_.Find(Id('a'))->flags |= kPfail;
  table_.Find(Id('b'))->flags |= kFail;
  table_.RemoveSlot(0);
  const SlotCounts counts = CountSlots(table_);
  EXPECT_EQ(counts.assigned, 16383);
  EXPECT_EQ(counts.ok, 5000);
  EXPECT_EQ(counts.pfail, 5000);
  EXPECT_EQ(counts.fail, 6383);
}

}  // namespace
}  // namespace keyway::shard::cluster
