#include "common/base/clock.h"

#include <ctime>

namespace keyway {
namespace {

int64_t Read(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

const SystemClock& SystemClock::Instance() {
  static const SystemClock clock;
  return clock;
}

int64_t SystemClock::MonotonicMicros() const { return Read(CLOCK_MONOTONIC); }

int64_t SystemClock::WallMicros() const { return Read(CLOCK_REALTIME); }

}  // namespace keyway
