// What clients publish, on its way from node to node; and slots that are lost, with their channels.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster::gossip {
namespace {

class PublishTest : public EngineTest {
 protected:
  bus::Message Published(char from, bus::MessageType type, std::string_view channel,
                         std::string_view message) {
    bus::Message published = From(from, type);
    published.body = bus::PublishBody{channel, message};
    return published;
  }
  size_t Sent(bus::MessageType type) const {
    return engine_->stats().sent[static_cast<size_t>(type)];
  }
};

TEST_F(PublishTest, GoesToEveryNodeThatCanBeReached) {
  AddPeer('a');
  AddPeer('b');
  AddPeer('c').outbound = kNoLink;
  transport_.sent.clear();
  engine_->Publish("channel", "text", /*shard=*/false);
  ASSERT_EQ(transport_.sent.size(), 2u);
  for (const auto& sent : transport_.sent) {
    EXPECT_EQ(sent.message.type, bus::MessageType::kPublish);
    EXPECT_EQ(std::get<bus::PublishBody>(sent.message.body), (bus::PublishBody{"channel", "text"}));
  }
  EXPECT_EQ(Sent(bus::MessageType::kPublish), 2u);
}

TEST_F(PublishTest, OfAShardGoesToItsReplicas) {
  AddPeer('a');
  Node& replica = AddPeer('r');
  engine_->Publish("channel", "text", /*shard=*/true);
  EXPECT_EQ(Sent(bus::MessageType::kPublishShard), 0u);
  table().MakeReplica(replica, &table().myself());
  transport_.sent.clear();
  engine_->Publish("channel", "text", /*shard=*/true);
  ASSERT_EQ(transport_.sent.size(), 1u);
  EXPECT_EQ(transport_.sent[0].link, replica.outbound);
  EXPECT_EQ(transport_.sent[0].message.type, bus::MessageType::kPublishShard);
}

TEST_F(PublishTest, ASlowNodeLosesMessages) {
  AddPeer('a');
  transport_.sent.clear();
  transport_.queued = bus::kMaxPublishBytes - 1000;
  engine_->Publish("channel", "text", /*shard=*/false);
  EXPECT_TRUE(transport_.sent.empty());
  transport_.queued = 0;
  engine_->Publish("channel", std::string(bus::kMaxPublishBytes, 'x'), /*shard=*/false);
  EXPECT_TRUE(transport_.sent.empty());
  EXPECT_EQ(Sent(bus::MessageType::kPublish), 0u);
}

TEST_F(PublishTest, IsTakenFromKnownNodesOnly) {
  AddPeer('a');
  Receive(Published('a', bus::MessageType::kPublish, "c", "m"));
  Receive(Published('a', bus::MessageType::kPublishShard, "c", "s"));
  Receive(Published('z', bus::MessageType::kPublish, "c", "stranger"));
  EXPECT_EQ(host_.published, (std::vector<std::string>{"c:m", "shard c:s"}));
}

TEST_F(PublishTest, LostSlotsAreToldAtTheEndOfThePass) {
  engine_->AddSlots(Slots(0, 10));
  engine_->FinishPass();
  EXPECT_TRUE(host_.lost.none());
  engine_->RemoveSlots(Slots(3, 4));
  EXPECT_TRUE(host_.lost.none());
  engine_->FinishPass();
  EXPECT_EQ(host_.lost, Slots(3, 4));
  host_.lost.reset();
  engine_->FinishPass();
  EXPECT_TRUE(host_.lost.none());
  engine_->Reset(/*hard=*/false);
  engine_->FinishPass();
  EXPECT_EQ(host_.lost, Slots(0, 10) & ~Slots(3, 4));
}

}  // namespace
}  // namespace keyway::shard::cluster::gossip
