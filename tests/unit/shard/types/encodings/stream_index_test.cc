#include "shard/types/encodings/stream_index.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace keyway::shard::types {
namespace {

struct Item {
  StreamId id;
  int number;
};
struct IdOf {
  StreamId operator()(const std::unique_ptr<Item>& item) const { return item->id; }
};
using Index = StreamIndex<std::unique_ptr<Item>, IdOf>;

std::unique_ptr<Item> NewItem(uint64_t ms, int number = 0) {
  return std::make_unique<Item>(Item{.id = {ms, 0}, .number = number});
}

std::vector<uint64_t> Ids(const Index& index) {
  std::vector<uint64_t> ids;
  for (auto at = index.Begin(); at != index.End(); at = index.Next(at)) {
    ids.push_back(index.At(at)->id.ms);
  }
  return ids;
}

TEST(StreamIndexTest, IsEmptyAtFirst) {
  const Index index;
  EXPECT_TRUE(index.empty());
  EXPECT_EQ(index.Begin(), index.End());
  EXPECT_EQ(index.Last(), index.End());
  EXPECT_EQ(index.LowerBound({}), index.End());
  EXPECT_EQ(index.Floor(StreamId::Max()), index.End());
  EXPECT_EQ(index.AllocatedBytes(), 0u);
}

TEST(StreamIndexTest, FindsNeighbours) {
  Index index;
  for (const uint64_t ms : {10, 30, 20}) EXPECT_TRUE(index.Insert(NewItem(ms)));
  EXPECT_FALSE(index.Insert(NewItem(20, 7)));
  EXPECT_EQ(Ids(index), (std::vector<uint64_t>{10, 20, 30}));
  EXPECT_EQ(index.At(index.LowerBound({11, 0}))->id.ms, 20u);
  EXPECT_EQ(index.LowerBound({30, 1}), index.End());
  EXPECT_EQ(index.At(index.Floor({29, 9}))->id.ms, 20u);
  EXPECT_EQ(index.At(index.Floor({30, 0}))->id.ms, 30u);
  EXPECT_EQ(index.Floor({9, 0}), index.End());
  EXPECT_EQ(index.Find({11, 0}), index.End());
  EXPECT_EQ(index.At(index.Find({20, 0}))->number, 0);
  EXPECT_EQ(index.Previous(index.Begin()), index.End());
}

// Against std::map, with insertion at the end, anywhere, and erasing from both ends and anywhere.
TEST(StreamIndexTest, RandomChanges) {
  Random random(7);
  Index index;
  std::map<uint64_t, int> model;
  for (int step = 0; step < 20000; ++step) {
    const bool growing = (step / 4000) % 2 == 0;
    const uint64_t ms =
        random.Below(4) == 0 && !model.empty() ? model.rbegin()->first + 1 : random.Below(3000);
    if (random.Below(10) < (growing ? 8u : 3u)) {
      EXPECT_EQ(index.Insert(NewItem(ms, step)), model.emplace(ms, step).second);
    } else if (!model.empty()) {
      const auto victim = random.Below(2) == 0 ? model.begin() : model.lower_bound(ms);
      if (victim == model.end()) continue;
      const auto position = index.Find({victim->first, 0});
      ASSERT_NE(position, index.End());
      EXPECT_EQ(index.At(position)->number, victim->second);
      const auto next = index.Erase(position);
      const auto model_next = model.erase(victim);
      ASSERT_EQ(next == index.End(), model_next == model.end());
      if (next != index.End()) {
        EXPECT_EQ(index.At(next)->id.ms, model_next->first);
      }
    }
    ASSERT_EQ(index.size(), model.size());
    if (step % 199 == 0) {
      std::vector<uint64_t> ids;
      for (const auto& [id, number] : model) ids.push_back(id);
      ASSERT_EQ(Ids(index), ids);
      std::vector<uint64_t> backwards;
      for (auto at = index.Last(); at != index.End(); at = index.Previous(at)) {
        backwards.push_back(index.At(at)->id.ms);
      }
      std::reverse(backwards.begin(), backwards.end());
      ASSERT_EQ(backwards, ids);
    }
  }
  while (!index.empty()) index.Erase(index.Begin());
  EXPECT_EQ(index.Begin(), index.End());
}

TEST(StreamIndexTest, WastesLittle) {
  Index index;
  for (uint64_t ms = 0; ms < 20000; ++ms) index.Insert(NewItem(ms));
  EXPECT_LT(index.AllocatedBytes(), 20000 * (sizeof(void*) + 1));
  // Entries that are acknowledged out of order must not keep chunks alive.
  for (uint64_t ms = 0; ms < 20000; ++ms) {
    if (ms % 50 != 0) index.Erase(index.Find({ms, 0}));
  }
  EXPECT_EQ(index.size(), 400u);
  EXPECT_LT(index.AllocatedBytes(), 400 * 8 * sizeof(void*));
}

}  // namespace
}  // namespace keyway::shard::types
