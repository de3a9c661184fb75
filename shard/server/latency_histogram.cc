#include "shard/server/latency_histogram.h"

#include <algorithm>
#include <cstdio>

namespace keyway::shard {

uint64_t LatencyHistogram::HighestIn(size_t index) {
  constexpr size_t kLinear = size_t{1} << (kHalfBits + 1);
  if (index < kLinear) return index;
  const size_t shift = (index >> kHalfBits) - 1;
  const uint64_t base = (index & ((1u << kHalfBits) - 1)) + (1u << kHalfBits);
  return ((base + 1) << shift) - 1;
}

uint64_t LatencyHistogram::AtPercentile(double percent) const {
  if (total_ == 0) return 0;
  const double wanted = std::clamp(percent, 0.0, 100.0) / 100.0 * static_cast<double>(total_);
  const uint64_t rank = std::max<uint64_t>(1, static_cast<uint64_t>(wanted + 0.5));
  uint64_t seen = 0;
  for (size_t index = 0; index < counts_.size(); ++index) {
    seen += counts_[index];
    if (seen >= rank) return HighestIn(index);
  }
  return kMaxNanos;
}

std::string PercentileName(double percent) {
  char text[32];
  std::snprintf(text, sizeof(text), "p%f", percent);
  std::string name = text;
  name.erase(name.find_last_not_of('0') + 1);
  if (name.back() == '.') name.pop_back();
  return name;
}

}  // namespace keyway::shard
