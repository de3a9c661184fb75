#include "shard/keyspace/access_clock.h"

#include <gtest/gtest.h>

namespace keyway::shard::keyspace {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kMinute = 60'000;

TEST(AccessClockTest, IdleSeconds) {
  const uint32_t access = FirstAccess({}, kNow);
  EXPECT_LT(access, 1u << 24);
  EXPECT_EQ(IdleSeconds(access, kNow), 0);
  EXPECT_EQ(IdleSeconds(access, kNow + 5'000), 5);
  EXPECT_EQ(IdleSeconds(access, kNow + (int64_t{1} << 24) * 1000 + 7'000), 7);
  Random random(1);
  EXPECT_EQ(IdleSeconds(NextAccess({}, access, kNow + 5'000, random), kNow + 5'000), 0);
}

TEST(AccessClockTest, FrequencyGrowsSlowerAndSlower) {
  const AccessPolicy policy{.lfu = true};
  Random random(1);
  uint32_t access = FirstAccess(policy, kNow);
  EXPECT_EQ(UseFrequency(policy, access, kNow), 5);
  access = NextAccess(policy, access, kNow, random);
  EXPECT_EQ(UseFrequency(policy, access, kNow), 6);
  for (int i = 0; i < 100; ++i) access = NextAccess(policy, access, kNow, random);
  const int64_t after_hundred = UseFrequency(policy, access, kNow);
  EXPECT_GT(after_hundred, 6);
  EXPECT_LT(after_hundred, 20);
  for (int i = 0; i < 1'000'000; ++i) access = NextAccess(policy, access, kNow, random);
  EXPECT_GT(UseFrequency(policy, access, kNow), 200);
  EXPECT_LE(UseFrequency(policy, access, kNow), 255);
}

TEST(AccessClockTest, FrequencyDecaysByTheMinute) {
  AccessPolicy policy{.lfu = true, .lfu_log_factor = 0};
  Random random(1);
  uint32_t access = FirstAccess(policy, kNow);
  for (int i = 0; i < 1000; ++i) access = NextAccess(policy, access, kNow, random);
  EXPECT_EQ(UseFrequency(policy, access, kNow), 255);
  EXPECT_EQ(UseFrequency(policy, access, kNow + 10 * kMinute), 245);
  EXPECT_EQ(UseFrequency(policy, access, kNow + 1000 * kMinute), 0);
  policy.lfu_decay_minutes = 5;
  EXPECT_EQ(UseFrequency(policy, access, kNow + 10 * kMinute), 253);
  policy.lfu_decay_minutes = 0;
  EXPECT_EQ(UseFrequency(policy, access, kNow + 10 * kMinute), 255);
}

}  // namespace
}  // namespace keyway::shard::keyspace
