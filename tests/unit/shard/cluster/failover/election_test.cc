#include "shard/cluster/failover/election.h"

#include <gtest/gtest.h>

#include "tests/unit/shard/cluster/bus/golden.h"
#include "tests/unit/shard/cluster/failover/failover_fixture.h"

namespace keyway::shard::cluster::failover {
namespace {

using gossip::ReplicationView;

class ElectionTest : public FailoverTest {};

TEST_F(ElectionTest, TakesOverWithTheVotesOfAMajority) {
  MakeReplicaOfP();
  Pass(State::kWritableDelayMs);  // a primary that has just started serves only after a while
  transport_.sent.clear();
  Fail('p');
  const int64_t waited = PassUntilRequest();
  EXPECT_GE(waited, Election::kDelayMs);
  EXPECT_LE(waited, Election::kDelayMs + Election::kRandomDelayMs + 100);
  EXPECT_EQ(table().current_epoch, 5u);
  const int saves = host_.saves;
  // To every node, the failed one included.
  ASSERT_EQ(Requests().size(), 4u);
  const bus::Message request = Requests()[0];
  EXPECT_EQ(request.current_epoch, 5u);
  EXPECT_EQ(request.config_epoch, 1u);
  EXPECT_EQ(request.slots, Slots(0, kLastSlotOfP));
  EXPECT_EQ(request.replica_of, Id('p'));
  EXPECT_EQ(request.offset, 100u);
  EXPECT_EQ(request.message_flags, 0);

  Vote('a', 5);
  EXPECT_TRUE(me().is_replica());
  Vote('a', 5);  // the same again
  EXPECT_TRUE(me().is_replica());
  transport_.sent.clear();
  Vote('b', 5);
  EXPECT_TRUE(me().is_primary());
  EXPECT_EQ(me().slots, Slots(0, kLastSlotOfP));
  EXPECT_EQ(me().config_epoch, 5u);
  EXPECT_EQ(node('p')->slot_count, 0);
  EXPECT_TRUE(engine_->state().ok());
  EXPECT_GT(host_.saves, saves);
  EXPECT_EQ(TakeCalls(), Calls{"become primary"});
  const auto pongs = transport_.Of(bus::MessageType::kPong);
  ASSERT_GE(pongs.size(), 4u);
  EXPECT_EQ(pongs[0].config_epoch, 5u);
  EXPECT_EQ(pongs[0].slots, Slots(0, kLastSlotOfP));
  EXPECT_TRUE(pongs[0].replica_of.null());
  // The old primary comes back and finds itself replaced.
  ReceivePong(*node('p'), From('p'));
  EXPECT_FALSE(node('p')->is(gossip::kFail));
}

TEST_F(ElectionTest, TheTickAddsNoDelay) {
  MakeReplicaOfP();
  const int64_t failed = clock_.MonotonicMillis();
  Fail('p');
  host_.wake_ms = 0;
  while (host_.wake_ms == 0) Pass(100);
  EXPECT_GE(host_.wake_ms, failed + Election::kDelayMs);
  EXPECT_LT(host_.wake_ms, failed + Election::kDelayMs + Election::kRandomDelayMs);
  clock_.AdvanceMillis(host_.wake_ms - 1 - clock_.MonotonicMillis());
  engine_->OnDeadline();  // early
  EXPECT_TRUE(Requests().empty());
  clock_.AdvanceMillis(1);
  engine_->OnDeadline();
  EXPECT_EQ(Requests().size(), 4u);
}

TEST_F(ElectionTest, TheEpochIsSavedBeforeVotesAreAskedFor) {
  MakeReplicaOfP();
  Fail('p');
  host_.saves = 0;
  ASSERT_GE(PassUntilRequest(), 0);
  EXPECT_EQ(host_.saves, 1);
}

TEST_F(ElectionTest, OnlyPrimariesWithSlotsVoteAndOnlyInThisEpoch) {
  MakeReplicaOfP();
  AddPeer('e');
  Fail('p');
  Vote('a', 4);  // nobody has asked
  ASSERT_GE(PassUntilRequest(), 0);
  Vote('e', 5);
  Vote('s', 5);
  Vote('a', 4);
  Vote('z', 5);
  Vote('b', 5);
  EXPECT_TRUE(me().is_replica());
  Vote('a', 5);
  EXPECT_TRUE(me().is_primary());
}

TEST_F(ElectionTest, NoReasonNoElection) {
  MakeReplicaOfP();
  Pass(5000);
  EXPECT_TRUE(Requests().empty());
  node('p')->flags |= gossip::kPfail;  // what this node thinks alone
  Pass(5000);
  EXPECT_TRUE(Requests().empty());
  for (int slot = 0; slot <= kLastSlotOfP; ++slot) table().RemoveSlot(slot);
  Fail('p');
  Pass(5000);
  EXPECT_TRUE(Requests().empty());
}

TEST_F(ElectionTest, APrimaryIsNotElected) {
  MakePrimary();
  Fail('a');
  Pass(5000);
  EXPECT_TRUE(Requests().empty());
}

TEST_F(ElectionTest, TheOperatorMayForbidIt) {
  MakeReplicaOfP();
  options_.no_failover = true;
  engine_->ApplyOptions();
  Fail('p');
  Pass(5000);
  EXPECT_TRUE(Requests().empty());
  options_.no_failover = false;
  engine_->ApplyOptions();
  EXPECT_GE(PassUntilRequest(), 0);
}

TEST_F(ElectionTest, OldDataAreNoData) {
  MakeReplicaOfP();
  auto& age = host_.fake_data.view.data_age_ms;
  // Once node-timeout is what a failure takes; then the ping period of 10 s, and the factor of 10.
  const int64_t limit = kTimeoutMs * (1 + 10) + 10'000;
  age = limit + 1;
  Fail('p');
  EXPECT_EQ(PassUntilRequest(3000), -1);
  age = ReplicationView::kNeverInSync;
  EXPECT_EQ(PassUntilRequest(3000), -1);
  age = limit;
  EXPECT_GE(PassUntilRequest(), 0);
}

TEST_F(ElectionTest, DataOfAnyAgeIfTheOperatorSaysSo) {
  MakeReplicaOfP();
  host_.fake_data.view.data_age_ms = ReplicationView::kNeverInSync;
  options_.replica_validity_factor = 0;
  Fail('p');
  EXPECT_GE(PassUntilRequest(), 0);
}

TEST_F(ElectionTest, AHugeFactorDoesNotOverflow) {
  MakeReplicaOfP();
  host_.fake_data.view.data_age_ms = 1'000'000'000'000;
  options_.replica_validity_factor = INT32_MAX;
  options_.node_timeout_ms = INT64_MAX / 4;
  Fail('p');
  Pass(1000);
  EXPECT_GE(transport_.Of(bus::MessageType::kPong).size(), 1u);  // it has begun
}

TEST_F(ElectionTest, RankDelaysWhoHasFewerData) {
  MakeReplicaOfP(100);
  node('s')->offset = 101;
  Fail('p');
  // The others are told how far this one is.
  const auto pongs = transport_.Of(bus::MessageType::kPong, node('s')->outbound);
  ASSERT_EQ(pongs.size(), 1u);
  EXPECT_EQ(pongs[0].offset, 100u);
  EXPECT_TRUE(transport_.Of(bus::MessageType::kPong, node('a')->outbound).empty());
  const int64_t waited = PassUntilRequest();
  EXPECT_GE(waited, Election::kDelayMs + Election::kDelayPerRankMs);
  EXPECT_LE(waited,
            Election::kDelayMs + Election::kRandomDelayMs + Election::kDelayPerRankMs + 100);
}

TEST_F(ElectionTest, RankCountsOnlyThoseThatCouldWin) {
  MakeReplicaOfP(100);
  node('s')->offset = 101;
  node('s')->flags |= gossip::kNoFailover;
  gossip::Node& failed = AddPeer('t');
  table().MakeReplica(failed, node('p'));
  failed.offset = 102;
  failed.flags |= gossip::kFail;
  gossip::Node& stranger = AddPeer('u');
  table().MakeReplica(stranger, node('a'));
  stranger.offset = 103;
  Fail('p');
  EXPECT_LE(PassUntilRequest(), Election::kDelayMs + Election::kRandomDelayMs + 100);
}

TEST_F(ElectionTest, RankIsLearnedLater) {
  MakeReplicaOfP(100);
  Fail('p');
  bus::Message ahead = From('s');
  ahead.flags = gossip::kReplica | gossip::kMyself;
  ahead.replica_of = Id('p');
  ahead.slots = Slots(0, kLastSlotOfP);
  ahead.config_epoch = 1;
  ahead.offset = 200;
  Pass(200);
  Receive(ahead);
  const int64_t waited = PassUntilRequest();
  EXPECT_GE(waited, Election::kDelayMs + Election::kDelayPerRankMs - 200);
  // The rank does not get better.
  ahead.offset = 50;
  Receive(ahead);
  EXPECT_EQ(Requests().size(), 4u);
}

TEST_F(ElectionTest, ANewElectionIsANewEpoch) {
  MakeReplicaOfP();
  Fail('p');
  ASSERT_GE(PassUntilRequest(), 0);
  Vote('a', 5);
  // Two node-timeouts for the votes, then as long again.
  EXPECT_EQ(PassUntilRequest(kTimeoutMs * 4 - 200), -1);
  Vote('b', 5);  // too late
  EXPECT_TRUE(me().is_replica());
  transport_.sent.clear();
  ASSERT_GE(PassUntilRequest(), 0);
  EXPECT_EQ(Requests()[0].current_epoch, 6u);
  Vote('b', 5);
  Vote('a', 6);
  EXPECT_TRUE(me().is_replica());
  Vote('b', 6);
  EXPECT_TRUE(me().is_primary());
  EXPECT_EQ(me().config_epoch, 6u);
}

TEST_F(ElectionTest, TheFailureIsOver) {
  MakeReplicaOfP();
  Fail('p');
  Pass(200);
  node('p')->flags &= static_cast<uint16_t>(~gossip::kFail);
  EXPECT_EQ(PassUntilRequest(3000), -1);
  // The next one begins with the whole delay.
  Fail('p');
  EXPECT_GE(PassUntilRequest(), Election::kDelayMs);
}

TEST_F(ElectionTest, AnotherPrimaryAnotherElection) {
  MakeReplicaOfP();
  Fail('p');
  ASSERT_GE(PassUntilRequest(), 0);
  engine_->roles().Replicate(*node('a'));
  Settle();
  Vote('a', 5);
  Vote('b', 5);
  EXPECT_TRUE(me().is_replica());
  Fail('a');
  EXPECT_LE(PassUntilRequest(), 1100);
}

TEST_F(ElectionTest, AMajorityOfAllPrimariesIsNeeded) {
  MakeReplicaOfP();
  gossip::Node& c = AddPeer('c');
  gossip::Node& d = AddPeer('d');
  for (int slot : {10001, 10002}) {
    table().RemoveSlot(slot);
    table().AddSlot(slot == 10001 ? c : d, slot);
  }
  Settle();
  ASSERT_EQ(engine_->state().size(), 5);
  Fail('p');
  ASSERT_GE(PassUntilRequest(), 0);
  Vote('a', 5);
  Vote('b', 5);
  EXPECT_TRUE(me().is_replica());
  Vote('c', 5);
  EXPECT_TRUE(me().is_primary());
}

TEST_F(ElectionTest, RequestOfRedisByteForByte) {
  const std::string golden = bus::Golden("auth_request");
  BecomeReplicaThatSent(*bus::Decode(golden));
  engine_->manual_failover().Start(ManualFailover::Mode::kForce);
  engine_->FinishPass();
  ASSERT_FALSE(Requests().empty());
  EXPECT_EQ(transport_.sent.back().bytes, golden);
}

}  // namespace
}  // namespace keyway::shard::cluster::failover
