// What becomes of keys that have expired: on a primary, on a replica, for the primary's commands.
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/keyspace/keyspace.h"

namespace keyway::shard::keyspace {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

class Counter : public KeyChangeListener {
 public:
  void BeforeChange(const Database&, Slot, const Record&) override { ++calls; }
  void AfterChange(const Database&, const Key&, Event) override { ++calls; }
  void BeforeFlush(const Database&) override { ++calls; }
  void AfterSwap(const Database&, const Database&) override { ++calls; }

  int calls = 0;
};

class ExpiredKeysTest : public testing::Test {
 protected:
  void Set(const std::string& key, int64_t expiry_ms) {
    database_.Set(Key(key), Value::Integer(1), expiry_ms, kNow, Event::kSet);
  }
  const Record* Find(const std::string& key, Access access = Access::kNone) {
    return database_.Find(Key(key), kNow, access);
  }

  ManualClock clock_;
  Random random_{1};
  Keyspace keyspace_{2, clock_, random_};
  Database& database_ = keyspace_.database(0);
};

TEST_F(ExpiredKeysTest, AreHiddenOnAReplica) {
  Set("old", kNow - 1);
  Set("new", kNow + 1);
  keyspace_.set_follows(true);
  EXPECT_EQ(keyspace_.expired_keys(), ExpiredKeys::kHide);
  Counter counter;
  keyspace_.AddListener(counter);
  EXPECT_EQ(Find("old"), nullptr);
  EXPECT_EQ(Find("old", Access::kWrite), nullptr);
  EXPECT_NE(Find("new"), nullptr);
  EXPECT_FALSE(database_.Delete(Key("old"), kNow, Reclaim::kNow));
  std::vector<const Record*> found = {database_.Peek(Key("old")), database_.Peek(Key("new"))};
  database_.DeleteExpired(kNow, &found);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]->key(), "new");
  EXPECT_EQ(counter.calls, 0);
  keyspace_.RemoveListener(counter);
  EXPECT_EQ(database_.size(), 2u);
  EXPECT_EQ(keyspace_.stats().expired_keys, 0u);

  keyspace_.set_follows(false);
  EXPECT_EQ(Find("old"), nullptr);
  EXPECT_EQ(database_.size(), 1u);
  EXPECT_EQ(keyspace_.stats().expired_keys, 1u);
}

TEST_F(ExpiredKeysTest, AreThereForThePrimary) {
  Set("old", kNow - 1);
  keyspace_.set_follows(true);
  keyspace_.set_in_call(ExpiredKeys::kKeep);
  EXPECT_NE(Find("old"), nullptr);
  // It is overwritten, not made anew.
  Set("old", kKeepExpiry);
  EXPECT_EQ(Find("old")->expiry_ms(), kNow - 1);
  EXPECT_TRUE(database_.Delete(Key("old"), kNow, Reclaim::kNow));
  EXPECT_EQ(keyspace_.stats().expired_keys, 0u);
  keyspace_.set_in_call(std::nullopt);
  EXPECT_EQ(keyspace_.expired_keys(), ExpiredKeys::kHide);
}

TEST_F(ExpiredKeysTest, LoadingComesFirst) {
  keyspace_.set_keep_expired(true);
  keyspace_.set_in_call(ExpiredKeys::kHide);
  EXPECT_EQ(keyspace_.expired_keys(), ExpiredKeys::kKeep);
  keyspace_.set_keep_expired(false);
  EXPECT_EQ(keyspace_.expired_keys(), ExpiredKeys::kHide);
  keyspace_.set_in_call(std::nullopt);
  EXPECT_EQ(keyspace_.expired_keys(), ExpiredKeys::kDelete);
}

TEST_F(ExpiredKeysTest, AnExpiryInThePastDeletesOnlyOnAPrimary) {
  EXPECT_TRUE(database_.IsPast(kNow, kNow));
  keyspace_.set_follows(true);
  EXPECT_FALSE(database_.IsPast(kNow, kNow));
  keyspace_.set_in_call(ExpiredKeys::kDelete);  // a writable replica
  EXPECT_FALSE(database_.IsPast(kNow, kNow));
  keyspace_.set_in_call(std::nullopt);
  keyspace_.set_follows(false);
  keyspace_.set_keep_expired(true);
  EXPECT_FALSE(database_.IsPast(kNow, kNow));
}

// Whoever replaces a key does not leave two of them.
TEST_F(ExpiredKeysTest, AHiddenKeyIsReplaced) {
  Set("from", kNoExpiry);
  Set("to", kNow - 1);
  keyspace_.set_in_call(ExpiredKeys::kHide);
  database_.Rename(Key("from"), Key("to"), kNow);
  EXPECT_EQ(database_.size(), 1u);
  EXPECT_NE(Find("to"), nullptr);
  Set("copy", kNow - 1);
  database_.Copy(Key("to"), database_, Key("copy"), kNow);
  EXPECT_EQ(database_.size(), 2u);
  EXPECT_NE(Find("copy"), nullptr);
  Database& other = keyspace_.database(1);
  other.Set(Key("to"), Value::Integer(2), kNow - 1, kNow, Event::kSet);
  database_.Move(Key("to"), other);
  EXPECT_EQ(other.size(), 1u);
  EXPECT_EQ(other.Find(Key("to"), kNow, Access::kNone)->integer(), 1);
}

TEST_F(ExpiredKeysTest, RandomKeyPassesOverHiddenOnes) {
  for (int i = 0; i < 500; ++i) Set("old:" + std::to_string(i), kNow - 1);
  keyspace_.set_follows(true);
  // There is nothing else.
  ASSERT_NE(database_.RandomKey(kNow), nullptr);
  keyspace_.set_in_call(ExpiredKeys::kKeep);
  Set("stays", kNoExpiry);
  keyspace_.set_in_call(std::nullopt);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(database_.RandomKey(kNow)->key(), "stays");
  EXPECT_EQ(database_.size(), 501u);
}

TEST_F(ExpiredKeysTest, OneKeyIsExpiredWhateverHolds) {
  Set("old", kNow - 1);
  Set("new", kNow + 1);
  Set("stays", kNoExpiry);
  keyspace_.set_follows(true);
  EXPECT_EQ(database_.ExpireKey(Key("old"), kNow), true);
  EXPECT_EQ(database_.ExpireKey(Key("new"), kNow), false);
  EXPECT_EQ(database_.ExpireKey(Key("stays"), kNow), std::nullopt);
  EXPECT_EQ(database_.ExpireKey(Key("none"), kNow), std::nullopt);
  EXPECT_EQ(database_.size(), 2u);
  EXPECT_EQ(keyspace_.stats().expired_keys, 1u);
}

}  // namespace
}  // namespace keyway::shard::keyspace
