// Database::Sample and Database::Evict.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/keyspace/keyspace.h"

namespace keyway::shard::keyspace {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

class SamplingTest : public testing::Test {
 protected:
  void Set(const std::string& key, int64_t expiry_ms = kNoExpiry) {
    database_.Set(Key(key), Value::Integer(1), expiry_ms, kNow, Event::kSet);
  }
  std::vector<std::string> Sample(size_t count, bool only_with_expiry) {
    std::vector<const Record*> found;
    database_.Sample(count, only_with_expiry, &found);
    std::vector<std::string> keys;
    for (const Record* record : found) keys.emplace_back(record->key());
    return keys;
  }

  ManualClock clock_;
  Random random_{1};
  Keyspace keyspace_{1, clock_, random_};
  Database& database_ = keyspace_.database(0);
};

TEST_F(SamplingTest, NothingToSample) {
  EXPECT_TRUE(Sample(5, false).empty());
  Set("a");
  EXPECT_TRUE(Sample(5, true).empty());
  EXPECT_EQ(Sample(5, false), std::vector<std::string>{"a"});
  database_.Delete(Key("a"), kNow, Reclaim::kNow);
  EXPECT_TRUE(Sample(5, false).empty());
}

TEST_F(SamplingTest, AsManyAsAskedForIfThereAre) {
  for (int i = 0; i < 100; ++i) Set("key:" + std::to_string(i));
  for (int i = 0; i < 100; ++i) {
    const std::vector<std::string> keys = Sample(5, false);
    EXPECT_GE(keys.size(), 5u);
    EXPECT_EQ(std::set(keys.begin(), keys.end()).size(), keys.size());
  }
  const std::vector<std::string> all = Sample(1000, false);
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), 100u);
}

TEST_F(SamplingTest, EveryKeyComesUp) {
  // Spread over slots, and many in one.
  for (int i = 0; i < 300; ++i) {
    Set("key:" + std::to_string(i));
    Set("{one}" + std::to_string(i));
  }
  std::map<std::string, int> seen;
  for (int i = 0; i < 12'000; ++i) {
    for (const std::string& key : Sample(5, false)) ++seen[key];
  }
  EXPECT_EQ(seen.size(), 600u);
  // The half of the keys that is in one slot comes up half of the time.
  int in_one = 0;
  for (const auto& [key, count] : seen) in_one += key[0] == '{' ? count : 0;
  EXPECT_NEAR(in_one, 30'000, 3'000);
}

TEST_F(SamplingTest, OnlyWithExpiry) {
  for (int i = 0; i < 1000; ++i) {
    Set("{one}" + std::to_string(i), i % 100 == 0 ? kNow + 1000 : kNoExpiry);
    Set("key:" + std::to_string(i), i % 500 == 0 ? kNow - 1000 : kNoExpiry);
  }
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    for (const std::string& key : Sample(3, true)) {
      EXPECT_TRUE(key.ends_with("00") || key.ends_with("0")) << key;
      seen.insert(key);
    }
  }
  EXPECT_EQ(seen.size(), 12u);  // keys that have expired count still
}

TEST_F(SamplingTest, EvictDeletesAndCounts) {
  Set("plain");
  Set("short", kNow + 1000);
  EXPECT_FALSE(database_.Evict(Key("none"), false, Reclaim::kNow));
  EXPECT_FALSE(database_.Evict(Key("plain"), true, Reclaim::kNow));
  EXPECT_EQ(keyspace_.stats().evicted_keys, 0u);
  EXPECT_TRUE(database_.Evict(Key("plain"), false, Reclaim::kNow));
  EXPECT_TRUE(database_.Evict(Key("short"), true, Reclaim::kLater));
  EXPECT_EQ(keyspace_.stats().evicted_keys, 2u);
  EXPECT_EQ(database_.size(), 0u);
  EXPECT_EQ(database_.expires(), 0u);
  keyspace_.ResetStats();
  EXPECT_EQ(keyspace_.stats().evicted_keys, 0u);
}

}  // namespace
}  // namespace keyway::shard::keyspace
