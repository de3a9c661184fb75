#include "shard/server/stats.h"

#include <gtest/gtest.h>

#include <string>

#include "shard/server/memory_usage.h"

namespace keyway::shard {
namespace {

TEST(Rate, IsTheMeanOfTheLastSamples) {
  Rate rate;
  int64_t now = 1'000'000;
  uint64_t count = 5000;
  rate.Sample(count, now);  // the first has nothing to compare with
  EXPECT_EQ(rate.PerSecond(), 0u);
  for (int i = 0; i < 16; ++i) rate.Sample(count += 10, now += 100'000);
  EXPECT_EQ(rate.PerSecond(), 100u);
  for (int i = 0; i < 8; ++i) rate.Sample(count, now += 100'000);
  EXPECT_EQ(rate.PerSecond(), 50u);
}

TEST(Rate, SurvivesACounterThatIsReset) {
  Rate rate;
  rate.Sample(1000, 1'000'000);
  rate.Sample(0, 1'100'000);
  rate.Sample(16, 2'100'000);
  EXPECT_EQ(rate.PerSecond(), 1u);
  rate.Sample(16, 2'100'000);  // no time has passed
  EXPECT_EQ(rate.PerSecond(), 1u);
}

TEST(RecentMax, ForgetsAfterTwoRotations) {
  RecentMax recent;
  recent.Add(10);
  recent.Add(5);
  EXPECT_EQ(recent.value(), 10u);
  recent.Rotate();
  EXPECT_EQ(recent.value(), 10u);
  recent.Rotate();
  EXPECT_EQ(recent.value(), 0u);
}

TEST(ServerStats, CountsCalls) {
  ServerStats stats;
  stats.CountCall(3, 7, true);
  stats.CountCall(3, 9, false);
  EXPECT_EQ(stats.command(3).calls, 2u);
  EXPECT_EQ(stats.command(3).micros, 16u);
  EXPECT_EQ(stats.command(3).latency->total(), 1u);
  EXPECT_EQ(stats.counters.commands_processed, 2u);
  EXPECT_TRUE(stats.command(3).used());
  EXPECT_FALSE(stats.command(4).used());
}

TEST(ServerStats, ErrorCodesAreBounded) {
  ServerStats stats;
  for (int i = 0; i < 1000; ++i) stats.CountError("CODE" + std::to_string(i));
  stats.CountError("CODE0");
  EXPECT_EQ(stats.errors().size(), ServerStats::kMaxErrorCodes);
  EXPECT_EQ(stats.errors().find("CODE0")->second, 2u);
  EXPECT_EQ(stats.counters.error_replies, 1001u);
}

TEST(ServerStats, ResetKeepsWhatTotalsAreComparedWith) {
  ServerStats stats;
  stats.CountCall(1, 1, true);
  stats.CountError("ERR");
  stats.counters.input_bytes_closed = 5;
  stats.counters.output_bytes_before_reset = 6;
  stats.counters.connections_received = 7;
  stats.Reset();
  EXPECT_FALSE(stats.command(1).used());
  EXPECT_EQ(stats.command(1).latency, nullptr);
  EXPECT_TRUE(stats.errors().empty());
  EXPECT_EQ(stats.counters.connections_received, 0u);
  EXPECT_EQ(stats.counters.input_bytes_closed, 5u);
  EXPECT_EQ(stats.counters.output_bytes_before_reset, 6u);
}

TEST(MemoryUsage, SeesAllocations) {
  const MemoryUsage before = ReadMemoryUsage();
  const std::string big(64 << 20, 'x');
  const MemoryUsage after = ReadMemoryUsage();
  EXPECT_GE(after.allocated, before.allocated);
  EXPECT_GT(ReadResidentBytes(), big.size());
  EXPECT_GT(TotalSystemMemory(), big.size());
  EXPECT_FALSE(AllocatorName().empty());
}

}  // namespace
}  // namespace keyway::shard
