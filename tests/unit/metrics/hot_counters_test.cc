#include "metrics/hot_counters.h"

#include <limits>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>

namespace keyway::metrics {
namespace {

TEST(HotCounters, SumsWhatThreadsCount) {
  HotCounters counters(10);
  EXPECT_EQ(0u, counters.Sum(3));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50'000; ++i) counters.Add(static_cast<size_t>(i % 10));
    });
  }
  uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t sum = counters.Sum(0);
    EXPECT_GE(sum, last);
    last = sum;
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < counters.size(); ++i) EXPECT_EQ(40'000u, counters.Sum(i));
}

TEST(HotCounters, KeepsTheCountsOfThreadsThatEnded) {
  HotCounter counter;
  for (int i = 0; i < 300; ++i) std::thread([&] { counter.Add(2); }).join();
  EXPECT_EQ(600u, counter.Sum());
}

TEST(HotCounters, CountsOnMoreThreadsThanPlaces) {
  constexpr int kThreads = internal::kThreadSlots + 20;
  HotCounter counter;
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      counter.Add();
      ++ready;
      while (ready < kThreads) std::this_thread::yield();
      for (int n = 0; n < 999; ++n) counter.Add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(1000u * kThreads, counter.Sum());
}

TEST(HotHistogram, PutsValuesIntoBuckets) {
  HotHistogram histogram({10, 20, 1000});
  for (const uint64_t value : {0u, 1u, 10u, 11u, 20u, 21u, 1000u, 1001u}) histogram.Observe(value);
  histogram.Observe(std::numeric_limits<uint32_t>::max());
  const HotHistogram::Snapshot snapshot = histogram.Read();
  EXPECT_EQ((std::vector<uint64_t>{3, 2, 2, 2}), snapshot.counts);
  EXPECT_EQ(9u, snapshot.count);
  EXPECT_EQ(uint64_t{2064} + std::numeric_limits<uint32_t>::max(), snapshot.sum_micros);
}

TEST(HotHistogram, AgreesWithTheDefinitionEverywhere) {
  HotHistogram histogram;
  const std::vector<uint64_t>& bounds = histogram.bounds_micros();
  std::vector<uint64_t> expected(bounds.size() + 1, 0);
  const auto observe = [&](uint64_t value) {
    histogram.Observe(value);
    size_t bucket = 0;
    while (bucket < bounds.size() && value > bounds[bucket]) ++bucket;
    ++expected[bucket];
  };
  for (uint64_t value = 0; value < 3000; ++value) observe(value);
  for (const uint64_t bound : bounds) {
    observe(bound - 1);
    observe(bound);
    observe(bound + 1);
  }
  for (int bit = 0; bit < 64; ++bit) observe(uint64_t{1} << bit);
  observe(std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(expected, histogram.Read().counts);
}

TEST(HotHistogramDeathTest, RefusesBoundsThatDoNotAscend) {
  EXPECT_DEATH(HotHistogram({1, 1}), "ascend");
}

}  // namespace
}  // namespace keyway::metrics
