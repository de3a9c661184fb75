// How nodes get into the table, change there, and leave it.
#include <gtest/gtest.h>

#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster::gossip {
namespace {

class MembershipTest : public EngineTest {};

TEST_F(MembershipTest, MeetAndHandshake) {
  ASSERT_TRUE(engine_->Meet("10.0.0.97", 7000, 17000).ok());
  ASSERT_TRUE(engine_->Meet("10.0.0.97", 7000, 17000).ok());  // is going on already
  ASSERT_EQ(table().size(), 2u);
  engine_->Tick();
  Node* other = table().nodes()[1];
  EXPECT_TRUE(other->is(kHandshake));
  ASSERT_NE(other->outbound, kNoLink);
  EXPECT_EQ(transport_.connects[other->outbound], "10.0.0.97:17000");
  engine_->OnConnected(other->outbound);
  EXPECT_EQ(transport_.Of(bus::MessageType::kMeet, other->outbound).size(), 1u);
  // From now on it would be a ping.
  EXPECT_FALSE(other->is(kMeet));

  ReceivePong(*other, From('a'));
  EXPECT_EQ(node('a'), other);
  EXPECT_EQ(other->flags, kPrimary);
  EXPECT_EQ(other->ping_sent_ms, 0);
  EXPECT_GT(host_.saves, 0);
}

TEST_F(MembershipTest, HandshakeTimesOut) {
  ASSERT_TRUE(engine_->Meet("10.0.0.97", 7000, 17000).ok());
  engine_->Tick();
  clock_.AdvanceMillis(kTimeoutMs + 1);
  engine_->Tick();
  EXPECT_EQ(table().size(), 1u);
  EXPECT_TRUE(transport_.open.empty());
}

TEST_F(MembershipTest, HandshakeWithAKnownNodeUpdatesItsAddress) {
  Node& known = AddPeer('a');
  known.ip = "10.9.9.9";
  ASSERT_TRUE(engine_->Meet("10.0.0.97", 7000, 17000).ok());
  engine_->Tick();
  Node* handshake = table().nodes()[2];
  const LinkId old_link = known.outbound;
  ReceivePong(*handshake, From('a'));
  EXPECT_EQ(table().size(), 2u);
  EXPECT_EQ(known.ip, "10.0.0.97");
  EXPECT_EQ(transport_.open.count(old_link), 0u);
}

TEST_F(MembershipTest, MeetingOneselfComesToNothing) {
  ASSERT_TRUE(engine_->Meet("10.0.0.1", 7000, 17000).ok());
  engine_->Tick();
  Node* handshake = table().nodes()[1];
  engine_->OnConnected(handshake->outbound);
  Receive(From('m', bus::MessageType::kMeet));
  ReceivePong(*handshake, From('m'));
  EXPECT_EQ(table().size(), 1u);
}

TEST_F(MembershipTest, MeetOfAStrangerStartsAHandshakeAndIsAnswered) {
  bus::Message meet = From('a', bus::MessageType::kMeet);
  meet.ip.clear();
  meet.body = bus::GossipBody{{About('b', kPrimary)}, "", 0};
  const LinkId link = Receive(meet);
  EXPECT_EQ(transport_.Of(bus::MessageType::kPong, link).size(), 1u);
  ASSERT_EQ(table().size(), 2u);
  const Node* handshake = table().nodes()[1];
  EXPECT_TRUE(handshake->is(kHandshake));
  EXPECT_NE(handshake->id, Id('a'));
  EXPECT_EQ(handshake->ip, "10.0.0.99");  // where it came from
  EXPECT_EQ(me().ip, "10.0.0.1");         // where it went to
  Receive(meet);
  EXPECT_EQ(table().size(), 2u);
}

TEST_F(MembershipTest, PingOfAStrangerIsAnsweredOnly) {
  bus::Message ping = Telling('a', {About('b', kPrimary)});
  ping.slots = Slots(0, 16383);
  ping.current_epoch = ping.config_epoch = 99;
  const LinkId link = Receive(ping);
  EXPECT_EQ(transport_.Of(bus::MessageType::kPong, link).size(), 1u);
  EXPECT_EQ(table().size(), 1u);
  EXPECT_EQ(table().current_epoch, 0u);
  EXPECT_EQ(table().assigned_slots(), 0);
  EXPECT_EQ(engine_->stats().dropped[static_cast<size_t>(bus::DropCause::kUnknownSender)], 1u);
}

TEST_F(MembershipTest, KnownNodesIntroduceOthers) {
  AddPeer('a');
  bus::GossipEntry replica = About('c', kReplica | kMyself | kHandshake | kMeet);
  Receive(Telling('a', {About('b', kPrimary), replica, About('d', kPrimary | kNoAddr)}));
  ASSERT_NE(node('b'), nullptr);
  EXPECT_EQ(node('b')->ip, "10.0.0.98");
  ASSERT_NE(node('c'), nullptr);
  EXPECT_EQ(node('c')->flags, kReplica);  // the rest is not for others to say
  EXPECT_EQ(node('d'), nullptr);
}

TEST_F(MembershipTest, OtherNodeAtTheAddress) {
  Node& peer = AddPeer('a');
  ReceivePong(peer, From('z'));
  EXPECT_TRUE(peer.is(kNoAddr));
  EXPECT_EQ(peer.outbound, kNoLink);
  EXPECT_TRUE(peer.ip.empty());
  engine_->Tick();
  EXPECT_EQ(peer.outbound, kNoLink);
  // It says where it is.
  Receive(From('a'));
  EXPECT_FALSE(peer.is(kNoAddr));
  EXPECT_EQ(peer.ip, "10.0.0.97");
}

TEST_F(MembershipTest, AddressChange) {
  Node& peer = AddPeer('a');
  const LinkId old_link = peer.outbound;
  bus::Message ping = From('a');
  ping.ip = "10.1.1.1";
  ping.port = 7100;
  ping.bus_port = 17100;
  Receive(ping);
  EXPECT_EQ(peer.ip, "10.1.1.1");
  EXPECT_EQ(peer.port, 7100);
  EXPECT_EQ(peer.outbound, kNoLink);
  EXPECT_EQ(transport_.open.count(old_link), 0u);
  engine_->Tick();
  EXPECT_EQ(transport_.connects[peer.outbound], "10.1.1.1:17100");
}

TEST_F(MembershipTest, UnreachableNodeIsLookedForWhereOthersReachIt) {
  AddPeer('a');
  Node& lost = AddPeer('b');
  lost.flags |= kPfail;
  bus::GossipEntry entry = About('b', kPrimary);
  entry.ip = "10.2.2.2";
  Receive(Telling('a', {entry}));
  EXPECT_EQ(lost.ip, "10.2.2.2");
  EXPECT_EQ(lost.outbound, kNoLink);
}

TEST_F(MembershipTest, GossipAboutPongsSavesPings) {
  AddPeer('a');
  Node& peer = AddPeer('b');
  clock_.AdvanceMillis(5000);
  bus::GossipEntry entry = About('b', kPrimary);
  entry.pong_received = static_cast<uint32_t>(clock_.WallMillis() / 1000);
  const int64_t before = peer.pong_received_ms;
  Receive(Telling('a', {entry}));
  EXPECT_GT(peer.pong_received_ms, before);
  // A clock that is far ahead is not believed.
  const int64_t now = peer.pong_received_ms;
  entry.pong_received += 60;
  Receive(Telling('a', {entry}));
  EXPECT_EQ(peer.pong_received_ms, now);
}

TEST_F(MembershipTest, ForgottenNodesStayAwayForAWhile) {
  AddPeer('a');
  Node& peer = AddPeer('b');
  const LinkId link = peer.outbound;
  engine_->Forget(peer);
  EXPECT_EQ(transport_.open.count(link), 0u);
  Receive(Telling('a', {About('b', kPrimary)}));
  EXPECT_EQ(node('b'), nullptr);
  clock_.AdvanceMillis(Blacklist::kBanMs);
  Receive(Telling('a', {About('b', kPrimary)}));
  EXPECT_NE(node('b'), nullptr);
}

TEST_F(MembershipTest, Hostnames) {
  Node& peer = AddPeer('a');
  bus::Message ping = From('a');
  ping.body = bus::GossipBody{{}, "a.example.com", 1};
  const int saves = host_.saves;
  Receive(ping);
  EXPECT_EQ(peer.hostname, "a.example.com");
  EXPECT_GT(host_.saves, saves);
  Receive(From('a'));
  EXPECT_EQ(peer.hostname, "");
  options_.announce_hostname = "m.example.com";
  engine_->ApplyOptions();
  Receive(From('a'));
  EXPECT_EQ(std::get<bus::GossipBody>(transport_.sent.back().message.body).hostname,
            "m.example.com");
}

TEST_F(MembershipTest, AnnouncedAddress) {
  options_.announce_ip = "192.0.2.1";
  options_.announce_port = 1;
  options_.announce_bus_port = 2;
  engine_->ApplyOptions();
  AddPeer('a');
  Receive(From('a', bus::MessageType::kMeet));
  EXPECT_EQ(me().ip, "192.0.2.1");
  const bus::Message& pong = transport_.sent.back().message;
  EXPECT_EQ(pong.ip, "192.0.2.1");
  EXPECT_EQ(pong.port, 1);
  EXPECT_EQ(pong.bus_port, 2);
  // Without it, the address is found out again.
  options_.announce_ip = "";
  engine_->ApplyOptions();
  EXPECT_EQ(me().ip, "");
  Receive(From('a'));
  EXPECT_EQ(me().ip, "10.0.0.1");
}

TEST_F(MembershipTest, ReplicasAreAttributedToTheirPrimary) {
  Node& primary = AddPeer('a');
  Node& peer = AddPeer('b');
  bus::Message claim = From('b');
  claim.slots = Slots(1, 3);
  claim.config_epoch = 2;
  Receive(claim);
  EXPECT_EQ(peer.slot_count, 3);
  bus::Message as_replica = From('b');
  as_replica.flags = kReplica | kMyself;
  as_replica.replica_of = Id('a');
  as_replica.slots = {};
  Receive(as_replica);
  EXPECT_TRUE(peer.is_replica());
  EXPECT_EQ(peer.primary, &primary);
  EXPECT_EQ(primary.replicas, std::vector<Node*>{&peer});
  EXPECT_EQ(peer.slot_count, 0);
  EXPECT_TRUE(primary.is(kMigrateTo));
  // And back.
  Receive(From('b'));
  EXPECT_TRUE(peer.is_primary());
  EXPECT_TRUE(primary.replicas.empty());
}

TEST_F(MembershipTest, OneInboundLinkANode) {
  Node& peer = AddPeer('a');
  const LinkId first = Receive(From('a'));
  EXPECT_EQ(peer.inbound, first);
  EXPECT_EQ(transport_.trusted.count(first), 1u);
  const LinkId second = Receive(From('a'));
  EXPECT_EQ(peer.inbound, second);
  EXPECT_EQ(transport_.open.count(first), 0u);
  // The peer has become another one.
  AddPeer('b');
  engine_->OnMessage(second, From('b'));
  EXPECT_EQ(peer.inbound, kNoLink);
  EXPECT_EQ(node('b')->inbound, second);
  engine_->OnClosed(second);
  EXPECT_EQ(node('b')->inbound, kNoLink);
}

TEST_F(MembershipTest, ResetForgetsAllNodesAndSlots) {
  AddPeer('a');
  engine_->AddSlots(Slots(0, 10));
  engine_->BumpEpoch();
  engine_->Reset(/*hard=*/false);
  EXPECT_EQ(table().size(), 1u);
  EXPECT_EQ(table().assigned_slots(), 0);
  EXPECT_EQ(me().config_epoch, 1u);
  EXPECT_EQ(me().id, Id('m'));
  engine_->Reset(/*hard=*/true);
  EXPECT_EQ(me().config_epoch, 0u);
  EXPECT_EQ(table().current_epoch, 0u);
  EXPECT_NE(me().id, Id('m'));
  EXPECT_EQ(table().Find(me().id), &me());
}

TEST_F(MembershipTest, FailedSavesAreRepeated) {
  host_.fail_saves = true;
  AddPeer('a');
  engine_->AddSlots(Slots(0, 1));
  engine_->FinishPass();
  const int tried = host_.saves;
  engine_->Tick();
  engine_->FinishPass();
  EXPECT_GT(host_.saves, tried);
  host_.fail_saves = false;
  engine_->Tick();
  engine_->FinishPass();
  const int done = host_.saves;
  engine_->Tick();
  engine_->FinishPass();
  EXPECT_EQ(host_.saves, done);
}

TEST_F(MembershipTest, HandshakesOfStrangersAreBounded) {
  for (int i = 0; i < 1000; ++i) {
    bus::Message meet = From('a', bus::MessageType::kMeet);
    meet.port = static_cast<uint16_t>(i + 1);
    Receive(meet);
  }
  EXPECT_EQ(table().size(), 1 + MessageHandler::kMaxHandshakes);
}

TEST_F(MembershipTest, MessagesNobodyHandlesAreCounted) {
  AddPeer('a');
  bus::Message module = From('a', bus::MessageType::kModule);
  module.body = std::monostate();
  Receive(module);
  EXPECT_EQ(engine_->stats().dropped[static_cast<size_t>(bus::DropCause::kUnusable)], 1u);
  EXPECT_EQ(engine_->stats().received[static_cast<size_t>(bus::MessageType::kModule)], 1u);
}

}  // namespace
}  // namespace keyway::shard::cluster::gossip
