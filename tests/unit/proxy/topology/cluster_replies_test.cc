#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "proxy/topology/slot_map.h"
#include "tests/unit/proxy/topology/golden_replies.h"

namespace keyway::proxy::topology {
namespace {

const net::Endpoint kAsked = {"10.9.8.7", 7001};

std::string Print(const Node& node) {
  return node.id.substr(0, 1) + "@" + net::ToString(node.endpoint) +
         (node.hostname.empty() ? "" : "," + node.hostname) + (node.primary ? "" : " replica") +
         (node.online ? "" : " offline");
}

std::string Print(Expected<std::vector<Shard>> shards) {
  if (!shards.ok()) return "error: " + shards.error().message;
  const SlotMap map(std::move(*shards), 1, 0);
  std::string text;
  for (const Shard& shard : map.shards()) {
    for (const SlotRange& range : shard.slots) text += ToString(range) + " ";
    text += Print(shard.primary);
    for (const Node& node : shard.replicas) text += " | " + Print(node);
    text += "\n";
  }
  return text;
}

TEST(ClusterRepliesTest, ShardsOfRedis) {
  const std::string expected =
      "0-5460 a@127.0.0.1:7001,host-1 | d@127.0.0.1:7004 replica\n"
      "5461-10922 b@127.0.0.1:7002,host-2\n"
      "10923-16383 c@127.0.0.1:7003\n";
  EXPECT_EQ(Print(ParseClusterShards(golden::kShardsIpResp2, kAsked)), expected);
  EXPECT_EQ(Print(ParseClusterShards(golden::kShardsIpResp3, kAsked)), expected);
}

TEST(ClusterRepliesTest, SlotsOfRedis) {
  const std::string expected =
      "0-5460 a@127.0.0.1:7001,host-1 | d@127.0.0.1:7004 replica\n"
      "5461-10922 b@127.0.0.1:7002,host-2\n"
      "10923-16383 c@127.0.0.1:7003\n";
  EXPECT_EQ(Print(ParseClusterSlots(golden::kSlotsIpResp2, kAsked)), expected);
  EXPECT_EQ(Print(ParseClusterSlots(golden::kSlotsIpResp3, kAsked)), expected);
}

TEST(ClusterRepliesTest, PreferredHostnames) {
  EXPECT_EQ(Print(ParseClusterShards(golden::kShardsHostnameResp2, kAsked)),
            "0-5460 a@host-1:7001,host-1 | d@127.0.0.1:7004 replica\n"
            "5461-10922 b@host-2:7002,host-2\n"
            "10923-16383 c@127.0.0.1:7003\n");
  // The hostname is the endpoint here, and not repeated.
  EXPECT_EQ(Print(ParseClusterSlots(golden::kSlotsHostnameResp3, kAsked)),
            "0-5460 a@host-1:7001 | d@127.0.0.1:7004 replica\n"
            "5461-10922 b@host-2:7002\n"
            "10923-16383 c@127.0.0.1:7003\n");
}

TEST(ClusterRepliesTest, UnknownEndpointsAreTheHostThatWasAsked) {
  const std::string expected =
      "0-5460 a@10.9.8.7:7001,host-1 | d@10.9.8.7:7004 replica\n"
      "5461-10922 b@10.9.8.7:7002,host-2\n"
      "10923-16383 c@10.9.8.7:7003\n";
  EXPECT_EQ(Print(ParseClusterShards(golden::kShardsUnknownResp2, kAsked)), expected);
  EXPECT_EQ(Print(ParseClusterSlots(golden::kSlotsUnknownResp3, kAsked)), expected);
}

TEST(ClusterRepliesTest, NoSlots) {
  EXPECT_EQ(Print(ParseClusterShards("*0\r\n", kAsked)), "");
  EXPECT_EQ(Print(ParseClusterSlots("*0\r\n", kAsked)), "");
  // A node alone: it owns nothing and knows no address of its own.
  EXPECT_EQ(Print(ParseClusterShards(
                "*1\r\n*4\r\n$5\r\nslots\r\n*0\r\n$5\r\nnodes\r\n*1\r\n*14\r\n$2\r\n"
                "id\r\n$1\r\na\r\n$4\r\nport\r\n:7001\r\n$2\r\nip\r\n$0\r\n\r\n$8\r\n"
                "endpoint\r\n$0\r\n\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\n"
                "replication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n",
                kAsked)),
            "");
}

TEST(ClusterRepliesTest, SeveralRangesOfAPrimary) {
  EXPECT_EQ(Print(ParseClusterSlots("*3\r\n"
                                    "*3\r\n:0\r\n:9\r\n*3\r\n$1\r\nx\r\n:1\r\n$1\r\na\r\n"
                                    "*3\r\n:10\r\n:19\r\n*3\r\n$1\r\ny\r\n:2\r\n$1\r\nb\r\n"
                                    "*3\r\n:20\r\n:29\r\n*3\r\n$1\r\nx\r\n:1\r\n$1\r\na\r\n",
                                    kAsked)),
            "0-9 20-29 a@x:1\n10-19 b@y:2\n");
}

TEST(ClusterRepliesTest, SlotsOfAnOldServerHaveNoIds) {
  EXPECT_EQ(Print(ParseClusterSlots("*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n$1\r\nx\r\n:1\r\n", kAsked)),
            "0-9 x@x:1\n");
}

std::string ShardWith(const std::string& slots, const std::string& node) {
  return "*1\r\n%2\r\n+slots\r\n" + slots + "+nodes\r\n*1\r\n" + node;
}

const char kGoodNode[] =
    "%5\r\n+id\r\n+a\r\n+port\r\n:1\r\n+endpoint\r\n+x\r\n+role\r\n+master\r\n+health\r\n+fail\r\n";

TEST(ClusterRepliesTest, HealthAndRoleOfANode) {
  EXPECT_EQ(Print(ParseClusterShards(ShardWith("*2\r\n:0\r\n:9\r\n", kGoodNode), kAsked)),
            "0-9 a@x:1 offline\n");
}

TEST(ClusterRepliesTest, MalformedShards) {
  const auto error = [](const std::string& reply) {
    const auto shards = ParseClusterShards(reply, kAsked);
    return shards.ok() ? "none" : shards.error().message;
  };
  EXPECT_EQ(error("-ERR This instance has cluster support disabled\r\n"),
            "CLUSTER SHARDS: ERR This instance has cluster support disabled");
  EXPECT_EQ(error(""), "CLUSTER SHARDS: incomplete reply");
  EXPECT_EQ(error("+OK\r\n"), "CLUSTER SHARDS: the reply is no array");
  EXPECT_EQ(error("*1\r\n:5\r\n"), "CLUSTER SHARDS: shard without slots or nodes");
  EXPECT_EQ(error("*1\r\n%0\r\n"), "CLUSTER SHARDS: shard without slots or nodes");
  EXPECT_EQ(error(ShardWith("*1\r\n:5\r\n", kGoodNode)),
            "CLUSTER SHARDS: odd number of range ends");
  for (const char* slots : {"*2\r\n:0\r\n:16384\r\n", "*2\r\n:-1\r\n:5\r\n", "*2\r\n:6\r\n:5\r\n",
                            "*2\r\n+0\r\n+5\r\n", "*2\r\n:0\r\n:9223372036854775807\r\n"}) {
    EXPECT_EQ(error(ShardWith(slots, kGoodNode)), "CLUSTER SHARDS: invalid slot range");
  }
  const char kSlots[] = "*2\r\n:0\r\n:5\r\n";
  EXPECT_EQ(error(ShardWith(kSlots, "+x\r\n")), "CLUSTER SHARDS: a node is no map");
  EXPECT_EQ(error(ShardWith(kSlots, "%1\r\n+id\r\n+a\r\n")),
            "CLUSTER SHARDS: node without a valid port");
  for (const char* port : {":0\r\n", ":65536\r\n", ":-1\r\n", "+7001\r\n", "_\r\n"}) {
    EXPECT_EQ(error(ShardWith(kSlots, "%2\r\n+id\r\n+a\r\n+port\r\n" + std::string(port))),
              "CLUSTER SHARDS: node without a valid port");
  }
  EXPECT_EQ(error(ShardWith(kSlots, "%1\r\n+port\r\n:1\r\n")),
            "CLUSTER SHARDS: node without an id");
}

TEST(ClusterRepliesTest, MalformedSlots) {
  const auto error = [](const std::string& reply) {
    const auto shards = ParseClusterSlots(reply, kAsked);
    return shards.ok() ? "none" : shards.error().message;
  };
  EXPECT_EQ(error("-ERR x\r\n"), "CLUSTER SLOTS: ERR x");
  EXPECT_EQ(error("*1\r\n+x\r\n"), "CLUSTER SLOTS: a range without a node");
  EXPECT_EQ(error("*1\r\n*2\r\n:0\r\n:1\r\n"), "CLUSTER SLOTS: a range without a node");
  EXPECT_EQ(error("*1\r\n*3\r\n:0\r\n:1\r\n+x\r\n"), "CLUSTER SLOTS: a node is no array");
  EXPECT_EQ(error("*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n+x\r\n+7\r\n"),
            "CLUSTER SLOTS: node without a valid port");
  EXPECT_EQ(error("*1\r\n*3\r\n:0\r\n:1\r\n*3\r\n+x\r\n:7\r\n:7\r\n"),
            "CLUSTER SLOTS: node without an id");
  EXPECT_EQ(error("*1\r\n*3\r\n:2\r\n:1\r\n*2\r\n+x\r\n:7\r\n"),
            "CLUSTER SLOTS: invalid slot range");
}

// Whatever a node says, the answer is a map or an error.
TEST(ClusterRepliesTest, MutatedRepliesNeverCrash) {
  Random random(5);
  const std::string seeds[] = {
      std::string(golden::kShardsIpResp2), std::string(golden::kShardsIpResp3),
      std::string(golden::kShardsUnknownResp2), std::string(golden::kSlotsIpResp2),
      std::string(golden::kSlotsUnknownResp3)};
  int good = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string reply = seeds[random.Below(std::size(seeds))];
    for (uint64_t changes = 1 + random.Below(3); changes > 0; --changes) {
      const size_t at = random.Below(reply.size());
      static constexpr std::string_view kBytes = "0123456789-+:$*%_~#?\r\nx";
      reply[at] = kBytes[random.Below(kBytes.size())];
    }
    good += ParseClusterShards(reply, kAsked).ok() ? 1 : 0;
    good += ParseClusterSlots(reply, kAsked).ok() ? 1 : 0;
  }
  EXPECT_GT(good, 20);
}

}  // namespace
}  // namespace keyway::proxy::topology
