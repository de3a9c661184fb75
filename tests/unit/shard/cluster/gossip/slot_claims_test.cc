#include "shard/cluster/gossip/slot_claims.h"

#include <gtest/gtest.h>

#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster::gossip {
namespace {

class SlotClaimsTest : public EngineTest {
 protected:
  bus::Message Claim(char c, const SlotSet& slots, uint64_t epoch) {
    bus::Message message = From(c);
    message.slots = slots;
    message.config_epoch = epoch;
    message.current_epoch = epoch;
    return message;
  }
};

TEST_F(SlotClaimsTest, FreeSlotsAreTaken) {
  Node& peer = AddPeer('a');
  Receive(Claim('a', Slots(5, 9), 0));
  EXPECT_EQ(peer.slot_count, 5);
  EXPECT_EQ(table().Owner(7), &peer);
}

TEST_F(SlotClaimsTest, HigherEpochWins) {
  Node& a = AddPeer('a');
  Node& b = AddPeer('b');
  Receive(Claim('a', Slots(1, 4), 5));
  Receive(Claim('b', Slots(3, 6), 4));
  EXPECT_EQ(table().Owner(3), &a);
  EXPECT_EQ(table().Owner(5), &b);
  // The one that is behind is told who has been faster.
  const auto updates = transport_.Of(bus::MessageType::kUpdate, b.outbound);
  ASSERT_EQ(updates.size(), 1u);
  const auto& update = std::get<bus::UpdateBody>(updates[0].body);
  EXPECT_EQ(update.owner, Id('a'));
  EXPECT_EQ(update.config_epoch, 5u);
  EXPECT_EQ(update.slots, Slots(1, 4));
  Receive(Claim('b', Slots(3, 6), 6));
  EXPECT_EQ(table().Owner(3), &b);
  EXPECT_EQ(a.slot_count, 2);
}

TEST_F(SlotClaimsTest, LostSlotsLoseTheirKeys) {
  keys_.keys = {"a", "b", "{a}2"};
  engine_->AddSlots(Slots(0, 16383));
  me().config_epoch = 1;
  AddPeer('x');
  Receive(Claim('x', Slots(KeySlot("a"), KeySlot("a")), 1));
  EXPECT_EQ(keys_.keys.size(), 3u);
  Receive(Claim('x', Slots(KeySlot("a"), KeySlot("a")), 9));
  EXPECT_EQ(keys_.keys, std::set<std::string>{"b"});
  EXPECT_EQ(me().slot_count, 16383);
}

TEST_F(SlotClaimsTest, ImportingSlotsAreNotTouched) {
  Node& a = AddPeer('a');
  AddPeer('b');
  Receive(Claim('a', Slots(1, 1), 1));
  table().SetImportingFrom(1, &a);
  Receive(Claim('b', Slots(1, 1), 9));
  EXPECT_EQ(table().Owner(1), &a);
}

TEST_F(SlotClaimsTest, SlotsNoLongerClaimedGoToWhoeverClaimsThem) {
  Node& a = AddPeer('a');
  Node& b = AddPeer('b');
  Receive(Claim('a', Slots(1, 4), 5));
  Receive(Claim('a', Slots(1, 2), 5));
  EXPECT_EQ(table().Owner(3), &a);
  EXPECT_TRUE(table().Unclaimed(3));
  Receive(Claim('b', Slots(3, 3), 1));
  EXPECT_EQ(table().Owner(3), &b);
  EXPECT_FALSE(table().Unclaimed(3));
  EXPECT_TRUE(transport_.Of(bus::MessageType::kUpdate).empty());
  // It may change its mind.
  Receive(Claim('a', Slots(1, 2) | Slots(4, 4), 5));
  EXPECT_FALSE(table().Unclaimed(4));
}

TEST_F(SlotClaimsTest, UpdateMessage) {
  Node& a = AddPeer('a');
  AddPeer('b');
  Receive(Claim('a', Slots(1, 4), 5));
  bus::Message update = From('b', bus::MessageType::kUpdate);
  update.body = bus::UpdateBody{5, Id('a'), Slots(9, 9)};
  Receive(update);
  EXPECT_EQ(table().Owner(9), nullptr);  // known already
  update.body = bus::UpdateBody{6, Id('a'), Slots(9, 9)};
  Receive(update);
  EXPECT_EQ(table().Owner(9), &a);
  EXPECT_EQ(a.config_epoch, 6u);
  update.body = bus::UpdateBody{99, Id('m'), Slots(9, 9)};
  Receive(update);
  EXPECT_EQ(table().Owner(9), &a);
  EXPECT_EQ(me().config_epoch, 0u);
  update.body = bus::UpdateBody{99, Id('z'), Slots(9, 9)};
  Receive(update);
  EXPECT_EQ(table().Owner(9), &a);
  // Of a stranger.
  update.sender = Id('y');
  update.body = bus::UpdateBody{99, Id('b'), Slots(9, 9)};
  Receive(update);
  EXPECT_EQ(table().Owner(9), &a);
}

TEST_F(SlotClaimsTest, UpdateMakesAReplicaAPrimary) {
  Node& a = AddPeer('a');
  Node& b = AddPeer('b');
  table().MakeReplica(b, &a);
  bus::Message update = From('a', bus::MessageType::kUpdate);
  update.body = bus::UpdateBody{7, Id('b'), Slots(1, 1)};
  Receive(update);
  EXPECT_TRUE(b.is_primary());
  EXPECT_EQ(table().Owner(1), &b);
}

TEST_F(SlotClaimsTest, CollisionIsResolvedByTheLowerId) {
  AddPeer('z');
  AddPeer('a');
  engine_->SetConfigEpoch(3);
  // 'a' is lower than 'm': that is its business.
  Receive(Claim('a', {}, 3));
  EXPECT_EQ(me().config_epoch, 3u);
  Receive(Claim('z', {}, 3));
  EXPECT_EQ(me().config_epoch, 4u);
  EXPECT_EQ(table().current_epoch, 4u);
}

TEST_F(SlotClaimsTest, EpochsAreLearnt) {
  AddPeer('a');
  bus::Message message = Claim('a', {}, 7);
  message.current_epoch = 12;
  Receive(message);
  EXPECT_EQ(table().current_epoch, 12u);
  EXPECT_EQ(node('a')->config_epoch, 7u);
  EXPECT_EQ(table().MaxEpoch(), 12u);
  EXPECT_TRUE(engine_->BumpEpoch());
  EXPECT_EQ(me().config_epoch, 13u);
  EXPECT_FALSE(engine_->BumpEpoch());
}

}  // namespace
}  // namespace keyway::shard::cluster::gossip
