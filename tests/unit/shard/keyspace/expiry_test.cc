// Active expiry, under a clock that moves by hand.
#include <string>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/keyspace/keyspace.h"

namespace keyway::shard::keyspace {
namespace {

constexpr int64_t kBudgetMicros = 25'000;

// Moves by a microsecond each time it is looked at, as if work took time.
class TickingClock : public Clock {
 public:
  int64_t MonotonicMicros() const override { return ticks_ += 1; }
  int64_t WallMicros() const override { return manual.WallMicros(); }

  ManualClock manual;

 private:
  mutable int64_t ticks_ = 0;
};

class ExpiryTest : public testing::Test {
 protected:
  void Add(int database, const std::string& key, int64_t ttl_ms) {
    keyspace_.database(database).Set(Key(key), Value::Integer(1),
                                     ttl_ms < 0 ? kNoExpiry : clock_.WallMillis() + ttl_ms,
                                     clock_.WallMillis(), Event::kSet);
  }

  TickingClock clock_;
  Random random_{1};
  Keyspace keyspace_{3, clock_, random_};
};

TEST_F(ExpiryTest, DeletesWhatHasExpiredAndNothingElse) {
  for (int i = 0; i < 1000; ++i) {
    Add(0, "persistent:" + std::to_string(i), -1);
    Add(1, "soon:" + std::to_string(i), 10);
    Add(2, "late:" + std::to_string(i), 1'000'000);
  }
  clock_.manual.AdvanceMillis(11);
  for (int round = 0; round < 100 && keyspace_.database(1).size() > 0; ++round) {
    keyspace_.ActiveExpire(kBudgetMicros, 1);
  }
  EXPECT_EQ(keyspace_.database(0).size(), 1000u);
  EXPECT_EQ(keyspace_.database(1).size(), 0u);
  EXPECT_EQ(keyspace_.database(2).size(), 1000u);
  EXPECT_EQ(keyspace_.stats().expired_keys, 1000u);
  EXPECT_GT(keyspace_.stats().expire_cycle_cpu_micros, 0);
}

// One round goes on as long as more than a tenth of what it sees is stale.
TEST_F(ExpiryTest, OneRoundBringsStaleKeysDown) {
  for (int i = 0; i < 20'000; ++i) Add(0, "key:" + std::to_string(i), i % 2 == 0 ? 10 : 1'000'000);
  clock_.manual.AdvanceMillis(11);
  keyspace_.ActiveExpire(kBudgetMicros, 1);
  const size_t stale = keyspace_.database(0).size() - 10'000;
  EXPECT_LE(stale, 1500u);
  EXPECT_GT(keyspace_.stats().expired_stale_percent, 0);
}

TEST_F(ExpiryTest, StaysWithinItsBudget) {
  for (int i = 0; i < 20'000; ++i) Add(0, "key:" + std::to_string(i), 10);
  clock_.manual.AdvanceMillis(11);
  keyspace_.ActiveExpire(5, 1);
  EXPECT_GT(keyspace_.database(0).size(), 19'000u);
  EXPECT_EQ(keyspace_.stats().expired_time_cap_reached, 1u);
}

TEST_F(ExpiryTest, EveryDatabaseHasItsTurnWhenTimeIsShort) {
  for (int database = 0; database < 3; ++database) {
    for (int i = 0; i < 200; ++i) Add(database, "key:" + std::to_string(i), 10);
  }
  clock_.manual.AdvanceMillis(11);
  for (int round = 0; round < 3; ++round) keyspace_.ActiveExpire(2, 1);
  for (int database = 0; database < 3; ++database) {
    EXPECT_LT(keyspace_.database(database).size(), 200u);
  }
}

// A few keys that expire among many in one slot that do not.
TEST_F(ExpiryTest, FindsFewAmongManyPersistentOnes) {
  for (int i = 0; i < 50'000; ++i) Add(0, "{tag}" + std::to_string(i), i % 10'000 == 7 ? 10 : -1);
  clock_.manual.AdvanceMillis(11);
  for (int round = 0; round < 10; ++round) keyspace_.ActiveExpire(kBudgetMicros, 1);
  EXPECT_EQ(keyspace_.stats().expired_keys, 5u);
  EXPECT_EQ(keyspace_.database(0).expires(), 0u);
}

TEST_F(ExpiryTest, AverageTtl) {
  EXPECT_EQ(keyspace_.database(0).average_ttl_ms(), 0);
  for (int i = 0; i < 100; ++i) Add(0, "key:" + std::to_string(i), 50'000);
  keyspace_.ActiveExpire(kBudgetMicros, 1);
  EXPECT_EQ(keyspace_.database(0).average_ttl_ms(), 50'000);
  for (int i = 0; i < 100; ++i) Add(0, "key:" + std::to_string(i), 100'000);
  for (int round = 0; round < 400; ++round) keyspace_.ActiveExpire(kBudgetMicros, 1);
  EXPECT_GT(keyspace_.database(0).average_ttl_ms(), 90'000);
  EXPECT_LE(keyspace_.database(0).average_ttl_ms(), 100'000);
  for (int i = 0; i < 100; ++i) Add(0, "key:" + std::to_string(i), -1);
  keyspace_.ActiveExpire(kBudgetMicros, 1);
  EXPECT_EQ(keyspace_.database(0).average_ttl_ms(), 0);
}

TEST_F(ExpiryTest, AverageTtlOfTimesThatNeverCome) {
  for (int i = 0; i < 100; ++i) {
    keyspace_.database(0).Set(Key(std::to_string(i)), Value::Integer(1), INT64_MAX,
                              clock_.WallMillis(), Event::kSet);
  }
  keyspace_.ActiveExpire(kBudgetMicros, 10);
  EXPECT_GT(keyspace_.database(0).average_ttl_ms(), 0);
}

TEST_F(ExpiryTest, NothingToDo) {
  keyspace_.ActiveExpire(kBudgetMicros, 1);
  keyspace_.ActiveExpire(0, 0);
  keyspace_.ActiveExpire(kBudgetMicros, 99);
  EXPECT_EQ(keyspace_.stats().expired_keys, 0u);
}

}  // namespace
}  // namespace keyway::shard::keyspace
