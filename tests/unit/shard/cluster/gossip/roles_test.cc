#include "shard/cluster/gossip/roles.h"

#include <gtest/gtest.h>

#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster::gossip {
namespace {

using Calls = std::vector<std::string>;

class RolesTest : public EngineTest {
 protected:
  bus::Message Claim(char c, const SlotSet& slots, uint64_t epoch) {
    bus::Message message = From(c);
    message.slots = slots;
    message.config_epoch = epoch;
    message.current_epoch = epoch;
    return message;
  }
  bus::Message AsReplica(char c, char primary) {
    bus::Message message = From(c);
    message.flags = kReplica | kMyself;
    message.replica_of = Id(primary);
    if (const Node* node = table().Find(Id(primary)); node != nullptr) {
      message.slots = node->slots;
      message.config_epoch = node->config_epoch;
    }
    return message;
  }
  Calls TakeCalls() { return std::exchange(host_.fake_data.calls, {}); }
  std::string AddressOf(char c) { return node(c)->ip + ":" + std::to_string(node(c)->port); }
  void Tick() {
    engine_->Tick();
    engine_->FinishPass();
  }
};

TEST_F(RolesTest, Replicate) {
  Node& a = AddPeer('a');
  table().SetImportingFrom(1, &a);
  host_.saves = 0;
  engine_->roles().Replicate(a);
  engine_->FinishPass();
  EXPECT_TRUE(me().is_replica());
  EXPECT_FALSE(me().is_primary());
  EXPECT_EQ(me().primary, &a);
  EXPECT_FALSE(table().HasMigrations());
  EXPECT_EQ(TakeCalls(), Calls{"replicate " + AddressOf('a')});
  EXPECT_EQ(host_.saves, 1);
  // Asked for again, it begins again; by itself it does not.
  Tick();
  EXPECT_EQ(TakeCalls(), Calls{});
  engine_->roles().Replicate(a);
  EXPECT_EQ(TakeCalls(), Calls{"replicate " + AddressOf('a')});
}

TEST_F(RolesTest, DataFollowThePrimaryToWhereItIs) {
  Node& a = AddPeer('a');
  engine_->roles().Replicate(a);
  TakeCalls();
  a.ip = "10.1.1.1";
  Tick();
  EXPECT_EQ(TakeCalls(), Calls{"replicate 10.1.1.1:7000"});
  a.port = 7001;
  Tick();
  EXPECT_EQ(TakeCalls(), Calls{"replicate 10.1.1.1:7001"});
  a.flags |= kNoAddr;
  a.ip.clear();
  Tick();
  EXPECT_EQ(TakeCalls(), Calls{});
  a.flags &= static_cast<uint16_t>(~kNoAddr);
  a.ip = "10.1.1.2";
  Tick();
  EXPECT_EQ(TakeCalls(), Calls{"replicate 10.1.1.2:7001"});
  // The data set was loaded only now.
  engine_->roles().OnNewData();
  EXPECT_EQ(TakeCalls(), Calls{"replicate 10.1.1.2:7001"});
}

TEST_F(RolesTest, TakeOver) {
  Node& a = AddPeer('a');
  Node& b = AddPeer('b');
  Receive(Claim('a', Slots(1, 9), 3));
  Receive(Claim('b', Slots(20, 29), 4));
  engine_->roles().Replicate(a);
  engine_->FinishPass();
  TakeCalls();
  transport_.sent.clear();
  engine_->roles().TakeOver(8);
  engine_->FinishPass();
  EXPECT_TRUE(me().is_primary());
  EXPECT_EQ(me().primary, nullptr);
  EXPECT_EQ(me().config_epoch, 8u);
  EXPECT_EQ(me().slots, Slots(1, 9));
  EXPECT_EQ(a.slot_count, 0);
  EXPECT_EQ(b.slot_count, 10);
  EXPECT_EQ(TakeCalls(), Calls{"become primary"});
  EXPECT_TRUE(host_.lost.none());
  const auto pongs = transport_.Of(bus::MessageType::kPong, b.outbound);
  ASSERT_EQ(pongs.size(), 1u);
  EXPECT_EQ(pongs[0].slots, Slots(1, 9));
  EXPECT_EQ(pongs[0].config_epoch, 8u);
  Tick();
  EXPECT_EQ(TakeCalls(), Calls{});
}

TEST_F(RolesTest, ResetOfAReplica) {
  Node& a = AddPeer('a');
  Receive(Claim('a', Slots(1, 9), 3));
  engine_->roles().Replicate(a);
  engine_->FinishPass();
  TakeCalls();
  engine_->Reset(false);
  engine_->FinishPass();
  EXPECT_EQ(TakeCalls(), (Calls{"become primary", "empty"}));
  EXPECT_TRUE(me().is_primary());
  EXPECT_EQ(table().size(), 1u);
  // Its clients that listen to shard channels are told.
  EXPECT_TRUE(host_.lost == Slots(1, 9));
  Tick();
  EXPECT_EQ(TakeCalls(), Calls{});
}

TEST_F(RolesTest, ResetOfAPrimaryLeavesItsDataAlone) {
  AddPeer('a');
  engine_->Reset(true);
  EXPECT_EQ(TakeCalls(), Calls{});
}

TEST_F(RolesTest, APrimaryWithoutSlotsFollowsTheWinner) {
  keys_.keys = {"a"};
  engine_->AddSlots(Slots(0, 16383));
  engine_->FinishPass();
  me().config_epoch = 1;
  Node& x = AddPeer('x');
  Receive(Claim('x', Slots(0, 16382), 2));
  EXPECT_TRUE(me().is_primary());
  // Of one more slot: it takes over the last.
  keys_.keys = {"a"};
  Receive(Claim('x', Slots(0, 16383), 3));
  EXPECT_TRUE(me().is_replica());
  EXPECT_EQ(me().primary, &x);
  EXPECT_EQ(TakeCalls(), Calls{"replicate " + AddressOf('x')});
  // The keys go when the new primary's come.
  EXPECT_EQ(keys_.keys.size(), 1u);
  EXPECT_TRUE(host_.lost == Slots(0, 16383));
}

TEST_F(RolesTest, WithoutMigrationOnlyWhoTakesAllIsFollowed) {
  options_.allow_replica_migration = false;
  keys_.keys = {"a"};
  engine_->AddSlots(Slots(0, 16383));
  me().config_epoch = 1;
  AddPeer('x');
  Receive(Claim('x', Slots(0, 16000), 2));
  Receive(Claim('x', Slots(0, 16383), 3));
  EXPECT_TRUE(me().is_primary());
  EXPECT_EQ(TakeCalls(), Calls{});
  EXPECT_TRUE(keys_.keys.empty());
}

TEST_F(RolesTest, WithoutMigrationAFailoverIsStillOne) {
  options_.allow_replica_migration = false;
  engine_->AddSlots(Slots(0, 99));
  me().config_epoch = 1;
  AddPeer('x');
  Receive(Claim('x', Slots(0, 99), 2));
  EXPECT_TRUE(me().is_replica());
}

TEST_F(RolesTest, APrimaryThatNeverHadSlotsStaysOne) {
  AddPeer('x');
  Receive(Claim('x', Slots(0, 16383), 9));
  EXPECT_TRUE(me().is_primary());
}

TEST_F(RolesTest, AReplicaFollowsTheOneThatReplacesItsPrimary) {
  Node& a = AddPeer('a');
  Node& b = AddPeer('b');
  Receive(Claim('a', Slots(1, 9), 3));
  Receive(AsReplica('b', 'a'));
  EXPECT_EQ(b.primary, &a);
  engine_->roles().Replicate(a);
  engine_->FinishPass();
  TakeCalls();
  Receive(Claim('b', Slots(1, 9), 4));
  EXPECT_EQ(me().primary, &b);
  EXPECT_EQ(TakeCalls(), Calls{"replicate " + AddressOf('b')});
  EXPECT_TRUE(host_.lost == Slots(1, 9));
}

TEST_F(RolesTest, AReplicaKeepsAPrimaryThatStillHasASlot) {
  Node& a = AddPeer('a');
  AddPeer('b');
  Receive(Claim('a', Slots(1, 9), 3));
  engine_->roles().Replicate(a);
  Receive(Claim('b', Slots(1, 8), 4));
  EXPECT_EQ(me().primary, &a);
}

TEST_F(RolesTest, AReplicaOfAReplicaMovesUp) {
  Node& a = AddPeer('a');
  Node& b = AddPeer('b');
  Receive(Claim('b', Slots(1, 9), 3));
  engine_->roles().Replicate(a);
  Receive(AsReplica('a', 'b'));
  EXPECT_EQ(a.primary, &b);
  EXPECT_EQ(me().primary, &a);
  TakeCalls();
  // At the next news about slots.
  Receive(Claim('b', Slots(1, 10), 3));
  EXPECT_EQ(me().primary, &b);
  EXPECT_EQ(TakeCalls(), Calls{"replicate " + AddressOf('b')});
}

TEST_F(RolesTest, TwoThatReplicateEachOtherAreLeftAlone) {
  Node& a = AddPeer('a');
  AddPeer('b');
  engine_->roles().Replicate(a);
  Receive(AsReplica('a', 'm'));
  EXPECT_EQ(a.primary, &me());
  Receive(Claim('b', Slots(1, 10), 3));
  EXPECT_EQ(me().primary, &a);
}

TEST_F(RolesTest, LostSlotsWithKeysAreDroppedByAPrimaryThatStaysOne) {
  keys_.keys = {"a", "b"};
  engine_->AddSlots(Slots(0, 16383));
  me().config_epoch = 1;
  AddPeer('x');
  Receive(Claim('x', Slots(KeySlot("a"), KeySlot("a")), 2));
  EXPECT_EQ(keys_.keys, std::set<std::string>{"b"});
  EXPECT_TRUE(me().is_primary());
}

}  // namespace
}  // namespace keyway::shard::cluster::gossip
