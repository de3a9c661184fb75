#include "shard/server/lifecycle.h"

#include "common/log/log.h"

namespace keyway::shard {

Lifecycle::Lifecycle(const Clock& clock, Random& random, std::string executable)
    : clock_(clock),
      identity_{std::move(executable), random.Hex(40), random.Hex(40)},
      start_wall_micros_(clock.WallMicros()),
      start_monotonic_micros_(clock.MonotonicMicros()) {}

int64_t Lifecycle::UptimeSeconds() const {
  return (clock_.MonotonicMicros() - start_monotonic_micros_) / 1'000'000;
}

void Lifecycle::RequestShutdown(std::string_view reason) {
  if (shutdown_requested_) return;
  shutdown_requested_ = true;
  KEYWAY_WARNING() << reason;
  if (on_shutdown_) on_shutdown_();
}

}  // namespace keyway::shard
