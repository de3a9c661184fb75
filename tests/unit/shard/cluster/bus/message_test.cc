#include "shard/cluster/bus/message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/random.h"
#include "tests/unit/shard/cluster/bus/golden.h"

namespace keyway::shard::cluster::bus {
namespace {

NodeId Id(char c) {
  return *NodeId::Parse(std::string(40, c));
}

SlotSet Slots(size_t first, size_t last) {
  SlotSet slots;
  for (size_t slot = first; slot <= last; ++slot) slots.set(slot);
  return slots;
}

TEST(MessageTest, ReadsPingOfRedisWithGossipAndHostname) {
  const auto message = Decode(Golden("ping_hostname"));
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->type, MessageType::kPing);
  EXPECT_EQ(message->sender.view(), "7866566cb4cac153381d3df8f30dc6ce11d9d8cf");
  EXPECT_EQ(message->current_epoch, 4u);
  EXPECT_EQ(message->config_epoch, 3u);
  EXPECT_EQ(message->port, 20102);
  EXPECT_EQ(message->bus_port, 38217);
  EXPECT_EQ(message->ip, "127.0.0.1");
  EXPECT_EQ(message->slots, Slots(10001, 16383));
  EXPECT_TRUE(message->replica_of.null());
  EXPECT_EQ(message->flags, 17);  // myself, master
  EXPECT_TRUE(message->state_ok);
  EXPECT_EQ(message->message_flags, kMessageExtensions);
  const auto& body = std::get<GossipBody>(message->body);
  EXPECT_EQ(body.hostname, "host2.example.com");
  ASSERT_EQ(body.entries.size(), 3u);
  EXPECT_EQ(body.entries[2].id.view(), "5f99946328cfd97d9331cf51e8f63bf021743dd9");
  EXPECT_EQ(body.entries[2].ping_sent, 1795229646u);
  EXPECT_EQ(body.entries[2].pong_received, 1795229645u);
  EXPECT_EQ(body.entries[2].ip, "127.0.0.1");
  EXPECT_EQ(body.entries[2].port, 20100);
  EXPECT_EQ(body.entries[2].bus_port, 39585);
  EXPECT_EQ(body.entries[2].flags, 1);
}

TEST(MessageTest, ReadsReplicaOfRedis) {
  const auto message = Decode(Golden("ping_replica"));
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->flags, 18);
  EXPECT_EQ(message->replica_of.view(), "5f99946328cfd97d9331cf51e8f63bf021743dd9");
  EXPECT_EQ(message->slots, Slots(0, 5000));  // its primary's
}

TEST(MessageTest, ReadsPausedPrimaryOfRedis) {
  const auto message = Decode(Golden("pong_paused"));
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->type, MessageType::kPong);
  EXPECT_EQ(message->message_flags, kMessagePaused);
  EXPECT_EQ(message->offset, 14u);
  EXPECT_EQ(message->flags, 0x111);
}

TEST(MessageTest, ReadsFailOfRedis) {
  const auto message = Decode(Golden("fail"));
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(std::get<FailBody>(message->body).failed.view(),
            "ada8226357ff832ec2be8447fd5169787cf9b220");
}

TEST(MessageTest, ReadsUpdateOfRedis) {
  const auto message = Decode(Golden("update"));
  ASSERT_TRUE(message.ok());
  const auto& body = std::get<UpdateBody>(message->body);
  EXPECT_EQ(body.config_epoch, 4u);
  EXPECT_EQ(body.owner.view(), "598dcb066762848577f6b13e52ca7d849f08bc84");
  SlotSet slots = Slots(5001, 10000);
  slots.set(1);
  EXPECT_EQ(body.slots, slots);
}

TEST(MessageTest, ReadsTypesWithoutBody) {
  EXPECT_EQ(Decode(Golden("auth_request"))->message_flags, kMessageForceAck);
  EXPECT_EQ(Decode(Golden("auth_ack"))->type, MessageType::kFailoverAuthAck);
  EXPECT_EQ(Decode(Golden("mfstart"))->type, MessageType::kMfstart);
}

TEST(MessageTest, ReadsPublishOfRedis) {
  const std::string bytes = Golden("publish");
  const auto publish = Decode(bytes);
  ASSERT_TRUE(publish.ok());
  EXPECT_EQ(publish->type, MessageType::kPublish);
  const auto& body = std::get<PublishBody>(publish->body);
  EXPECT_EQ(body.channel, "chan");
  EXPECT_EQ(body.message, "message");
}

TEST(MessageTest, WritesPublish) {
  Message message = *Decode(Golden("mfstart"));
  message.type = MessageType::kPublishShard;
  const std::string text(100'000, 'x');
  message.body = PublishBody{"", text};
  const std::string bytes = Encode(message);
  const auto read = Decode(bytes);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, message);
}

// What Redis wrote, and this code has read, it writes the same way.
TEST(MessageTest, WritesWhatRedisWrites) {
  for (const char* name : kGoldenNames) {
    const std::string bytes = Golden(name);
    const auto message = Decode(bytes);
    ASSERT_TRUE(message.ok()) << name;
    EXPECT_EQ(Encode(*message), bytes) << name;
  }
}

TEST(MessageTest, RoundTrip) {
  Message message;
  message.type = MessageType::kMeet;
  message.port = 1;
  message.plain_port = 2;
  message.bus_port = 65535;
  message.current_epoch = ~uint64_t{0};
  message.config_epoch = uint64_t{1} << 63;
  message.offset = 0x0102030405060708;
  message.sender = Id('a');
  message.slots = Slots(7, 8) | Slots(16383, 16383);
  message.replica_of = Id('b');
  message.ip = "fe80::1";
  message.flags = 0xffff;
  message.message_flags = kMessageExtensions;
  GossipBody body;
  body.hostname = std::string(255, 'h');
  for (int i = 0; i < 100; ++i) {
    body.entries.push_back({Id('c'), 1, 2, std::string(kMaxIpLength, '1'), 3, 4, 5, 6});
  }
  message.body = body;
  const auto copy = Decode(Encode(message));
  ASSERT_TRUE(copy.ok());
  EXPECT_TRUE(*copy == message);
}

TEST(MessageTest, PaddingOfHostnamesOfEveryLength) {
  for (size_t length = 1; length <= 64; ++length) {
    Message message;
    message.sender = Id('a');
    message.body = GossipBody{{}, std::string(length, 'x'), 0};
    const std::string bytes = Encode(message);
    EXPECT_EQ(bytes.size() % 8, 0u);
    const auto copy = Decode(bytes);
    ASSERT_TRUE(copy.ok());
    EXPECT_EQ(std::get<GossipBody>(copy->body).hostname.size(), length);
  }
}

TEST(MessageTest, TooLongTextIsCut) {
  Message message;
  message.sender = Id('a');
  message.ip = std::string(100, '1');
  message.body = GossipBody{};
  EXPECT_EQ(Decode(Encode(message))->ip, std::string(kMaxIpLength, '1'));
}

// An extension of a later version is stepped over.
TEST(MessageTest, UnknownExtensionIsIgnored) {
  std::string bytes = Golden("ping_hostname");
  std::string extension("\0\0\0\x10\0\x02\0\0forgotten", 17);
  extension.resize(16);
  bytes += extension;
  bytes[4 + 2] = static_cast<char>(bytes.size() >> 8);
  bytes[4 + 3] = static_cast<char>(bytes.size());
  bytes[2215] = 2;
  const auto message = Decode(bytes);
  ASSERT_TRUE(message.ok());
  const auto& body = std::get<GossipBody>(message->body);
  EXPECT_EQ(body.unknown_extensions, 1);
  EXPECT_EQ(body.hostname, "host2.example.com");
}

DropCause CauseOf(const std::string& bytes) {
  const auto message = Decode(bytes);
  EXPECT_FALSE(message.ok());
  return message.ok() ? DropCause::kUnusable : message.error();
}

std::string With(std::string bytes, size_t at, std::string_view replacement) {
  return bytes.replace(at, replacement.size(), replacement);
}

TEST(MessageTest, CausesOfDropping) {
  using std::string_view_literals::operator""sv;
  const std::string ping = Golden("ping_hostname");
  const size_t extension = kHeaderBytes + 3 * kGossipBytes;
  EXPECT_EQ(CauseOf(With(ping, 0, "RCmc")), DropCause::kBadSignature);
  EXPECT_EQ(CauseOf(With(ping, 8, "\0\2"sv)), DropCause::kVersion);
  EXPECT_EQ(CauseOf(With(ping, 12, "\0\x0b"sv)), DropCause::kUnknownType);
  EXPECT_EQ(CauseOf(With(ping, 14, "\xff\xff"sv)), DropCause::kGossip);
  EXPECT_EQ(CauseOf(With(ping, 14, "\0\2"sv)), DropCause::kExtension);
  EXPECT_EQ(CauseOf(With(ping, 40, "7 66"sv)), DropCause::kNodeId);
  EXPECT_EQ(CauseOf(With(ping, 2128, "7 66"sv)), DropCause::kNodeId);
  EXPECT_EQ(CauseOf(With(ping, 2168, "127 0"sv)), DropCause::kAddress);
  EXPECT_EQ(CauseOf(With(ping, kHeaderBytes, "\n"sv)), DropCause::kNodeId);
  EXPECT_EQ(CauseOf(With(ping, kHeaderBytes + 48, "1\n7"sv)), DropCause::kAddress);
  EXPECT_EQ(CauseOf(With(ping, 2214, "\0\0"sv)), DropCause::kLength);
  EXPECT_EQ(CauseOf(With(ping, 2214, "\0\2"sv)), DropCause::kExtension);
  EXPECT_EQ(CauseOf(With(ping, 2253, "\0"sv)), DropCause::kLength);
  EXPECT_EQ(CauseOf(With(ping, extension, "\0\0\0\x21"sv)), DropCause::kExtension);
  EXPECT_EQ(CauseOf(With(ping, extension, "\0\0\0\x28"sv)), DropCause::kExtension);
  EXPECT_EQ(CauseOf(With(ping, extension, "\0\0\0\0"sv)), DropCause::kExtension);
  EXPECT_EQ(CauseOf(With(ping, extension + 8, "a b"sv)), DropCause::kExtension);
  EXPECT_EQ(CauseOf(ping + std::string(8, '\0')), DropCause::kLength);
  EXPECT_EQ(CauseOf(With(Golden("fail"), kHeaderBytes, "A")), DropCause::kNodeId);
  // Lengths of channel and message that do not fit the body, and a body that was not kept.
  const std::string publish = Golden("publish");
  EXPECT_EQ(CauseOf(With(publish, kHeaderBytes, "\0\0\0\5"sv)), DropCause::kLength);
  EXPECT_EQ(CauseOf(With(publish, kHeaderBytes, "\xff\xff\xff\xff"sv)), DropCause::kLength);
  EXPECT_EQ(CauseOf(With(publish, kHeaderBytes, "\0\0\0\4\xff\xff\xff\xff"sv)),
            DropCause::kLength);
  EXPECT_EQ(CauseOf(publish.substr(0, kHeaderBytes)), DropCause::kLength);
  EXPECT_EQ(CauseOf(With(Golden("update"), kHeaderBytes + 8, "A")), DropCause::kNodeId);
  EXPECT_EQ(CauseOf(""), DropCause::kLength);
}

TEST(MessageTest, EveryTruncationIsRefused) {
  for (const char* name : kGoldenNames) {
    const std::string bytes = Golden(name);
    for (size_t length = 0; length < bytes.size(); ++length) {
      std::string cut = bytes.substr(0, length);
      EXPECT_FALSE(Decode(cut).ok()) << name << " " << length;
      // Also when the length says so.
      if (length < kPreambleBytes) continue;
      cut[4 + 2] = static_cast<char>(length >> 8);
      cut[4 + 3] = static_cast<char>(length);
      EXPECT_FALSE(Decode(cut).ok()) << name << " " << length;
    }
  }
}

TEST(MessageTest, RandomDamageIsReadOrRefused) {
  Random random(1);
  std::vector<std::string> messages;
  for (const char* name : kGoldenNames) messages.push_back(Golden(name));
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = messages[random.Below(messages.size())];
    for (uint64_t i = random.Below(8); i < 8; ++i) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    }
    const auto message = Decode(bytes);
    if (message.ok() && HasKnownBody(message->type)) {
      EXPECT_TRUE(Decode(Encode(*message)).ok());
    }
  }
}

TEST(MessageTest, Names) {
  EXPECT_EQ(TypeName(MessageType::kFailoverAuthRequest), "auth-req");
  EXPECT_EQ(TypeName(MessageType::kPublishShard), "publishshard");
  EXPECT_EQ(CauseName(DropCause::kUnusable), "unusable");
}

TEST(MessageTest, Addresses) {
  EXPECT_TRUE(IsPlausibleAddress("10.0.0.1"));
  EXPECT_TRUE(IsPlausibleAddress("fe80::1%eth0"));
  EXPECT_FALSE(IsPlausibleAddress(""));
  EXPECT_FALSE(IsPlausibleAddress("1.1.1.1 master"));
  EXPECT_FALSE(IsPlausibleAddress(std::string(46, '1')));
  EXPECT_TRUE(IsPlausibleHostname(""));
  EXPECT_FALSE(IsPlausibleHostname("a,b"));
  EXPECT_FALSE(IsPlausibleHostname(std::string(256, 'a')));
}

}  // namespace
}  // namespace keyway::shard::cluster::bus
