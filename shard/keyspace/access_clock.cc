#include "shard/keyspace/access_clock.h"

#include <algorithm>

namespace keyway::shard::keyspace {
namespace {

constexpr uint32_t kClockMask = 0xffffff;
constexpr uint32_t kMinuteMask = 0xffff;
constexpr int64_t kFirstCounter = 5;
constexpr int64_t kMaxCounter = 255;

uint32_t Seconds(int64_t now_ms) {
  return static_cast<uint32_t>(now_ms / 1000) & kClockMask;
}

uint32_t Minutes(int64_t now_ms) {
  return static_cast<uint32_t>(now_ms / 60000) & kMinuteMask;
}

uint32_t MinuteAndCounter(int64_t now_ms, int64_t counter) {
  return Minutes(now_ms) << 8 | static_cast<uint32_t>(counter);
}

// The higher the counter, the less likely it grows, so that 8 bits tell a thousand uses from a
// million.
bool CounterGrows(const AccessPolicy& policy, int64_t counter, Random& random) {
  if (counter >= kMaxCounter) return false;
  const int64_t above_first = std::max<int64_t>(0, counter - kFirstCounter);
  const double probability =
      1.0 / (static_cast<double>(above_first) * static_cast<double>(policy.lfu_log_factor) + 1);
  constexpr double kRange = 1 << 30;
  return static_cast<double>(random.Below(1 << 30)) < probability * kRange;
}

}  // namespace

uint32_t FirstAccess(const AccessPolicy& policy, int64_t now_ms) {
  return policy.lfu ? MinuteAndCounter(now_ms, kFirstCounter) : Seconds(now_ms);
}

uint32_t NextAccess(const AccessPolicy& policy, uint32_t access, int64_t now_ms, Random& random) {
  if (!policy.lfu) return Seconds(now_ms);
  int64_t counter = UseFrequency(policy, access, now_ms);
  if (CounterGrows(policy, counter, random)) ++counter;
  return MinuteAndCounter(now_ms, counter);
}

std::optional<uint32_t> RestoredAccess(const AccessPolicy& policy, int64_t idle_seconds,
                                       int64_t frequency, int64_t now_ms) {
  if (policy.lfu) {
    if (frequency < 0) return std::nullopt;
    return MinuteAndCounter(now_ms, std::min(frequency, kMaxCounter));
  }
  if (idle_seconds < 0) return std::nullopt;
  return (Seconds(now_ms) - static_cast<uint32_t>(idle_seconds)) & kClockMask;
}

int64_t IdleSeconds(uint32_t access, int64_t now_ms) {
  return (Seconds(now_ms) - access) & kClockMask;
}

int64_t UseFrequency(const AccessPolicy& policy, uint32_t access, int64_t now_ms) {
  const auto counter = static_cast<int64_t>(access & 0xff);
  if (policy.lfu_decay_minutes <= 0) return counter;
  const int64_t minutes = (Minutes(now_ms) - (access >> 8)) & kMinuteMask;
  return std::max<int64_t>(0, counter - minutes / policy.lfu_decay_minutes);
}

}  // namespace keyway::shard::keyspace
