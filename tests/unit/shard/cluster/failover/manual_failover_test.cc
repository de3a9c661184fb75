#include "shard/cluster/failover/manual_failover.h"

#include <gtest/gtest.h>

#include "tests/unit/shard/cluster/bus/golden.h"
#include "tests/unit/shard/cluster/failover/failover_fixture.h"

namespace keyway::shard::cluster::failover {
namespace {

using Mode = ManualFailover::Mode;

class ManualFailoverTest : public FailoverTest {
 protected:
  ManualFailover& manual() { return engine_->manual_failover(); }

  void Start(Mode mode) {
    manual().Start(mode);
    engine_->FinishPass();
  }
  bus::Message Paused(uint64_t offset) {
    bus::Message message = From('p');
    message.message_flags = bus::kMessagePaused;
    message.offset = offset;
    return message;
  }
  bus::Message Mfstart(char c) {
    bus::Message message = From(c, bus::MessageType::kMfstart);
    message.body = std::monostate();
    return message;
  }
  void SetOffset(uint64_t offset) { host_.fake_data.view.offset = offset; }
};

TEST_F(ManualFailoverTest, WaitsForThePrimarysDataAndIsElectedAtOnce) {
  MakeReplicaOfP(100);
  Start(Mode::kAsk);
  EXPECT_TRUE(manual().in_progress());
  ASSERT_EQ(transport_.Of(bus::MessageType::kMfstart).size(), 1u);
  EXPECT_EQ(transport_.Of(bus::MessageType::kMfstart, node('p')->outbound).size(), 1u);
  Receive(From('p'));  // not paused yet
  Pass(1000);
  EXPECT_FALSE(manual().may_start());
  Receive(Paused(150));
  EXPECT_TRUE(manual().waits_for_data());
  Receive(Paused(160));  // what it said first is what counts
  SetOffset(149);
  engine_->OnDataProgress();
  EXPECT_TRUE(Requests().empty());
  SetOffset(150);
  engine_->OnDataProgress();
  ASSERT_EQ(Requests().size(), 4u);
  EXPECT_EQ(Requests()[0].message_flags, bus::kMessageForceAck);
  EXPECT_EQ(Requests()[0].current_epoch, 5u);
  Vote('p', 5);
  Vote('a', 5);
  EXPECT_TRUE(me().is_primary());
  EXPECT_EQ(me().config_epoch, 5u);
  EXPECT_EQ(TakeCalls(), Calls{"become primary"});
  EXPECT_FALSE(manual().in_progress());
}

TEST_F(ManualFailoverTest, TicksFindOutToo) {
  MakeReplicaOfP(100);
  Start(Mode::kAsk);
  Receive(Paused(150));
  SetOffset(150);
  Pass(100);
  EXPECT_EQ(Requests().size(), 4u);
}

TEST_F(ManualFailoverTest, ThePrimarysPingsBehindTheLastWriteDoNotMatter) {
  MakeReplicaOfP(100);
  Start(Mode::kAsk);
  Receive(Paused(150));
  SetOffset(164);
  engine_->OnDataProgress();
  EXPECT_FALSE(manual().may_start());  // of another history, perhaps
  host_.fake_data.view.link_up = true;
  engine_->OnDataProgress();
  EXPECT_TRUE(manual().may_start());
}

TEST_F(ManualFailoverTest, OnlyThePrimarysPauseCounts) {
  MakeReplicaOfP(100);
  Receive(Paused(100));  // nobody has asked
  Start(Mode::kAsk);
  bus::Message of_another = From('a');
  of_another.message_flags = bus::kMessagePaused;
  of_another.offset = 100;
  Receive(of_another);
  Pass(300);
  EXPECT_FALSE(manual().may_start());
  EXPECT_FALSE(manual().waits_for_data());
}

TEST_F(ManualFailoverTest, TimesOut) {
  MakeReplicaOfP(100);
  Start(Mode::kAsk);
  Pass(ManualFailover::kTimeoutMs);
  EXPECT_TRUE(manual().in_progress());
  Pass(100);
  EXPECT_FALSE(manual().in_progress());
  Receive(Paused(100));
  Pass(100);
  EXPECT_TRUE(Requests().empty());
}

TEST_F(ManualFailoverTest, ForceDoesNotAskThePrimary) {
  MakeReplicaOfP(100);
  host_.fake_data.view.data_age_ms = gossip::ReplicationView::kNeverInSync;
  options_.no_failover = true;
  Start(Mode::kForce);
  EXPECT_TRUE(transport_.Of(bus::MessageType::kMfstart).empty());
  ASSERT_EQ(Requests().size(), 4u);
  EXPECT_EQ(Requests()[0].message_flags, bus::kMessageForceAck);
  Vote('a', 5);
  Vote('b', 5);
  EXPECT_TRUE(me().is_primary());
}

TEST_F(ManualFailoverTest, ForceDoesNotWaitForAnElectionThatFailed) {
  MakeReplicaOfP(100);
  Fail('p');
  ASSERT_GE(PassUntilRequest(), 0);
  Pass(3000);
  transport_.sent.clear();
  Start(Mode::kForce);
  ASSERT_EQ(Requests().size(), 4u);
  EXPECT_EQ(Requests()[0].current_epoch, 6u);
  Vote('a', 5);  // for the first one
  Vote('b', 6);
  EXPECT_TRUE(me().is_replica());
  Pass(1000);
  transport_.sent.clear();
  Start(Mode::kForce);  // again
  ASSERT_EQ(Requests().size(), 4u);
  EXPECT_EQ(Requests()[0].current_epoch, 7u);
}

TEST_F(ManualFailoverTest, ForceEndsWhenNobodyVotes) {
  MakeReplicaOfP(100);
  Start(Mode::kForce);
  Pass(ManualFailover::kTimeoutMs + 100);
  EXPECT_FALSE(manual().in_progress());
  Vote('a', 5);
  Vote('b', 5);
  Pass(100);
  EXPECT_TRUE(me().is_replica());  // the primary is well: no reason any more
}

TEST_F(ManualFailoverTest, TakeoverAsksNobody) {
  MakeReplicaOfP(100);
  Start(Mode::kTakeover);
  EXPECT_TRUE(me().is_primary());
  EXPECT_EQ(me().config_epoch, 5u);
  EXPECT_EQ(table().current_epoch, 5u);
  EXPECT_EQ(me().slots, Slots(0, kLastSlotOfP));
  EXPECT_TRUE(Requests().empty());
  EXPECT_GE(transport_.Of(bus::MessageType::kPong).size(), 4u);
  EXPECT_EQ(TakeCalls(), Calls{"become primary"});
  EXPECT_FALSE(manual().in_progress());
}

TEST_F(ManualFailoverTest, ThePrimaryPausesAndTellsItsOffset) {
  MakePrimary();
  host_.fake_data.view.offset = 77;
  const gossip::LinkId link = Receive(Mfstart('r'));
  EXPECT_EQ(TakeCalls(), Calls{"pause"});
  EXPECT_EQ(host_.fake_data.paused_until_ms,
            clock_.MonotonicMillis() + ManualFailover::kTimeoutMs * ManualFailover::kPauseFactor);
  // At once, over the link of the request.
  auto pings = transport_.Of(bus::MessageType::kPing, link);
  ASSERT_EQ(pings.size(), 1u);
  EXPECT_EQ(pings[0].message_flags, bus::kMessagePaused);
  EXPECT_EQ(pings[0].offset, 77u);
  EXPECT_EQ(node('r')->ping_sent_ms, 0);
  // And all the time; other messages say so, too.
  transport_.sent.clear();
  Pass(500);
  pings = transport_.Of(bus::MessageType::kPing, node('r')->outbound);
  ASSERT_EQ(pings.size(), 5u);
  EXPECT_EQ(pings[4].message_flags, bus::kMessagePaused);
  EXPECT_LE(transport_.Of(bus::MessageType::kPing, node('s')->outbound).size(), 1u);
  Receive(From('a'));
  EXPECT_EQ(transport_.Of(bus::MessageType::kPong).back().message_flags, bus::kMessagePaused);
}

TEST_F(ManualFailoverTest, ThePauseEndsWithTheRole) {
  MakePrimary();
  Receive(Mfstart('r'));
  TakeCalls();
  bus::Message won = From('r');
  won.slots = Slots(0, kLastSlotOfP);
  won.config_epoch = won.current_epoch = 5;
  Receive(won);
  EXPECT_TRUE(me().is_replica());
  EXPECT_EQ(me().primary, node('r'));
  const Calls calls = TakeCalls();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_TRUE(calls[0].starts_with("replicate ")) << calls[0];
  EXPECT_EQ(calls[1], "unpause");
  EXPECT_FALSE(manual().in_progress());
  Receive(From('a'));
  EXPECT_EQ(transport_.Of(bus::MessageType::kPong).back().message_flags, 0);
}

TEST_F(ManualFailoverTest, ThePauseEndsInTime) {
  MakePrimary();
  Receive(Mfstart('r'));
  Pass(ManualFailover::kTimeoutMs);
  EXPECT_TRUE(manual().pauses_clients());
  Pass(100);
  EXPECT_FALSE(manual().pauses_clients());
  EXPECT_EQ(TakeCalls(), (Calls{"pause", "unpause"}));
}

TEST_F(ManualFailoverTest, AnotherReplicaMayAskInstead) {
  MakePrimary();
  Receive(Mfstart('r'));
  Receive(Mfstart('s'));
  EXPECT_TRUE(manual().pauses_clients_for(*node('s')));
  EXPECT_EQ(TakeCalls(), (Calls{"pause", "unpause", "pause"}));
}

TEST_F(ManualFailoverTest, OnlyItsOwnReplicasStopAPrimary) {
  MakePrimary();
  gossip::Node& other = AddPeer('t');
  table().MakeReplica(other, node('a'));
  Receive(Mfstart('t'));
  Receive(Mfstart('a'));
  Receive(Mfstart('z'));
  EXPECT_FALSE(manual().in_progress());
  EXPECT_EQ(TakeCalls(), Calls{});
}

TEST_F(ManualFailoverTest, AReplicaThatGoesAwayWhileThePrimaryIsPaused) {
  MakePrimary();
  Receive(Mfstart('r'));
  engine_->Forget(*node('r'));
  engine_->FinishPass();
  Pass(ManualFailover::kTimeoutMs + 100);
  EXPECT_EQ(TakeCalls(), (Calls{"pause", "unpause"}));
}

TEST_F(ManualFailoverTest, ThePausedPrimaryVotesForTheReplica) {
  MakePrimary();
  Receive(Mfstart('r'));
  bus::Message request = From('r', bus::MessageType::kFailoverAuthRequest);
  request.body = std::monostate();
  request.message_flags = bus::kMessageForceAck;
  request.replica_of = Id('m');
  request.slots = Slots(0, kLastSlotOfP);
  request.config_epoch = 1;
  request.current_epoch = 5;
  Receive(request);
  const auto acks = transport_.Of(bus::MessageType::kFailoverAuthAck, node('r')->outbound);
  ASSERT_EQ(acks.size(), 1u);
  EXPECT_EQ(acks[0].current_epoch, 5u);
}

TEST_F(ManualFailoverTest, ResetEndsIt) {
  MakeReplicaOfP(100);
  Start(Mode::kAsk);
  engine_->Reset(false);
  EXPECT_FALSE(manual().in_progress());
}

TEST_F(ManualFailoverTest, MfstartOfRedisByteForByte) {
  const std::string golden = bus::Golden("mfstart");
  BecomeReplicaThatSent(*bus::Decode(golden));
  Start(Mode::kAsk);
  ASSERT_EQ(transport_.sent.size(), 1u);
  EXPECT_EQ(transport_.sent[0].bytes, golden);
}

TEST_F(ManualFailoverTest, PausedHeaderOfRedisByteForByte) {
  const std::string golden = bus::Golden("pong_paused");
  const bus::Message model = *bus::Decode(golden);
  BecomeSenderOf(model);
  engine_->FinishPass();
  clock_.AdvanceMillis(State::kWritableDelayMs);
  MakePrimary();
  host_.fake_data.view.offset = model.offset;
  ASSERT_TRUE(engine_->state().ok());
  Receive(Mfstart('r'));
  transport_.sent.clear();
  Receive(From('a'));
  ASSERT_EQ(transport_.sent.size(), 1u);
  // The gossip behind it is about other nodes.
  EXPECT_EQ(transport_.sent[0].bytes.substr(16, bus::kHeaderBytes - 16),
            golden.substr(16, bus::kHeaderBytes - 16));
}

}  // namespace
}  // namespace keyway::shard::cluster::failover
