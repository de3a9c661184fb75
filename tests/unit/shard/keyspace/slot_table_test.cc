#include "shard/keyspace/slot_table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "shard/keyspace/key.h"

namespace keyway::shard::keyspace {
namespace {

Record* NewRecord(std::string_view key, int64_t value, bool with_expiry = false) {
  return Record::New(key, Value::Integer(value), with_expiry ? 5 : kNoExpiry, 0);
}

void Insert(SlotTable& table, const std::string& key, int64_t value, bool with_expiry = false) {
  table.Insert(HashKey(key), NewRecord(key, value, with_expiry));
}

bool Erase(SlotTable& table, const std::string& key) {
  Record* record = table.Remove(HashKey(key), key);
  if (record == nullptr) return false;
  Record::Free(record);
  return true;
}

std::string KeyNumber(uint64_t number) {
  return "key:" + std::to_string(number);
}

// All keys in the order of a walk, `in_step` in each step.
std::vector<std::string> WalkAll(const SlotTable& table, size_t in_step) {
  std::vector<std::string> keys;
  SlotTable::Walk walk{.max_items = in_step};
  while (walk.position != SlotTable::kEnd) {
    std::vector<Record*> found;
    const SlotTable::Position before = walk.position;
    table.Collect(&walk, &found);
    EXPECT_GT(walk.position, before);
    for (const Record* record : found) keys.emplace_back(record->key());
  }
  return keys;
}

void CheckAgainst(const SlotTable& table, const std::map<std::string, int64_t>& wanted) {
  ASSERT_EQ(table.size(), wanted.size());
  for (const auto& [key, value] : wanted) {
    const Record* record = table.Find(HashKey(key), key);
    ASSERT_NE(record, nullptr) << key;
    ASSERT_EQ(record->integer(), value);
  }
  std::vector<std::string> keys = WalkAll(table, 7);
  EXPECT_EQ(keys.size(), wanted.size());
  std::sort(keys.begin(), keys.end());
  EXPECT_TRUE(std::equal(keys.begin(), keys.end(), wanted.begin(), wanted.end(),
                         [](const auto& key, const auto& pair) { return key == pair.first; }));
}

TEST(SlotTableTest, EmptyTable) {
  SlotTable table;
  EXPECT_EQ(table.Find(1, "x"), nullptr);
  EXPECT_EQ(table.Remove(1, "x"), nullptr);
  EXPECT_TRUE(WalkAll(table, 1).empty());
  EXPECT_EQ(table.AllocatedBytes(), 0u);
}

class RandomOperations : public testing::TestWithParam<std::pair<int, int>> {};

// Sizes around the given number of keys, beyond what one array holds too.
TEST_P(RandomOperations, LikeAMap) {
  const auto [keys, operations] = GetParam();
  Random random(static_cast<uint64_t>(keys));
  SlotTable table;
  std::map<std::string, int64_t> map;
  for (int i = 0; i < operations; ++i) {
    const std::string key = KeyNumber(random.Below(static_cast<uint64_t>(keys)));
    const auto value = static_cast<int64_t>(i);
    // Phases of growth and of decline.
    const bool growing = i * 4 / operations % 2 == 0;
    if (random.Below(10) < (growing ? 9 : 2)) {
      if (map.contains(key)) {
        Record* replaced = table.Replace(HashKey(key), key, [&](Record* record) {
          record->set_integer(value);
          return Record::SetExpiry(record, value % 2 == 0 ? kNoExpiry : value);
        });
        ASSERT_NE(replaced, nullptr);
      } else {
        Insert(table, key, value);
      }
      map[key] = value;
    } else {
      ASSERT_EQ(Erase(table, key), map.erase(key) == 1);
    }
    if (i % (operations / 8) == 0) CheckAgainst(table, map);
  }
  CheckAgainst(table, map);
  while (!map.empty()) {
    ASSERT_TRUE(Erase(table, map.begin()->first));
    map.erase(map.begin());
  }
  EXPECT_EQ(table.AllocatedBytes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Sizes, RandomOperations,
                         testing::Values(std::pair(3, 2000), std::pair(60, 20000),
                                         std::pair(1000, 40000), std::pair(30000, 200000)));

TEST(SlotTableTest, FilledToSevenEighthsAtMostAndNotMuchLess) {
  SlotTable table;
  for (size_t size = 1; size <= 2000; ++size) {
    Insert(table, KeyNumber(size), 0);
    const size_t cells = table.AllocatedBytes() / 8;
    EXPECT_LE(size * 8, cells * 7);
    EXPECT_LE(cells * 7, size * 10 + 20) << size;
  }
}

TEST(SlotTableTest, ShrinksAfterDeletions) {
  SlotTable table;
  for (uint64_t i = 0; i < 5000; ++i) Insert(table, KeyNumber(i), 0);
  for (uint64_t i = 10; i < 5000; ++i) ASSERT_TRUE(Erase(table, KeyNumber(i)));
  EXPECT_LE(table.AllocatedBytes(), 32 * 8u);
  for (uint64_t i = 0; i < 10; ++i) {
    EXPECT_NE(table.Find(HashKey(KeyNumber(i)), KeyNumber(i)), nullptr);
  }
}

// What stays is found exactly once, whatever comes and goes between the steps.
class WalkUnderChange : public testing::TestWithParam<uint64_t> {};

TEST_P(WalkUnderChange, FindsWhatStaysOnce) {
  const uint64_t stable = GetParam();
  for (uint64_t seed = 0; seed < 6; ++seed) {
    Random random(seed);
    SlotTable table;
    std::set<std::string> stays;
    for (uint64_t i = 0; i < stable; ++i) {
      Insert(table, KeyNumber(i), 0);
      stays.insert(KeyNumber(i));
    }
    std::set<std::string> comes_and_goes;
    uint64_t next = stable;
    std::multiset<std::string> seen;
    SlotTable::Walk walk{.max_items = 1 + random.Below(stable / 10 + 2)};
    for (int step = 0; walk.position != SlotTable::kEnd; ++step) {
      std::vector<Record*> found;
      table.Collect(&walk, &found);
      for (const Record* record : found) seen.emplace(record->key());
      // Growth and decline by turns, by a multiple of what is there.
      for (uint64_t i = 0; i < stable * 2; ++i) {
        if (step % 2 == 0) {
          const std::string key = KeyNumber(next++);
          Insert(table, key, 0);
          comes_and_goes.insert(key);
        } else if (!comes_and_goes.empty()) {
          ASSERT_TRUE(Erase(table, *comes_and_goes.begin()));
          comes_and_goes.erase(comes_and_goes.begin());
        }
      }
    }
    for (const std::string& key : stays) ASSERT_EQ(seen.count(key), 1u) << key;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, WalkUnderChange, testing::Values(1, 5, 60, 700, 4000));

TEST(SlotTableTest, WalkOverRecordsWithExpiryOnly) {
  SlotTable table;
  std::set<std::string> wanted;
  for (uint64_t i = 0; i < 20000; ++i) {
    Insert(table, KeyNumber(i), 0, i % 10 == 0);
    if (i % 10 == 0) wanted.insert(KeyNumber(i));
  }
  std::multiset<std::string> seen;
  SlotTable::Walk walk{.max_items = 5, .max_cells = 30, .only_flagged = true};
  while (walk.position != SlotTable::kEnd) {
    std::vector<Record*> found;
    table.Collect(&walk, &found);
    EXPECT_LE(found.size(), 10u);
    EXPECT_LE(walk.cells, 200u);
    for (const Record* record : found) seen.emplace(record->key());
  }
  EXPECT_EQ(seen, std::multiset<std::string>(wanted.begin(), wanted.end()));
}

TEST(SlotTableTest, AnyPositionIsGoodForAWalk) {
  SlotTable table;
  for (uint64_t i = 0; i < 20000; ++i) Insert(table, KeyNumber(i), 0);
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    SlotTable::Walk walk{.position = random.Below(SlotTable::kEnd), .max_items = 3};
    const SlotTable::Position before = walk.position;
    std::vector<Record*> found;
    table.Collect(&walk, &found);
    EXPECT_GT(walk.position, before);
  }
  SlotTable::Walk over{.position = SlotTable::kEnd};
  std::vector<Record*> found;
  table.Collect(&over, &found);
  EXPECT_TRUE(found.empty());
}

// Chi-squared over the records, for a table of one array and for one with nodes.
TEST(SlotTableTest, RandomRecordIsUniform) {
  for (uint64_t size : {1, 40, 9000}) {
    SlotTable table;
    for (uint64_t i = 0; i < size; ++i) Insert(table, KeyNumber(i), static_cast<int64_t>(i));
    Random random(5);
    std::vector<int> drawn(size, 0);
    const int draws = static_cast<int>(size) * 50;
    for (int i = 0; i < draws; ++i) {
      ++drawn[static_cast<size_t>(table.RandomItem(random)->integer())];
    }
    double chi_squared = 0;
    for (int count : drawn) chi_squared += (count - 50.0) * (count - 50.0) / 50;
    // Mean size - 1, deviation sqrt(2 size).
    EXPECT_LT(chi_squared,
              static_cast<double>(size) + 6 * std::sqrt(2 * static_cast<double>(size)));
  }
}

TEST(SlotTableTest, RandomRecordInATableThatIsAlmostEmpty) {
  SlotTable table;
  for (uint64_t i = 0; i < 30000; ++i) Insert(table, KeyNumber(i), 0);
  for (uint64_t i = 2; i < 30000; ++i) ASSERT_TRUE(Erase(table, KeyNumber(i)));
  Random random(5);
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) seen.emplace(table.RandomItem(random)->key());
  EXPECT_EQ(seen.size(), 2u);
}

TEST(SlotTableTest, ClearFreesNodesToo) {
  SlotTable table;
  for (uint64_t i = 0; i < 30000; ++i) Insert(table, KeyNumber(i), 0);
  table.Clear();
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.AllocatedBytes(), 0u);
  Insert(table, "again", 1);
  EXPECT_EQ(table.size(), 1u);
}

}  // namespace
}  // namespace keyway::shard::keyspace
