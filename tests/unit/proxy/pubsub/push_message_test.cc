#include "proxy/pubsub/push_message.h"

#include <gtest/gtest.h>

#include <string>

namespace keyway::proxy::pubsub {
namespace {

using Event = PushMessage::Event;

TEST(PushMessageTest, ReadsMessages) {
  const auto message = ParsePush(">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$4\r\n\r\n$x\r\n");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->event, Event::kMessage);
  EXPECT_EQ(message->kind, Kind::kChannel);
  EXPECT_EQ(message->name, "ch");
  EXPECT_EQ(message->channel, "ch");
  const auto pattern =
      ParsePush(">4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$3\r\nc\r\n\r\n$2\r\nhi\r\n");
  ASSERT_TRUE(pattern);
  EXPECT_EQ(pattern->kind, Kind::kPattern);
  EXPECT_EQ(pattern->name, "c*");
  EXPECT_EQ(pattern->channel, "c\r\n");
  const auto shard = ParsePush(">3\r\n$8\r\nsmessage\r\n$0\r\n\r\n$0\r\n\r\n");
  ASSERT_TRUE(shard);
  EXPECT_EQ(shard->kind, Kind::kShardChannel);
  EXPECT_EQ(shard->name, "");
}

TEST(PushMessageTest, ReadsConfirmations) {
  const auto subscribed = ParsePush(">3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n");
  ASSERT_TRUE(subscribed);
  EXPECT_EQ(subscribed->event, Event::kSubscribed);
  EXPECT_EQ(subscribed->kind, Kind::kShardChannel);
  const auto gone = ParsePush(">3\r\n$12\r\npunsubscribe\r\n$1\r\np\r\n:0\r\n");
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->event, Event::kUnsubscribed);
  EXPECT_EQ(gone->kind, Kind::kPattern);
}

TEST(PushMessageTest, LeavesOutWhatItDoesNotKnow) {
  for (const char* push : {"", ">", ">2\r\n", ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
                           ">2\r\n$10\r\ninvalidate\r\n_\r\n", ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n",
                           ">3\r\n$7\r\nmessage\r\n$9\r\nch\r\n", ">3\r\n$x\r\nmessage\r\n",
                           ">4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n"}) {
    EXPECT_FALSE(ParsePush(push)) << push;
  }
}

TEST(PushMessageTest, IsAnArrayForTheOlderProtocol) {
  std::string room;
  Message message(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", &room);
  EXPECT_EQ(message.resp2(), "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(message.resp3()[0], '>');
}

}  // namespace
}  // namespace keyway::proxy::pubsub
