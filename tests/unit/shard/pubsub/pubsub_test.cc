#include "shard/pubsub/pubsub.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "shard/commands/pubsub_commands.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::pubsub {
namespace {

class PubSubTest : public testing::Test {
 protected:
  PubSubTest() {
    commands::RegisterPubSub(rig_.handlers);
    rig_.services.pubsub = &pubsub_;
  }
  ~PubSubTest() override { rig_.clients.CloseAll(); }

  static std::string Message(const std::string& channel, const std::string& text) {
    return "*3\r\n$7\r\nmessage\r\n$" + std::to_string(channel.size()) + "\r\n" + channel +
           "\r\n$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }

  ClientRig rig_;
  PubSub pubsub_;
};

TEST_F(PubSubTest, TopicsLiveAsLongAsTheirSubscribers) {
  auto one = rig_.Connect();
  auto two = rig_.Connect();
  one->Call("SUBSCRIBE a b");
  two->Call("SUBSCRIBE b");
  two->Call("PSUBSCRIBE b*");
  two->Call("SSUBSCRIBE b");
  EXPECT_EQ(pubsub_.count(Kind::kChannel), 2u);
  EXPECT_EQ(pubsub_.CountSubscribers(Kind::kChannel, "b"), 2u);
  EXPECT_EQ(pubsub_.CountSubscribers(Kind::kShardChannel, "b"), 1u);
  one->Close();
  ASSERT_TRUE(rig_.RunUntil([&] { return rig_.clients.count() == 1; }));
  EXPECT_EQ(pubsub_.count(Kind::kChannel), 1u);
  two->Call("RESET");
  for (Kind kind : {Kind::kChannel, Kind::kPattern, Kind::kShardChannel}) {
    EXPECT_EQ(pubsub_.count(kind), 0u);
  }
  EXPECT_TRUE(pubsub_.idle());
}

TEST_F(PubSubTest, MessagesArriveInTheOrderOfTheSubscriptions) {
  auto one = rig_.Connect();
  one->Call("PSUBSCRIBE *");
  one->Call("SUBSCRIBE a");
  EXPECT_EQ(pubsub_.Publish("a", "x"), 2u);
  EXPECT_EQ(one->Receive(),
            Message("a", "x") + "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\na\r\n$1\r\nx\r\n");
  EXPECT_EQ(pubsub_.Publish("b", "x"), 1u);
  EXPECT_EQ(pubsub_.PublishShard("a", "x"), 0u);
}

TEST_F(PubSubTest, ASubscriberMayBeClosedByWhatItIsSent) {
  rig_.config.client_output_buffer_limit[kClassPubsub] = {1000, 0, 0};
  auto one = rig_.Connect();
  auto two = rig_.Connect();
  auto three = rig_.Connect();
  for (auto* peer : {one.get(), two.get(), three.get()}) peer->Call("SUBSCRIBE a");
  two->Call("PSUBSCRIBE *");
  // All three are over the limit in the middle of the walk, and leave at the end of the pass.
  EXPECT_EQ(pubsub_.Publish("a", std::string(2000, 'x')), 4u);
  EXPECT_EQ(pubsub_.Publish("a", "y"), 4u);
  ASSERT_TRUE(rig_.RunUntil([&] { return rig_.clients.count() == 0; }));
  EXPECT_EQ(pubsub_.Publish("a", "z"), 0u);
}

TEST_F(PubSubTest, ClosingEachOther) {
  auto one = rig_.Connect();
  auto two = rig_.Connect();
  auto other = rig_.Connect();
  one->Call("SUBSCRIBE a");
  two->Call("SUBSCRIBE a");
  EXPECT_EQ(other->Call("CLIENT KILL TYPE pubsub"), ":2\r\n");
  EXPECT_EQ(other->Call("PUBLISH a x"), ":0\r\n");
}

TEST_F(PubSubTest, ChannelsOfLostSlots) {
  auto one = rig_.Connect();
  auto two = rig_.Connect();
  one->Call("SSUBSCRIBE a");
  one->Call("SSUBSCRIBE b");
  two->Call("SSUBSCRIBE a");
  SlotSet lost;
  lost.set(KeySlot("a"));
  pubsub_.OnSlotsLost(lost);
  const std::string told = "*3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:";
  EXPECT_EQ(one->Receive(), told + "1\r\n");
  EXPECT_EQ(two->Receive(), told + "0\r\n");
  EXPECT_EQ(two->Call("PING"), "+PONG\r\n");  // not subscribed any more
  EXPECT_EQ(pubsub_.count(Kind::kShardChannel), 1u);
  pubsub_.OnPublished("b", "x", /*shard=*/true);
  EXPECT_NE(one->Receive().find("smessage"), std::string::npos);
}

TEST_F(PubSubTest, OnesOwnMessageComesBeforeTheReply) {
  auto one = rig_.Connect();
  one->Call("HELLO 3");
  one->Call("SUBSCRIBE a");
  EXPECT_EQ(one->Call("PUBLISH a x"), ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n:1\r\n");
}

}  // namespace
}  // namespace keyway::shard::pubsub
