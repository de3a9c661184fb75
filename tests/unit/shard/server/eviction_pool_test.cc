#include "shard/server/eviction_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "shard/server/eviction.h"

namespace keyway::shard {
namespace {

TEST(EvictionPool, GivesTheHighestScoreFirst) {
  EvictionPool pool;
  EXPECT_EQ(pool.TakeBest(), nullptr);
  pool.Offer(3, 0, "three");
  pool.Offer(9, 1, "nine");
  pool.Offer(5, 2, "five");
  const EvictionPool::Candidate* best = pool.TakeBest();
  ASSERT_NE(best, nullptr);
  EXPECT_EQ(best->key, "nine");
  EXPECT_EQ(best->database, 1);
  EXPECT_EQ(pool.TakeBest()->key, "five");
  EXPECT_EQ(pool.TakeBest()->key, "three");
  EXPECT_EQ(pool.TakeBest(), nullptr);
}

TEST(EvictionPool, AFullPoolTakesOnlyWhatIsBetter) {
  EvictionPool pool;
  for (uint64_t score = 10; score < 10 + EvictionPool::kCapacity; ++score) {
    pool.Offer(score, 0, std::to_string(score));
  }
  pool.Offer(10, 0, "no better than the worst");
  pool.Offer(1, 0, "worse");
  pool.Offer(15, 0, "better");
  EXPECT_EQ(pool.size(), EvictionPool::kCapacity);
  std::vector<std::string> keys;
  while (const EvictionPool::Candidate* best = pool.TakeBest()) keys.push_back(best->key);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "better"), 1);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "10"), 0);  // had to leave
  EXPECT_EQ(keys.front(), std::to_string(10 + EvictionPool::kCapacity - 1));
}

TEST(EvictionPool, KeepsTheBestOfMany) {
  Random random(7);
  EvictionPool pool;
  std::vector<uint64_t> scores;
  for (int i = 0; i < 1000; ++i) {
    scores.push_back(random.Below(1'000'000'000));
    pool.Offer(scores.back(), 0, std::to_string(i));
  }
  std::sort(scores.rbegin(), scores.rend());
  for (size_t i = 0; i < EvictionPool::kCapacity; ++i) EXPECT_EQ(pool.TakeBest()->score, scores[i]);
}

TEST(EvictionTurn, GrowsWithTenacity) {
  EXPECT_EQ(EvictionTurnMicros(0), 0);
  EXPECT_EQ(EvictionTurnMicros(1), 50);
  EXPECT_EQ(EvictionTurnMicros(10), 500);
  EXPECT_NEAR(static_cast<double>(EvictionTurnMicros(11)), 575, 1);
  EXPECT_GT(EvictionTurnMicros(99), 60'000'000);
  EXPECT_EQ(EvictionTurnMicros(100), INT64_MAX);
}

}  // namespace
}  // namespace keyway::shard
