#include "shard/keyspace/database.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/keyspace/keyspace.h"
#include "shard/keyspace/shared_memory.h"

namespace keyway::shard::keyspace {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

// What the listener was told, in words.
class Recorder : public KeyChangeListener {
 public:
  void BeforeChange(const Database& database, Slot slot, const Record& record) override {
    EXPECT_EQ(slot, KeySlot(record.key()));
    events.push_back(std::to_string(database.index()) + " before " + std::string(record.key()));
  }
  void AfterChange(const Database& database, const Key& key, Event event) override {
    events.push_back(std::to_string(database.index()) + " " +
                     std::to_string(static_cast<int>(event)) + " " + std::string(key.text));
  }
  void BeforeFlush(const Database& database) override {
    events.push_back(std::to_string(database.index()) + " flush");
  }
  void AfterSwap(const Database& first, const Database& second) override {
    events.push_back(std::to_string(first.index()) + " swap " + std::to_string(second.index()));
  }

  std::vector<std::string> Take() { return std::exchange(events, {}); }
  static std::string Text(int database, Event event, const std::string& key) {
    return std::to_string(database) + " " + std::to_string(static_cast<int>(event)) + " " + key;
  }

  std::vector<std::string> events;
};

class DatabaseTest : public testing::Test {
 protected:
  void Set(Database& database, const std::string& key, int64_t value,
           int64_t expiry_ms = kNoExpiry) {
    database.Set(Key(key), Value::Integer(value), expiry_ms, kNow, Event::kSet);
  }
  static const Record* Find(Database& database, const std::string& key, int64_t now_ms = kNow) {
    return database.Find(Key(key), now_ms, Access::kNone);
  }

  ManualClock clock_;
  Random random_{1};
  Keyspace keyspace_{2, clock_, random_};
  Database& first_ = keyspace_.database(0);
  Database& second_ = keyspace_.database(1);
};

TEST_F(DatabaseTest, SetFindDelete) {
  EXPECT_EQ(Find(first_, "a"), nullptr);
  Set(first_, "a", 1);
  Set(first_, "a", 2);
  ASSERT_NE(Find(first_, "a"), nullptr);
  EXPECT_EQ(Find(first_, "a")->integer(), 2);
  EXPECT_EQ(Find(second_, "a"), nullptr);
  EXPECT_EQ(first_.size(), 1u);
  EXPECT_EQ(first_.CountInSlot(KeySlot("a")), 1u);
  EXPECT_TRUE(first_.Delete(Key("a"), kNow, Reclaim::kNow));
  EXPECT_FALSE(first_.Delete(Key("a"), kNow, Reclaim::kLater));
  EXPECT_EQ(first_.size(), 0u);
}

TEST_F(DatabaseTest, SetKeepsOrReplacesTheExpiry) {
  Set(first_, "a", 1, kNow + 5);
  EXPECT_EQ(first_.expires(), 1u);
  Set(first_, "a", 2, kKeepExpiry);
  EXPECT_EQ(Find(first_, "a")->expiry_ms(), kNow + 5);
  Set(first_, "a", 3, kNow + 9);
  EXPECT_EQ(Find(first_, "a")->expiry_ms(), kNow + 9);
  EXPECT_EQ(first_.expires(), 1u);
  Set(first_, "a", 4);
  EXPECT_FALSE(Find(first_, "a")->has_expiry());
  EXPECT_EQ(first_.expires(), 0u);
  Set(first_, "b", 4, kKeepExpiry);
  EXPECT_FALSE(Find(first_, "b")->has_expiry());
}

TEST_F(DatabaseTest, WhatHasExpiredIsGone) {
  Set(first_, "a", 1, kNow + 5);
  EXPECT_NE(Find(first_, "a", kNow + 5), nullptr);
  EXPECT_EQ(Find(first_, "a", kNow + 6), nullptr);
  EXPECT_EQ(first_.size(), 0u);
  EXPECT_EQ(first_.expires(), 0u);
  EXPECT_EQ(keyspace_.stats().expired_keys, 1u);

  Set(first_, "a", 1, kNow - 1);
  EXPECT_FALSE(first_.Delete(Key("a"), kNow, Reclaim::kNow));
  Set(first_, "a", 1, kNow - 1);
  Set(first_, "a", 2, kKeepExpiry);
  EXPECT_FALSE(Find(first_, "a")->has_expiry());
  EXPECT_EQ(keyspace_.stats().expired_keys, 3u);
}

TEST_F(DatabaseTest, HitsAndMisses) {
  Set(first_, "a", 1);
  first_.Find(Key("a"), kNow, Access::kRead);
  first_.Find(Key("a"), kNow, Access::kPeek);
  first_.Find(Key("a"), kNow, Access::kWrite);
  first_.Find(Key("b"), kNow, Access::kRead);
  first_.Find(Key("b"), kNow, Access::kWrite);
  first_.Find(Key("b"), kNow, Access::kNone);
  EXPECT_EQ(keyspace_.stats().hits, 2u);
  EXPECT_EQ(keyspace_.stats().misses, 1u);
  keyspace_.ResetStats();
  EXPECT_EQ(keyspace_.stats().hits, 0u);
}

TEST_F(DatabaseTest, OnlyUsesMoveTheAccessClock) {
  Set(first_, "a", 1);
  const int64_t later = kNow + 100'000;
  first_.Find(Key("a"), later, Access::kPeek);
  EXPECT_EQ(IdleSeconds(Find(first_, "a")->access(), later), 100);
  first_.Find(Key("a"), later, Access::kRead);
  EXPECT_EQ(IdleSeconds(Find(first_, "a")->access(), later), 0);
}

TEST_F(DatabaseTest, TheAccessClockRestsWhileMemoryIsShared) {
  Set(first_, "a", 1);
  SetMemoryShared(true);
  const int64_t later = kNow + 100'000;
  first_.Find(Key("a"), later, Access::kRead);
  first_.Find(Key("a"), later, Access::kWrite);
  SetMemoryShared(false);
  EXPECT_EQ(IdleSeconds(Find(first_, "a")->access(), later), 100);
}

TEST_F(DatabaseTest, LoadTellsNobody) {
  Recorder recorder;
  keyspace_.AddListener(recorder);
  first_.Expect(100 * kSlotCount);
  for (int i = 0; i < 1000; ++i) {
    const std::string name = std::to_string(i);
    first_.Prefetch(Key(name));
    EXPECT_TRUE(first_.Load(Key(name), Value::Integer(i), i % 2 == 0 ? kNoExpiry : 5, 7));
  }
  // Whatever it is, and expired or not.
  EXPECT_FALSE(first_.Load(Key("1"), Value::Integer(2), kNoExpiry, 0));
  EXPECT_FALSE(first_.Load(Key("2"), Value::Embedded("other"), kNoExpiry, 0));
  first_.Unload(Key("4"));
  first_.Unload(Key("nothing"));
  EXPECT_EQ(recorder.Take(), std::vector<std::string>{});
  EXPECT_EQ(keyspace_.changes(), 0u);
  keyspace_.RemoveListener(recorder);
  EXPECT_EQ(first_.size(), 999u);
  EXPECT_EQ(first_.expires(), 500u);
  EXPECT_EQ(Find(first_, "2")->integer(), 2);
  EXPECT_EQ(Find(first_, "2")->access(), 7u);
  EXPECT_EQ(Find(first_, "1"), nullptr);
  EXPECT_EQ(Find(first_, "4"), nullptr);
}

TEST_F(DatabaseTest, ForEachVisitsEveryKeyOnce) {
  const auto visited = [this] {
    std::map<std::string, int> times;
    first_.ForEach([&](const Record& record) { ++times[std::string(record.key())]; });
    return times;
  };
  EXPECT_TRUE(visited().empty());
  // More and fewer than are on their way at a time, and one slot that holds a node of tables.
  std::map<std::string, int> expected;
  for (const int keys : {1, 2, 15, 16, 17, 100, 9000}) {
    for (int i = 0; i < keys; ++i) {
      const std::string name = i % 3 == 0 ? std::to_string(i) : "{slot}" + std::to_string(i);
      first_.Set(Key(name), i % 2 == 0 ? Value::Integer(i) : Value::Raw(RawString::Zeros(50)),
                 i % 5 == 0 ? 5 : kNoExpiry, kNow, Event::kSet);
      expected[name] = 1;
    }
    EXPECT_EQ(visited(), expected) << keys;
  }
}

TEST_F(DatabaseTest, RenameMoveCopy) {
  Set(first_, "a", 1, kNow + 50);
  Set(first_, "b", 2);
  first_.Rename(Key("a"), Key("b"), kNow);
  EXPECT_EQ(Find(first_, "a"), nullptr);
  EXPECT_EQ(Find(first_, "b")->integer(), 1);
  EXPECT_EQ(Find(first_, "b")->expiry_ms(), kNow + 50);
  EXPECT_EQ(first_.size(), 1u);
  EXPECT_EQ(first_.expires(), 1u);

  first_.Move(Key("b"), second_);
  EXPECT_EQ(first_.size(), 0u);
  EXPECT_EQ(first_.expires(), 0u);
  EXPECT_EQ(Find(second_, "b")->integer(), 1);
  EXPECT_EQ(second_.expires(), 1u);

  second_.Copy(Key("b"), first_, Key("c"), kNow);
  second_.Copy(Key("b"), second_, Key("d"), kNow);
  EXPECT_EQ(Find(first_, "c")->expiry_ms(), kNow + 50);
  EXPECT_EQ(Find(second_, "d")->integer(), 1);
  EXPECT_EQ(Find(second_, "b")->integer(), 1);
  EXPECT_EQ(keyspace_.KeyCount(), 3u);
}

TEST_F(DatabaseTest, SwapAndFlush) {
  Set(first_, "a", 1);
  keyspace_.Swap(0, 1);
  EXPECT_EQ(Find(first_, "a"), nullptr);
  EXPECT_EQ(Find(second_, "a")->integer(), 1);
  keyspace_.Swap(1, 1);
  EXPECT_EQ(second_.size(), 1u);
  Set(first_, "b", 1);
  EXPECT_EQ(keyspace_.FlushAll(false), 2u);
  EXPECT_EQ(keyspace_.KeyCount(), 0u);
  EXPECT_EQ(first_.Flush(Reclaim::kNow), 0u);
}

TEST_F(DatabaseTest, FlushOnTheSideThread) {
  for (int i = 0; i < 5000; ++i) Set(first_, "key:" + std::to_string(i), i, kNow + 5);
  EXPECT_EQ(first_.Flush(Reclaim::kLater), 5000u);
  EXPECT_EQ(first_.size(), 0u);
  EXPECT_EQ(first_.expires(), 0u);
  Set(first_, "a", 1);
  EXPECT_EQ(first_.size(), 1u);
  while (keyspace_.stats().lazyfree_pending != 0) std::this_thread::yield();
  EXPECT_EQ(keyspace_.stats().lazyfreed, 5000u);
}

TEST_F(DatabaseTest, LargeValuesAreFreedOnTheSideThread) {
  const std::string large(8 << 20, 'x');
  first_.Set(Key("a"), Value::Raw(RawString::Copy(large)), kNoExpiry, kNow, Event::kSet);
  first_.Set(Key("b"), Value::Raw(RawString::Copy(large)), kNoExpiry, kNow, Event::kSet);
  first_.Set(Key("c"), Value::Raw(RawString::Copy(large)), kNoExpiry, kNow, Event::kSet);
  keyspace_.set_options({.lazy_server_delete = true});
  EXPECT_TRUE(first_.Delete(Key("a"), kNow, Reclaim::kLater));
  EXPECT_TRUE(first_.Delete(Key("b"), kNow, Reclaim::kNow));
  Set(first_, "c", 1);
  while (keyspace_.stats().lazyfree_pending != 0) std::this_thread::yield();
  EXPECT_EQ(keyspace_.stats().lazyfreed, 2u);
}

TEST_F(DatabaseTest, ScanFindsWhatStaysOnceWhileTheRestChanges) {
  std::set<std::string> stays;
  for (int i = 0; i < 30000; ++i) {
    // Some slots with many keys, many with few.
    const std::string key =
        (i % 3 == 0 ? "{tag" + std::to_string(i % 5) + "}" : "") + std::to_string(i);
    Set(first_, key, i);
    if (i % 2 == 0) stays.insert(key);
  }
  std::multiset<std::string> seen;
  Database::Cursor cursor = 0;
  int step = 0;
  do {
    std::vector<const Record*> found;
    cursor = first_.Scan(cursor, 100, &found);
    EXPECT_LT(cursor, Database::Cursor{1} << 48);
    EXPECT_LE(found.size(), 110u);
    for (const Record* record : found) seen.emplace(record->key());
    for (int i = 0; i < 100; ++i) {
      const int number = 2 * static_cast<int>(random_.Below(15000)) + 1;
      first_.Delete(Key((number % 3 == 0 ? "{tag" + std::to_string(number % 5) + "}" : "") +
                        std::to_string(number)),
                    kNow, Reclaim::kNow);
      Set(first_, "{tag1}new" + std::to_string(step * 100 + i), 0);
    }
    ASSERT_LT(++step, 5000);
  } while (cursor != 0);
  for (const std::string& key : stays) ASSERT_EQ(seen.count(key), 1u) << key;
}

TEST_F(DatabaseTest, ScanOfAnything) {
  std::vector<const Record*> found;
  EXPECT_EQ(first_.Scan(0, 10, &found), 0u);
  Set(first_, "a", 1);
  EXPECT_EQ(first_.Scan(0, 10, &found), 0u);
  EXPECT_EQ(found.size(), 1u);
  EXPECT_EQ(first_.Scan(UINT64_MAX, 10, &found), 0u);
  EXPECT_EQ(first_.Scan(Database::Cursor{1} << 48, 10, &found), 0u);
  EXPECT_EQ(first_.Scan((Database::Cursor{1} << 48) - 1, 10, &found), 0u);
  EXPECT_EQ(found.size(), 1u);
  found.clear();
  EXPECT_EQ(first_.Scan(0, SIZE_MAX, &found), 0u);
  EXPECT_EQ(found.size(), 1u);
}

TEST_F(DatabaseTest, DeleteExpiredOfAList) {
  Set(first_, "a", 1);
  Set(first_, "b", 1, kNow + 5);
  std::vector<const Record*> found;
  first_.Scan(0, 10, &found);
  EXPECT_EQ(found.size(), 2u);
  first_.DeleteExpired(kNow + 6, &found);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]->key(), "a");
  EXPECT_EQ(first_.size(), 1u);
}

TEST_F(DatabaseTest, RandomKeyIsUniformOverSlotsOfAllSizes) {
  std::map<std::string, int> drawn;
  for (int i = 0; i < 90; ++i) Set(first_, "{tag}" + std::to_string(i), i);
  for (int i = 0; i < 10; ++i) Set(first_, std::to_string(i), i);
  for (int i = 0; i < 100'000; ++i) ++drawn[std::string(first_.RandomKey(kNow)->key())];
  ASSERT_EQ(drawn.size(), 100u);
  for (const auto& [key, count] : drawn) {
    EXPECT_GT(count, 800) << key;
    EXPECT_LT(count, 1200) << key;
  }
}

TEST_F(DatabaseTest, RandomKeyIsNeverAnExpiredOne) {
  for (int i = 0; i < 50; ++i) Set(first_, std::to_string(i), i, kNow - 1);
  Set(first_, "lives", 1);
  EXPECT_EQ(first_.RandomKey(kNow)->key(), "lives");
  EXPECT_TRUE(first_.Delete(Key("lives"), kNow, Reclaim::kNow));
  EXPECT_EQ(first_.RandomKey(kNow), nullptr);
  EXPECT_EQ(first_.size(), 0u);
}

TEST_F(DatabaseTest, KeysInSlot) {
  for (int i = 0; i < 5; ++i) Set(first_, "{x}" + std::to_string(i), i);
  Set(second_, "{x}other", 1);
  const Slot slot = KeySlot("{x}");
  EXPECT_EQ(keyspace_.CountInSlot(slot), 6u);
  std::vector<std::string> keys;
  const auto take = [&keys](std::string_view key) { keys.emplace_back(key); };
  keyspace_.KeysInSlot(slot, 100, take);
  EXPECT_EQ(keys.size(), 6u);
  EXPECT_EQ(keys.back(), "{x}other");
  keys.clear();
  keyspace_.KeysInSlot(slot, 3, take);
  EXPECT_EQ(keys.size(), 3u);
  keys.clear();
  keyspace_.KeysInSlot(slot, 0, take);
  EXPECT_TRUE(keys.empty());
}

TEST_F(DatabaseTest, EveryChangeIsToldAndCounted) {
  Recorder recorder;
  keyspace_.AddListener(recorder);
  const auto text = &Recorder::Text;
  using Texts = std::vector<std::string>;

  Set(first_, "a", 1, kNow + 5);
  EXPECT_EQ(recorder.Take(), Texts({text(0, Event::kNew, "a"), text(0, Event::kSet, "a"),
                                    text(0, Event::kExpire, "a")}));
  Set(first_, "a", 2, kKeepExpiry);
  EXPECT_EQ(recorder.Take(), Texts({"0 before a", text(0, Event::kSet, "a")}));
  first_.SetExpiry(Key("a"), kNoExpiry);
  EXPECT_EQ(recorder.Take(), Texts({"0 before a", text(0, Event::kPersist, "a")}));
  first_.ChangeInPlace(Key("a"), Find(first_, "a"), Event::kIncrBy,
                       [](Record& record) { record.set_integer(9); });
  EXPECT_EQ(recorder.Take(), Texts({"0 before a", text(0, Event::kIncrBy, "a")}));
  first_.Copy(Key("a"), second_, Key("b"), kNow);
  EXPECT_EQ(recorder.Take(), Texts({text(1, Event::kNew, "b"), text(1, Event::kCopyTo, "b")}));
  first_.Rename(Key("a"), Key("c"), kNow);
  EXPECT_EQ(recorder.Take(),
            Texts({"0 before a", text(0, Event::kNew, "c"), text(0, Event::kRenameFrom, "a"),
                   text(0, Event::kRenameTo, "c")}));
  first_.Move(Key("c"), second_);
  EXPECT_EQ(recorder.Take(), Texts({"0 before c", text(1, Event::kNew, "c"),
                                    text(0, Event::kMoveFrom, "c"), text(1, Event::kMoveTo, "c")}));
  second_.SetExpiry(Key("c"), kNow - 1);
  EXPECT_EQ(recorder.Take(), Texts({"1 before c", text(1, Event::kExpire, "c")}));
  EXPECT_EQ(Find(second_, "c"), nullptr);
  EXPECT_EQ(recorder.Take(), Texts({"1 before c", text(1, Event::kExpired, "c")}));
  second_.Delete(Key("b"), kNow, Reclaim::kNow);
  EXPECT_EQ(recorder.Take(), Texts({"1 before b", text(1, Event::kDel, "b")}));
  EXPECT_EQ(keyspace_.changes(), 9u);
  keyspace_.Swap(0, 1);
  keyspace_.FlushAll(false);
  EXPECT_EQ(recorder.Take(), Texts({"0 swap 1", "0 flush", "1 flush"}));
  EXPECT_EQ(keyspace_.changes(), 10u);
}

}  // namespace
}  // namespace keyway::shard::keyspace
