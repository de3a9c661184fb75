#include "shard/cluster/failover/replica_migration.h"

#include <gtest/gtest.h>

#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster::failover {
namespace {

using gossip::kFail;
using gossip::kMigrateTo;
using gossip::kPfail;
using gossip::Node;

// 'm' and 's' replicate 'a', as does 'z'; 'b' has lost its replica 'c'; 'd' has one, 'e'.
class ReplicaMigrationTest : public EngineTest {
 protected:
  ReplicaMigrationTest() {
    AddPrimary('a', 0, 5000);
    AddPrimary('b', 5001, 10000);
    AddPrimary('d', 10001, 16383);
    AddReplica('c', 'b');
    AddReplica('e', 'd');
    AddReplica('s', 'a');
    AddReplica('z', 'a');
    engine_->roles().Replicate(*node('a'));
    node('c')->flags |= kFail;
    clock_.AdvanceMillis(State::kWritableDelayMs);
    engine_->pending().UpdateState();
    engine_->FinishPass();
    host_.fake_data.calls.clear();
  }

  void AddPrimary(char c, int first, int last) {
    Node& peer = AddPeer(c);
    for (int slot = first; slot <= last; ++slot) table().AddSlot(peer, slot);
  }
  void AddReplica(char c, char primary) { table().MakeReplica(AddPeer(c), node(primary)); }

  // Ticks as often as the clock says, everybody answering.
  void Run(int64_t ms) {
    for (int64_t passed = 0; passed < ms; passed += 100) {
      clock_.AdvanceMillis(100);
      for (Node* peer : table().nodes()) Answer(*peer);
      engine_->Tick();
      engine_->FinishPass();
    }
  }
};

TEST_F(ReplicaMigrationTest, MovesAfterAWhile) {
  ASSERT_TRUE(engine_->state().ok());
  Run(ReplicaMigration::kDelayMs);
  EXPECT_EQ(me().primary, node('a'));
  Run(300);
  EXPECT_EQ(me().primary, node('b'));
  EXPECT_EQ(host_.fake_data.calls,
            std::vector<std::string>{"replicate " + node('b')->ip + ":7000"});
}

TEST_F(ReplicaMigrationTest, NotWhenItIsForbidden) {
  options_.allow_replica_migration = false;
  Run(10'000);
  EXPECT_EQ(me().primary, node('a'));
}

TEST_F(ReplicaMigrationTest, NotWhenTooFewWouldRemain) {
  options_.migration_barrier = 3;
  Run(10'000);
  EXPECT_EQ(me().primary, node('a'));
  options_.migration_barrier = 2;
  Run(10'000);
  EXPECT_EQ(me().primary, node('b'));
}

TEST_F(ReplicaMigrationTest, OneThatCannotBeReachedDoesNotRemain) {
  options_.migration_barrier = 2;
  node('s')->flags |= kPfail;
  clock_.AdvanceMillis(100);
  engine_->Tick();
  for (int i = 0; i < 80; ++i) {
    clock_.AdvanceMillis(100);
    for (Node* peer : table().nodes()) Answer(*peer);
    node('s')->flags |= kPfail;
    engine_->Tick();
  }
  EXPECT_EQ(me().primary, node('a'));
}

TEST_F(ReplicaMigrationTest, OnlyTheLowestId) {
  table().MakeReplica(*node('e'), node('a'));
  table().MakeReplica(*node('c'), node('d'));  // so that 'd' is orphaned, too
  Run(10'000);
  EXPECT_EQ(me().primary, node('a'));  // 'e' is lower
  // One that has failed is no candidate.
  node('e')->flags |= kFail;
  for (int i = 0; i < 80; ++i) {
    clock_.AdvanceMillis(100);
    for (Node* peer : table().nodes()) Answer(*peer);
    engine_->Tick();
  }
  EXPECT_NE(me().primary, node('a'));
}

TEST_F(ReplicaMigrationTest, NotFromAPrimaryThatHasFewerThanAnother) {
  AddReplica('f', 'd');
  AddReplica('g', 'd');
  AddReplica('h', 'd');
  Run(10'000);
  EXPECT_EQ(me().primary, node('a'));
}

TEST_F(ReplicaMigrationTest, NotToAPrimaryThatNeverHadAReplica) {
  table().MakeReplica(*node('c'), node('d'));
  node('b')->flags &= static_cast<uint16_t>(~kMigrateTo);
  Run(10'000);
  EXPECT_EQ(me().primary, node('a'));
}

TEST_F(ReplicaMigrationTest, NotToOneThatHasFailedOrOwnsNothing) {
  node('b')->flags |= kFail;
  Run(10'000);
  EXPECT_EQ(me().primary, node('a'));
  node('b')->flags &= static_cast<uint16_t>(~kFail);
  table().RemoveAllSlots(*node('b'));
  for (int slot = 5001; slot <= 10000; ++slot) table().AddSlot(*node('a'), slot);
  Run(10'000);
  EXPECT_EQ(me().primary, node('a'));
}

TEST_F(ReplicaMigrationTest, TheWaitBeginsAnewWhenAReplicaIsBack) {
  Run(4000);
  node('c')->flags &= static_cast<uint16_t>(~kFail);
  node('e')->flags |= kFail;  // now 'd' is orphaned
  Run(200);
  node('c')->flags |= kFail;
  node('e')->flags &= static_cast<uint16_t>(~kFail);
  Run(4000);
  EXPECT_EQ(me().primary, node('a'));
  Run(1500);
  EXPECT_EQ(me().primary, node('b'));
}

TEST_F(ReplicaMigrationTest, NotWhileTheClusterIsDown) {
  options_.require_full_coverage = true;
  node('d')->flags |= kFail;
  engine_->pending().UpdateState();
  engine_->FinishPass();
  ASSERT_FALSE(engine_->state().ok());
  for (int i = 0; i < 80; ++i) {
    clock_.AdvanceMillis(100);
    for (Node* peer : table().nodes()) Answer(*peer);
    engine_->Tick();
  }
  EXPECT_EQ(me().primary, node('a'));
}

}  // namespace
}  // namespace keyway::shard::cluster::failover
