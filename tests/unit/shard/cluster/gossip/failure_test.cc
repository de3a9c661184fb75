// Who is asked when, and who is thought dead.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster::gossip {
namespace {

class FailureTest : public EngineTest {
 protected:
  // Lets the time pass with a tick every 100 ms.
  void Pass(int64_t ms) {
    for (int64_t passed = 0; passed < ms; passed += Heartbeat::kTickMs) {
      clock_.AdvanceMillis(Heartbeat::kTickMs);
      engine_->Tick();
      engine_->FinishPass();
    }
  }
  void GiveSlots(Node& node, int first, int last) {
    for (int slot = first; slot <= last; ++slot) table().AddSlot(node, slot);
    engine_->pending().UpdateState();
    engine_->FinishPass();
  }
};

TEST_F(FailureTest, EveryNodeIsHeardOfEachHalfTimeout) {
  Node& peer = AddPeer('a');
  engine_->OnConnected(peer.outbound);
  Answer(peer);
  int pings = 0;
  for (int i = 0; i < 1000; ++i) {
    Pass(100);
    ASSERT_LE(clock_.MonotonicMillis() - peer.pong_received_ms, kTimeoutMs / 2 + 200);
    if (peer.ping_sent_ms != 0) {
      ++pings;
      ReceivePong(peer, From('a'));
    }
  }
  EXPECT_GE(pings, 19);
  EXPECT_FALSE(peer.is(kPfail));
}

TEST_F(FailureTest, SilenceIsPfail) {
  Node& peer = AddPeer('a');
  Pass(kTimeoutMs / 2);
  EXPECT_FALSE(peer.is(kPfail));
  Pass(kTimeoutMs + 1000);
  EXPECT_TRUE(peer.is(kPfail));
  EXPECT_FALSE(peer.is(kFail));
  ReceivePong(peer, From('a'));
  EXPECT_FALSE(peer.is(kPfail));
}

TEST_F(FailureTest, ABrokenConnectionIsReplacedInTime) {
  Node& peer = AddPeer('a');
  Pass(kTimeoutMs + 200);
  const auto connects = transport_.connects.size();
  EXPECT_GE(connects, 2u);
  EXPECT_FALSE(peer.is(kPfail));
  // The new ping does not restart the wait.
  const int64_t waiting_since = peer.ping_sent_ms;
  engine_->OnConnected(peer.outbound);
  EXPECT_EQ(peer.ping_sent_ms, waiting_since);
}

TEST_F(FailureTest, OtherDataProvesLife) {
  Node& peer = AddPeer('a');
  for (int i = 0; i < 10; ++i) {
    Pass(kTimeoutMs / 2);
    Receive(From('a'));
  }
  EXPECT_NE(peer.ping_sent_ms, 0);
  EXPECT_FALSE(peer.is(kPfail));
}

TEST_F(FailureTest, MajorityMakesFailAndTellsEverybody) {
  Node& lost = AddPeer('x');
  for (char c : {'a', 'b', 'c', 'd'}) GiveSlots(AddPeer(c), c, c);
  GiveSlots(lost, 'x', 'x');
  ASSERT_EQ(engine_->state().size(), 5);
  lost.flags |= kPfail;
  // This node owns no slot, yet it counts as a witness, as in Redis; three are needed.
  Receive(Telling('a', {About('x', kPrimary | kPfail)}));
  EXPECT_FALSE(lost.is(kFail));
  EXPECT_EQ(engine_->failures().ValidReports(lost), 1u);
  Receive(Telling('a', {About('x', kPrimary | kPfail)}));
  EXPECT_EQ(engine_->failures().ValidReports(lost), 1u);
  Receive(Telling('b', {About('x', kPrimary | kFail)}));
  EXPECT_TRUE(lost.is(kFail));
  EXPECT_FALSE(lost.is(kPfail));
  const auto fails = transport_.Of(bus::MessageType::kFail);
  ASSERT_EQ(fails.size(), 5u);
  EXPECT_EQ(std::get<bus::FailBody>(fails[0].body).failed, Id('x'));
}

TEST_F(FailureTest, ReportsThatCameFirstCount) {
  Node& lost = AddPeer('x');
  Node& reporter = AddPeer('a');
  GiveSlots(reporter, 'a', 'a');
  GiveSlots(lost, 'x', 'x');
  GiveSlots(me(), 'm', 'm');
  Receive(Telling('a', {About('x', kPrimary | kPfail)}));
  EXPECT_FALSE(lost.is(kFail));
  engine_->failures().MarkPfail(lost);
  EXPECT_TRUE(lost.is(kFail));
  EXPECT_EQ(transport_.Of(bus::MessageType::kFail).size(), 2u);
}

TEST_F(FailureTest, ReplicasAreToldAtOnceThatTheirPrimaryIsSilent) {
  Node& lost = AddPeer('x');
  for (char c : {'a', 'b'}) GiveSlots(AddPeer(c), c, c);
  GiveSlots(lost, 'x', 'x');
  GiveSlots(me(), 'm', 'm');
  Node& replica = AddPeer('r');
  table().MakeReplica(replica, &lost);
  transport_.sent.clear();
  engine_->failures().MarkPfail(lost);
  ASSERT_EQ(transport_.sent.size(), 1u);
  EXPECT_EQ(transport_.sent[0].link, replica.outbound);
  EXPECT_EQ(transport_.sent[0].message.type, bus::MessageType::kPong);
  const auto& entries = std::get<bus::GossipBody>(transport_.sent[0].message.body).entries;
  EXPECT_TRUE(std::any_of(entries.begin(), entries.end(), [](const bus::GossipEntry& entry) {
    return entry.id == Id('x') && (entry.flags & kPfail) != 0;
  }));
  EXPECT_EQ(replica.ping_sent_ms, 0);
  // Not of a silent replica: nobody waits for that.
  transport_.sent.clear();
  engine_->failures().MarkPfail(replica);
  EXPECT_TRUE(transport_.sent.empty());
}

TEST_F(FailureTest, AClosedLinkBeginsTheWait) {
  Node& peer = AddPeer('a');
  const int64_t closed = clock_.MonotonicMillis();
  engine_->OnClosed(peer.outbound);
  EXPECT_EQ(peer.outbound, kNoLink);
  EXPECT_EQ(peer.ping_sent_ms, closed);
  for (int64_t passed = 0; passed <= kTimeoutMs; passed += Heartbeat::kTickMs) {
    EXPECT_FALSE(peer.is(kPfail));
    Pass(Heartbeat::kTickMs);
    if (peer.outbound != kNoLink) engine_->OnClosed(peer.outbound);  // refused
  }
  EXPECT_EQ(peer.ping_sent_ms, closed);
  EXPECT_TRUE(peer.is(kPfail));
  // It is back: its pong ends the wait.
  Pass(Heartbeat::kTickMs);
  engine_->OnConnected(peer.outbound);
  ReceivePong(peer, From('a'));
  EXPECT_FALSE(peer.is(kPfail));
  EXPECT_EQ(peer.ping_sent_ms, 0);
}

TEST_F(FailureTest, TheTickAddsNoDelay) {
  Node& peer = AddPeer('a');
  clock_.AdvanceMillis(33);
  const int64_t closed = clock_.MonotonicMillis();
  engine_->OnClosed(peer.outbound);
  while (host_.wake_ms == 0) Pass(Heartbeat::kTickMs);
  EXPECT_EQ(host_.wake_ms, closed + kTimeoutMs + 1);
  EXPECT_FALSE(peer.is(kPfail));
  clock_.AdvanceMillis(host_.wake_ms - clock_.MonotonicMillis());
  engine_->OnDeadline();
  EXPECT_TRUE(peer.is(kPfail));
}

TEST_F(FailureTest, ReportsAreTakenBackAndExpire) {
  Node& lost = AddPeer('x');
  for (char c : {'a', 'b', 'c', 'd'}) GiveSlots(AddPeer(c), c, c);
  lost.flags |= kPfail;
  Receive(Telling('a', {About('x', kPrimary | kPfail)}));
  Receive(Telling('a', {About('x', kPrimary)}));
  EXPECT_EQ(engine_->failures().ValidReports(lost), 0u);
  Receive(Telling('a', {About('x', kPrimary | kPfail)}));
  clock_.AdvanceMillis(kTimeoutMs * 2 + 1);
  Receive(Telling('b', {About('x', kPrimary | kPfail)}));
  EXPECT_FALSE(lost.is(kFail));
  EXPECT_EQ(engine_->failures().ValidReports(lost), 1u);
}

TEST_F(FailureTest, ReplicasAreNoWitnesses) {
  Node& lost = AddPeer('x');
  Node& primary = AddPeer('a');
  GiveSlots(primary, 1, 1);
  table().MakeReplica(AddPeer('r'), &primary);
  lost.flags |= kPfail;
  bus::Message message = Telling('r', {About('x', kPrimary | kFail)});
  message.replica_of = Id('a');
  Receive(message);
  EXPECT_EQ(engine_->failures().ValidReports(lost), 0u);
}

TEST_F(FailureTest, NobodySaysThatIAmDead) {
  GiveSlots(AddPeer('a'), 1, 1);
  Receive(Telling('a', {About('m', kPrimary | kFail)}));
  bus::Message fail = From('a', bus::MessageType::kFail);
  fail.body = bus::FailBody{Id('m')};
  Receive(fail);
  EXPECT_FALSE(me().is(kFail | kPfail));
}

TEST_F(FailureTest, FailMessageIsBelievedOfKnownNodes) {
  AddPeer('a');
  Node& lost = AddPeer('x');
  bus::Message fail = From('z', bus::MessageType::kFail);
  fail.body = bus::FailBody{Id('x')};
  Receive(fail);
  EXPECT_FALSE(lost.is(kFail));
  fail.sender = Id('a');
  Receive(fail);
  EXPECT_TRUE(lost.is(kFail));
}

TEST_F(FailureTest, FailClearsAtOnceWithoutSlotsAndLaterWith) {
  Node& empty = AddPeer('a');
  Node& owner = AddPeer('b');
  GiveSlots(owner, 1, 1);
  engine_->failures().MarkFail(empty);
  engine_->failures().MarkFail(owner);
  ReceivePong(empty, From('a'));
  ReceivePong(owner, From('b'));
  EXPECT_FALSE(empty.is(kFail));
  EXPECT_TRUE(owner.is(kFail));
  clock_.AdvanceMillis(kTimeoutMs * 2 + 1);
  ReceivePong(owner, From('b'));
  EXPECT_FALSE(owner.is(kFail));
}

TEST_F(FailureTest, HeartbeatsTellOfUnreachableNodes) {
  for (int i = 0; i < 12; ++i) AddPeer(static_cast<char>('a' + i));
  node('c')->flags |= kPfail;
  for (int i = 0; i < 20; ++i) {
    Receive(From('a'));
    const auto& body = std::get<bus::GossipBody>(transport_.sent.back().message.body);
    EXPECT_LE(body.entries.size(), Messenger::kMinGossip + 1);
    std::set<NodeId> told;
    for (const bus::GossipEntry& entry : body.entries) told.insert(entry.id);
    EXPECT_EQ(told.size(), body.entries.size());
    EXPECT_EQ(told.count(Id('c')), 1u);
    EXPECT_EQ(told.count(Id('m')), 0u);
  }
}

TEST_F(FailureTest, LinksOverTheLimitAreGivenUp) {
  Node& peer = AddPeer('a');
  Receive(From('a'));
  options_.link_sendbuf_limit = 1000;
  transport_.queued = 1000;
  engine_->Tick();
  EXPECT_EQ(engine_->stats().links_over_limit, 0u);
  const LinkId outbound = peer.outbound;
  transport_.queued = 1001;
  engine_->Tick();
  EXPECT_EQ(engine_->stats().links_over_limit, 2u);
  EXPECT_EQ(transport_.open.count(outbound), 0u);
  EXPECT_NE(peer.outbound, kNoLink);  // opened anew
  // Without a limit of the operator's there is one all the same.
  options_.link_sendbuf_limit = 0;
  engine_->Tick();
  EXPECT_EQ(engine_->stats().links_over_limit, 2u);
  transport_.queued = Heartbeat::kMaxQueuedBytes + 1;
  engine_->Tick();
  EXPECT_EQ(engine_->stats().links_over_limit, 3u);
}

}  // namespace
}  // namespace keyway::shard::cluster::gossip
