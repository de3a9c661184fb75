// How long the calls of one command took, for INFO latencystats.
//
// Log-linear buckets with two significant digits, as the HDR histogram that Redis 7.0 uses for the
// same purpose: values up to 255 ns have a bucket each, every doubling above has 128 buckets. What
// is printed is the highest value of the bucket, so that figures compare with Redis's.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>

namespace keyway::shard {

class LatencyHistogram {
 public:
  static constexpr uint64_t kMaxNanos = 1'000'000'000;  // longer calls count as one second

  void Record(uint64_t nanos) {
    ++counts_[IndexOf(nanos < 1 ? 1 : nanos > kMaxNanos ? kMaxNanos : nanos)];
    ++total_;
  }

  uint64_t total() const { return total_; }
  // The value, in nanoseconds, that `percent` (0 to 100) of the calls did not exceed; 0 without
  // calls.
  uint64_t AtPercentile(double percent) const;

  // The calls counted up to powers of two of nanoseconds, from 1024 on, as LATENCY HISTOGRAM shows
  // them: calls visit(upper bound in whole microseconds, calls up to it) where there are more than
  // below the power before.
  template <typename Visit>
  void ForEachPower(Visit visit) const {
    uint64_t seen = 0;
    uint64_t shown = 0;
    uint64_t power = 1024;
    for (size_t index = 0; index < kBuckets; ++index) {
      seen += counts_[index];
      const uint64_t highest = HighestIn(index);
      if (highest < power && index + 1 < kBuckets) continue;
      if (seen > shown) visit(highest / 1000, seen);
      shown = seen;
      power *= 2;
    }
  }

 private:
  static constexpr int kHalfBits = 7;  // 128 buckets a doubling
  static constexpr int kDoublings = 30 - kHalfBits;
  static constexpr size_t kBuckets = (kDoublings + 1) << kHalfBits;

  static size_t IndexOf(uint64_t value) {
    const int shift = std::bit_width(value | ((1u << (kHalfBits + 1)) - 1)) - (kHalfBits + 1);
    return (static_cast<size_t>(shift) << kHalfBits) + static_cast<size_t>(value >> shift);
  }
  static uint64_t HighestIn(size_t index);

  std::array<uint64_t, kBuckets> counts_ = {};
  uint64_t total_ = 0;
};

// "p99.9": how INFO names a percentile.
std::string PercentileName(double percent);

}  // namespace keyway::shard
