#include "proxy/topology/report.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/random.h"
#include "tests/unit/proxy/topology/golden_replies.h"

namespace keyway::proxy::topology {
namespace {

const net::Endpoint kAsked{"10.9.8.7", 7001};

const std::string kA(40, 'a');
const std::string kB(40, 'b');
const std::string kC(40, 'c');
const std::string kD(40, 'd');

std::string Bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

// Of the cluster of golden_replies.h, as redis-server 7.0.15 writes it.
std::string GoldenText() {
  return kB + " 127.0.0.1:7002@17002,host-2 master - 0 1700000000000 2 connected 5461-10922\n" +
         kD + " 127.0.0.1:7004@17004 slave " + kA + " 0 1700000000000 1 connected\n" + kA +
         " 127.0.0.1:7001@17001,host-1 myself,master - 0 1700000000000 1 connected 0-5460 [5->-" +
         kB + "] [77-<-" + kC + "]\n" + kC +
         " 127.0.0.1:7003@17003 master,fail? - 1700000000001 1700000000000 3 connected "
         "10923-16383\n";
}

std::vector<NodeLine> Parse(const std::string& text) {
  auto lines = ParseClusterNodes(Bulk(text), kAsked);
  EXPECT_TRUE(lines.ok()) << lines.error().message;
  return std::move(*lines);
}

TEST(ReportTest, LinesOfRedis) {
  const auto lines = Parse(GoldenText());
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].node.id, kB);
  EXPECT_EQ(lines[0].node.endpoint, (net::Endpoint{"127.0.0.1", 7002}));
  EXPECT_EQ(lines[0].node.hostname, "host-2");
  EXPECT_EQ(lines[0].node.config_epoch, 2u);
  EXPECT_EQ(lines[0].slots, (std::vector<SlotRange>{{5461, 10922}}));
  EXPECT_FALSE(lines[0].myself);
  EXPECT_FALSE(lines[1].node.primary);
  EXPECT_EQ(lines[1].primary_id, kA);
  EXPECT_EQ(lines[1].node.hostname, "");
  EXPECT_TRUE(lines[2].myself);
  EXPECT_EQ(lines[2].migrating, (std::vector<SlotMove>{{5, kB}}));
  EXPECT_EQ(lines[2].importing, (std::vector<SlotMove>{{77, kC}}));
  EXPECT_TRUE(lines[3].node.suspected);
  EXPECT_FALSE(lines[3].node.failed);
}

TEST(ReportTest, OldAndNewFormats) {
  // Redis 3: no bus port. 7.2: a comma always, and fields behind the hostname. A node alone: no ip.
  const auto lines = Parse(kA + " 10.0.0.1:7001 myself,master - 0 0 1 connected\n" + kB +
                           " ::1:7002@17002,,shard-id=x master,fail - 0 0 2 disconnected 5\n");
  EXPECT_EQ(lines[0].node.endpoint, (net::Endpoint{"10.0.0.1", 7001}));
  EXPECT_EQ(lines[1].node.endpoint, (net::Endpoint{"::1", 7002}));
  EXPECT_EQ(lines[1].node.hostname, "");
  EXPECT_TRUE(lines[1].node.failed);
  EXPECT_FALSE(lines[1].node.online);
  EXPECT_EQ(Parse(kA + " :7001@17001,host-x myself,master - 0 0 0 connected\n")[0].node.endpoint,
            (net::Endpoint{"10.9.8.7", 7001}));
}

TEST(ReportTest, NodesThatCannotBeReachedOrAreNotKnownYet) {
  const auto lines = Parse(kA + " :7001@17001 myself,master - 0 0 1 connected 0-9\n" + kB +
                           " 10.0.0.2:7002@17002 handshake - 0 0 0 disconnected\n" + kC +
                           " :0@0 master,noaddr - 0 0 3 disconnected 10-19\n");
  ASSERT_EQ(lines.size(), 2u);
  const Report report = JoinReport(kAsked, lines, {});
  ASSERT_EQ(report.shards.size(), 1u);
  EXPECT_EQ(report.shards[0].primary.id, kA);
  EXPECT_TRUE(report.node_ids.contains(kC));
}

TEST(ReportTest, AddressesAreThoseForClients) {
  const auto shards = ParseClusterShards(golden::kShardsHostnameResp2, kAsked);
  ASSERT_TRUE(shards.ok());
  const Report report = JoinReport(kAsked, Parse(GoldenText()), *shards);
  ASSERT_EQ(report.shards.size(), 3u);
  EXPECT_TRUE(report.has_epochs);
  EXPECT_EQ(report.reporter, kA);
  EXPECT_EQ(report.reporter_epoch, 1u);
  EXPECT_EQ(report.node_ids.size(), 4u);
  const Shard& a = report.shards[1];
  EXPECT_EQ(a.primary.endpoint, (net::Endpoint{"host-1", 7001}));
  EXPECT_EQ(a.slots, (std::vector<SlotRange>{{0, 5460}}));
  ASSERT_EQ(a.replicas.size(), 1u);
  EXPECT_EQ(a.replicas[0].endpoint, (net::Endpoint{"127.0.0.1", 7004}));
  EXPECT_EQ(a.replicas[0].config_epoch, 1u);
  EXPECT_EQ(a.migrating.size(), 1u);
}

TEST(ReportTest, ANodeThatOnlyNodesKnowsHasItsAddressThere) {
  auto shards = ParseClusterShards(golden::kShardsHostnameResp2, kAsked);
  ASSERT_TRUE(shards.ok());
  std::erase_if(*shards, [](const Shard& shard) { return shard.primary.id == kB; });
  const Report report = JoinReport(kAsked, Parse(GoldenText()), *shards);
  ASSERT_EQ(report.shards.size(), 3u);
  EXPECT_EQ(report.shards[0].primary.endpoint, (net::Endpoint{"127.0.0.1", 7002}));
}

TEST(ReportTest, PlainOnes) {
  const auto shards = ParseClusterSlots(golden::kSlotsIpResp2, kAsked);
  ASSERT_TRUE(shards.ok());
  const Report report = PlainReport(kAsked, *shards);
  EXPECT_FALSE(report.has_epochs);
  EXPECT_EQ(report.shards.size(), 3u);
  EXPECT_EQ(report.node_ids.size(), 4u);
}

TEST(ReportTest, Malformed) {
  const auto error = [](const std::string& reply) {
    const auto lines = ParseClusterNodes(reply, kAsked);
    return lines.ok() ? "none" : lines.error().message;
  };
  EXPECT_EQ(error("-ERR x\r\n"), "CLUSTER NODES: ERR x");
  EXPECT_EQ(error("+PONG\r\n"), "CLUSTER NODES: the reply is no text");
  EXPECT_EQ(error(Bulk("")), "CLUSTER NODES: not one node is the one that was asked");
  const std::string good = kA + " x:1@2 myself,master - 0 0 1 connected";
  EXPECT_EQ(error(Bulk(good)), "none");
  for (const char* tail : {" 16384", " 5-", " 6-5", " x", " [", " []", " [5->-]", " [16384->-a]"}) {
    EXPECT_EQ(error(Bulk(good + tail + "\n")), "CLUSTER NODES: malformed line 1") << tail;
  }
  for (const char* line :
       {"x", "a x:1 myself - 0 0 1", "a x myself - 0 0 1 c", "a x:y myself - 0 0 1 c",
        "a x:70000 myself - 0 0 1 c", "a x:1 myself - 0 0 -1 c", "a x:1 myself - 0 0 y c"}) {
    EXPECT_EQ(error(Bulk(good + "\n" + line)), "CLUSTER NODES: malformed line 2") << line;
  }
  EXPECT_EQ(error(Bulk(good + "\n" + good)),
            "CLUSTER NODES: not one node is the one that was asked");
}

TEST(ReportTest, MutatedRepliesNeverCrash) {
  Random random(5);
  int good = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = GoldenText();
    for (uint64_t changes = 1 + random.Below(3); changes > 0; --changes) {
      static constexpr std::string_view kBytes = "0123456789-[]>,:@ \n\rx?";
      text[random.Below(text.size())] = kBytes[random.Below(kBytes.size())];
    }
    auto lines = ParseClusterNodes(Bulk(text), kAsked);
    if (!lines.ok()) continue;
    ++good;
    JoinReport(kAsked, std::move(*lines), {});
  }
  EXPECT_GT(good, 20);
}

}  // namespace
}  // namespace keyway::proxy::topology
