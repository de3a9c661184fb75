#include "proxy/topology/slot_map.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyway::proxy::topology {
namespace {

Node MakeNode(const std::string& id, uint16_t port, bool primary = true) {
  return {id, {"127.0.0.1", port}, primary, true, ""};
}

Shard MakeShard(const std::string& id, uint16_t port, std::vector<SlotRange> slots) {
  return {MakeNode(id, port), {}, std::move(slots)};
}

TEST(SlotMapTest, Empty) {
  const SlotMap map({}, 1, 0);
  EXPECT_TRUE(map.shards().empty());
  EXPECT_EQ(map.ShardOf(0), nullptr);
  EXPECT_EQ(map.ShardOf(16383), nullptr);
  EXPECT_EQ(map.covered_slots(), 0);
  EXPECT_FALSE(map.covers_all());
}

TEST(SlotMapTest, SortedAndLookedUp) {
  const SlotMap map({MakeShard("c", 3, {{10923, 16383}}), MakeShard("a", 1, {{0, 5460}}),
                     MakeShard("b", 2, {{5461, 10922}})},
                    7, 3);
  ASSERT_EQ(map.shards().size(), 3u);
  EXPECT_EQ(map.shards()[0].primary.id, "a");
  EXPECT_EQ(map.shards()[2].primary.id, "c");
  EXPECT_EQ(map.ShardOf(0)->primary.id, "a");
  EXPECT_EQ(map.ShardOf(5460)->primary.id, "a");
  EXPECT_EQ(map.ShardOf(5461)->primary.id, "b");
  EXPECT_EQ(map.ShardOf(16383)->primary.id, "c");
  EXPECT_TRUE(map.covers_all());
  EXPECT_EQ(map.version(), 7u);
  EXPECT_EQ(map.cluster_epoch(), 3u);
}

TEST(SlotMapTest, RangesAreMergedAndRising) {
  const SlotMap map({MakeShard("a", 1, {{100, 200}, {5, 5}, {6, 10}, {150, 250}})}, 1, 0);
  EXPECT_EQ(map.shards()[0].slots, (std::vector<SlotRange>{{5, 10}, {100, 250}}));
  EXPECT_EQ(map.shards()[0].first_slot(), 5);
  EXPECT_EQ(map.covered_slots(), 157);
  EXPECT_EQ(map.ShardOf(11), nullptr);
}

TEST(SlotMapTest, OverlapsGoToTheFirstThatClaimsThem) {
  const SlotMap map({MakeShard("b", 2, {{10, 20}}), MakeShard("a", 1, {{0, 15}}),
                     MakeShard("none", 3, {{12, 14}})},
                    1, 0);
  ASSERT_EQ(map.shards().size(), 2u);
  EXPECT_EQ(map.ShardOf(9)->primary.id, "a");
  EXPECT_EQ(map.ShardOf(10)->primary.id, "b");
  EXPECT_EQ(map.shards()[0].slots, (std::vector<SlotRange>{{0, 9}}));
}

TEST(SlotMapTest, AShardForEverySlot) {
  std::vector<Shard> shards;
  for (int slot = 0; slot < kSlotCount; ++slot) {
    shards.push_back(
        MakeShard(std::to_string(slot), 1, {{static_cast<Slot>(slot), static_cast<Slot>(slot)}}));
  }
  const SlotMap map(std::move(shards), 1, 0);
  EXPECT_TRUE(map.covers_all());
  for (int slot = 0; slot < kSlotCount; ++slot) {
    ASSERT_EQ(map.ShardOf(static_cast<Slot>(slot))->primary.id, std::to_string(slot));
  }
}

TEST(SlotMapTest, SameAs) {
  const auto build = [](auto change) {
    std::vector<Shard> shards = {MakeShard("a", 1, {{0, 8000}}),
                                 MakeShard("b", 2, {{8001, 16383}})};
    shards[0].replicas = {MakeNode("r", 3, false), MakeNode("s", 4, false)};
    change(shards);
    return SlotMap(std::move(shards), 1, 5);
  };
  const SlotMap base = build([](auto&) {});
  EXPECT_TRUE(base.SameAs(base));
  EXPECT_TRUE(base.SameAs(build([](auto& s) { std::swap(s[0], s[1]); })));
  EXPECT_TRUE(base.SameAs(build([](auto& s) { std::swap(s[0].replicas[0], s[0].replicas[1]); })));
  EXPECT_FALSE(base.SameAs(build([](auto& s) { s.pop_back(); })));
  EXPECT_FALSE(base.SameAs(build([](auto& s) { s[0].replicas.pop_back(); })));
  EXPECT_FALSE(base.SameAs(build([](auto& s) { s[0].slots = {{0, 7999}}; })));
  EXPECT_FALSE(base.SameAs(build([](auto& s) { s[0].primary.endpoint.port = 9; })));
  EXPECT_FALSE(base.SameAs(build([](auto& s) { s[0].primary.online = false; })));
  EXPECT_FALSE(base.SameAs(build([](auto& s) { std::swap(s[0].primary, s[1].primary); })));
  EXPECT_FALSE(base.SameAs(build([](auto& s) { s[0].primary.suspected = true; })));
  EXPECT_FALSE(base.SameAs(build([](auto& s) { s[0].replicas[0].failed = true; })));
  EXPECT_FALSE(base.SameAs(build([](auto& s) { s[0].migrating = {{5, "b"}}; })));
  EXPECT_TRUE(base.SameAs(build([](auto& s) { s[0].primary.config_epoch = 7; })));

  EXPECT_TRUE(base.SameButForHealth(build([](auto& s) { s[0].primary.suspected = true; })));
  EXPECT_TRUE(base.SameButForHealth(build([](auto& s) { s[0].replicas[0].failed = true; })));
  EXPECT_TRUE(base.SameButForHealth(build([](auto& s) { s[0].replicas[0].online = false; })));
  EXPECT_FALSE(base.SameButForHealth(build([](auto& s) { s[0].primary.failed = true; })));
  EXPECT_FALSE(base.SameButForHealth(build([](auto& s) { s[0].replicas.pop_back(); })));
  EXPECT_FALSE(base.SameButForHealth(build([](auto& s) { s[0].slots = {{0, 7999}}; })));
}

}  // namespace
}  // namespace keyway::proxy::topology
