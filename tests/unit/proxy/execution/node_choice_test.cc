#include "proxy/execution/node_choice.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace keyway::proxy::execution {
namespace {

net::Endpoint At(uint16_t port) {
  return {"127.0.0.1", port};
}

// A shard with the primary 1 and the replicas 2 and 3, and one with the primary 4 alone.
class NodeChoiceTest : public ::testing::Test {
 protected:
  NodeChoiceTest() {
    topology::Shard first;
    first.primary.endpoint = At(1);
    first.replicas.resize(2);
    first.replicas[0].endpoint = At(2);
    first.replicas[1].endpoint = At(3);
    first.slots = {{0, 100}};
    topology::Shard second;
    second.primary.endpoint = At(4);
    second.slots = {{101, 200}};
    map_ = std::make_unique<topology::SlotMap>(std::vector{first, second}, 1, 1);
    for (const uint16_t port : {1, 2, 3, 4}) {
      topology::NodeState& state = state_[At(port)];
      state.fit = state.nearest = true;
      state.primary = port == 1 || port == 4;
      state.latency_micros = 100 * port;
    }
  }

  topology::NodeState& state(uint16_t port) { return state_[At(port)]; }
  void Publish() {
    auto table = std::make_shared<topology::NodeTable>();
    table->round = ++round_;
    table->nodes = state_;
    choice_.SetTable(table);
  }
  // Ports that clients are sent to, 0 for none.
  std::set<int> Ports(ReadFrom policy, size_t shard = 0) {
    std::set<int> ports;
    for (uint64_t client = 1; client <= 12; ++client) {
      const auto node = choice_.Choose(*map_, map_->shards()[shard], policy, client);
      ports.insert(node ? node->endpoint->port : 0);
      const bool replica = node && (node->endpoint->port == 2 || node->endpoint->port == 3);
      EXPECT_EQ(node && node->replica, replica);
    }
    return ports;
  }

  std::unique_ptr<topology::SlotMap> map_;
  std::map<net::Endpoint, topology::NodeState> state_;
  uint64_t round_ = 0;
  NodeChoice choice_;
};

using Set = std::set<int>;

TEST_F(NodeChoiceTest, NothingIsKnownYet) {
  EXPECT_EQ(Ports(ReadFrom::kPrimary), Set({1}));
  EXPECT_EQ(Ports(ReadFrom::kPreferReplica), Set({1}));
  EXPECT_EQ(Ports(ReadFrom::kReplica), Set({0}));
  EXPECT_EQ(Ports(ReadFrom::kNearest), Set({1}));
}

TEST_F(NodeChoiceTest, Policies) {
  Publish();
  EXPECT_EQ(Ports(ReadFrom::kPrimary), Set({1}));
  EXPECT_EQ(Ports(ReadFrom::kPreferReplica), Set({2, 3}));
  EXPECT_EQ(Ports(ReadFrom::kReplica), Set({2, 3}));
  EXPECT_EQ(Ports(ReadFrom::kNearest), Set({1, 2, 3}));
  EXPECT_EQ(Ports(ReadFrom::kPreferReplica, 1), Set({4}));
  EXPECT_EQ(Ports(ReadFrom::kReplica, 1), Set({0}));
  EXPECT_EQ(Ports(ReadFrom::kNearest, 1), Set({4}));
}

TEST_F(NodeChoiceTest, AClientKeepsToItsNode) {
  Publish();
  const auto first = choice_.Choose(*map_, map_->shards()[0], ReadFrom::kReplica, 7);
  for (int i = 0; i < 5; ++i) {
    Publish();
    const auto again = choice_.Choose(*map_, map_->shards()[0], ReadFrom::kReplica, 7);
    EXPECT_EQ(*again->endpoint, *first->endpoint);
  }
}

TEST_F(NodeChoiceTest, UnfitOnes) {
  state(2).fit = state(2).nearest = false;
  Publish();
  EXPECT_EQ(Ports(ReadFrom::kReplica), Set({3}));
  EXPECT_EQ(Ports(ReadFrom::kNearest), Set({1, 3}));
  state(3).fit = state(3).nearest = false;
  Publish();
  EXPECT_EQ(Ports(ReadFrom::kPreferReplica), Set({1}));
  EXPECT_EQ(Ports(ReadFrom::kReplica), Set({0}));
  state(1).fit = state(1).nearest = false;
  Publish();
  EXPECT_EQ(Ports(ReadFrom::kNearest), Set({1}));
}

TEST_F(NodeChoiceTest, MarkedUntilARoundThatBeganAfterwards) {
  Publish();
  choice_.MarkUnfit(At(2));
  EXPECT_EQ(Ports(ReadFrom::kReplica), Set({3}));
  Publish();
  EXPECT_EQ(Ports(ReadFrom::kReplica), Set({3}));
  Publish();
  EXPECT_EQ(Ports(ReadFrom::kReplica), Set({2, 3}));
  choice_.MarkUnfit(At(2));
  choice_.MarkUnfit(At(3));
  EXPECT_EQ(Ports(ReadFrom::kReplica), Set({0}));
  EXPECT_EQ(Ports(ReadFrom::kPreferReplica), Set({1}));
}

TEST_F(NodeChoiceTest, Nearest) {
  state(1).nearest = state(2).nearest = false;
  Publish();
  EXPECT_EQ(Ports(ReadFrom::kNearest), Set({3}));
  // The nearest fails: the fastest of the others.
  choice_.MarkUnfit(At(3));
  EXPECT_EQ(Ports(ReadFrom::kNearest), Set({1}));
  choice_.MarkUnfit(At(1));
  EXPECT_EQ(Ports(ReadFrom::kNearest), Set({2}));
}

TEST_F(NodeChoiceTest, OwnZoneComesFirst) {
  state(3).in_zone = true;
  state(3).nearest = true;
  state(1).nearest = state(2).nearest = false;
  Publish();
  EXPECT_EQ(Ports(ReadFrom::kPrimary), Set({1}));
  EXPECT_EQ(Ports(ReadFrom::kPreferReplica), Set({3}));
  EXPECT_EQ(Ports(ReadFrom::kNearest), Set({3}));
  choice_.MarkUnfit(At(3));
  EXPECT_EQ(Ports(ReadFrom::kPreferReplica), Set({2}));
  // A primary in the zone does not make replicas elsewhere less preferred.
  state(3).in_zone = false;
  state(1).in_zone = true;
  Publish();
  Publish();
  EXPECT_EQ(Ports(ReadFrom::kPreferReplica), Set({2, 3}));
}

TEST_F(NodeChoiceTest, ANewMap) {
  Publish();
  EXPECT_EQ(Ports(ReadFrom::kReplica), Set({2, 3}));
  // 2 has taken over from 1, and the table does not know yet.
  topology::Shard shard;
  shard.primary.endpoint = At(2);
  shard.replicas.resize(2);
  shard.replicas[0].endpoint = At(1);
  shard.replicas[1].endpoint = At(3);
  shard.slots = {{0, 200}};
  const topology::SlotMap newer({shard}, 2, 2);
  const auto node = choice_.Choose(newer, newer.shards()[0], ReadFrom::kReplica, 1);
  EXPECT_EQ(node->endpoint->port, 3);
  EXPECT_EQ(choice_.Choose(newer, newer.shards()[0], ReadFrom::kReplica, 2)->endpoint->port, 3);
}

TEST(ReadFromTest, Names) {
  EXPECT_EQ(ParseReadFrom("nearest"), ReadFrom::kNearest);
  EXPECT_EQ(ParseReadFrom("prefer_replica"), ReadFrom::kPreferReplica);
  EXPECT_EQ(ParseReadFrom(""), std::nullopt);
}

}  // namespace
}  // namespace keyway::proxy::execution
