#include "shard/server/latency_histogram.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace keyway::shard {
namespace {

TEST(LatencyHistogram, EmptyIsZero) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.AtPercentile(50), 0u);
  EXPECT_EQ(histogram.total(), 0u);
}

// As redis-server 7.0.15 prints them: 1 us shows as 1.003, 5 us as 5.023, 74 us as 74.239.
TEST(LatencyHistogram, PrintsTheHighestValueOfABucketAsRedisDoes) {
  const struct {
    uint64_t nanos;
    uint64_t shown;
  } cases[] = {{0, 1},           {1, 1},          {255, 255},     {256, 257},     {1000, 1003},
               {2000, 2007},     {3000, 3007},    {5000, 5023},   {6000, 6015},   {8000, 8031},
               {9000, 9023},     {10000, 10047},  {58000, 58111}, {74000, 74239}, {91000, 91135},
               {173000, 173055}, {184000, 184319}};
  for (const auto& [nanos, shown] : cases) {
    LatencyHistogram histogram;
    histogram.Record(nanos);
    EXPECT_EQ(histogram.AtPercentile(50), shown) << nanos;
    EXPECT_EQ(histogram.AtPercentile(99.9), shown) << nanos;
  }
}

TEST(LatencyHistogram, EveryBucketHoldsItsValues) {
  for (uint64_t value = 1; value < LatencyHistogram::kMaxNanos; value += value / 50 + 1) {
    LatencyHistogram histogram;
    histogram.Record(value);
    EXPECT_GE(histogram.AtPercentile(100), value);
    EXPECT_LE(histogram.AtPercentile(100), value + value / 127 + 1);
  }
}

TEST(LatencyHistogram, Percentiles) {
  LatencyHistogram histogram;
  for (uint64_t i = 1; i <= 200; ++i) histogram.Record(i);
  EXPECT_EQ(histogram.AtPercentile(0), 1u);
  EXPECT_EQ(histogram.AtPercentile(50), 100u);
  EXPECT_EQ(histogram.AtPercentile(99), 198u);
  EXPECT_EQ(histogram.AtPercentile(100), 200u);
  EXPECT_EQ(histogram.AtPercentile(1000), 200u);
}

TEST(LatencyHistogram, LongCallsCountAsOneSecond) {
  LatencyHistogram histogram;
  histogram.Record(UINT64_MAX);
  EXPECT_GE(histogram.AtPercentile(50), LatencyHistogram::kMaxNanos);
  EXPECT_LT(histogram.AtPercentile(50), 2 * LatencyHistogram::kMaxNanos);
}

TEST(LatencyHistogram, CountsUpToPowersOfTwo) {
  LatencyHistogram histogram;
  for (const uint64_t micros : {0, 1, 3, 3, 30, 700'000, 5'000'000}) {
    histogram.Record(micros * 1000);
  }
  std::vector<std::pair<uint64_t, uint64_t>> powers;
  histogram.ForEachPower([&](uint64_t micros, uint64_t calls) { powers.emplace_back(micros, calls); });
  // As LATENCY HISTOGRAM of redis-server 7.0.15 names them.
  const std::vector<std::pair<uint64_t, uint64_t>> expected = {
      {1, 2}, {4, 4}, {33, 5}, {1'073'741, 7}};
  EXPECT_EQ(powers, expected);
}

TEST(PercentileName, LeavesOutWhatIsZero) {
  EXPECT_EQ(PercentileName(50), "p50");
  EXPECT_EQ(PercentileName(99.9), "p99.9");
  EXPECT_EQ(PercentileName(99.99), "p99.99");
  EXPECT_EQ(PercentileName(100), "p100");
  EXPECT_EQ(PercentileName(0), "p0");
}

}  // namespace
}  // namespace keyway::shard
