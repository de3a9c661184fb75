// LATENCY: the worst times of what may hold the server up, by event ("command", "eviction-cycle"),
// a sample a second at most, and what to make of them
// (https://redis.io/docs/management/optimization/latency-monitor).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace keyway::shard {

struct ShardConfig;

struct LatencySample {
  int64_t seconds = 0;  // Unix time; 0: none
  uint32_t millis = 0;
};

// The last 160 samples of one event.
class LatencySeries {
 public:
  static constexpr size_t kCapacity = 160;

  // A second sample of the same second replaces the first if it is longer.
  void Add(LatencySample sample);

  uint32_t max() const { return max_; }  // of all that were added
  const LatencySample& latest() const { return samples_[(next_ + kCapacity - 1) % kCapacity]; }
  // From the oldest to the latest.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t i = 0; i < kCapacity; ++i) {
      const LatencySample& sample = samples_[(next_ + i) % kCapacity];
      if (sample.seconds != 0) visit(sample);
    }
  }

 private:
  std::array<LatencySample, kCapacity> samples_ = {};
  size_t next_ = 0;
  uint32_t max_ = 0;
};

class LatencyMonitor {
 public:
  // Both outlive the object.
  LatencyMonitor(const Clock& clock, const ShardConfig& config);

  // latency-monitor-threshold is set: without it nobody needs to measure.
  bool enabled() const;
  // Keeps the event if it took at least the threshold. `event` is one of a few names of the
  // program.
  void Add(std::string_view event, int64_t micros);

  using AllSeries = std::map<std::string, LatencySeries, std::less<>>;
  const AllSeries& series() const { return series_; }
  // nullptr when there is no sample.
  const LatencySeries* Find(std::string_view event) const;
  // Whether there was one.
  bool Reset(std::string_view event);
  size_t ResetAll();

  // LATENCY GRAPH: four rows of characters, a column a sample, under each how long ago it was.
  std::string Graph(std::string_view event, const LatencySeries& series) const;
  // LATENCY DOCTOR.
  std::string Report() const;

 private:
  const Clock& clock_;
  const ShardConfig& config_;
  AllSeries series_;
};

}  // namespace keyway::shard
