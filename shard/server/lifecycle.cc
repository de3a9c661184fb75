#include "shard/server/lifecycle.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "common/log/log.h"

namespace keyway::shard {

Lifecycle::Lifecycle(const Clock& clock, Random& random, std::string executable)
    : clock_(clock),
      identity_{std::move(executable), random.Hex(40)},
      start_wall_micros_(clock.WallMicros()),
      start_monotonic_micros_(clock.MonotonicMicros()) {}

int64_t Lifecycle::UptimeSeconds() const {
  return (clock_.MonotonicMicros() - start_monotonic_micros_) / 1'000'000;
}

Lifecycle::ShutdownOutcome Lifecycle::Shutdown(const ShutdownOptions& options) {
  if (shutdown_requested_) return ShutdownOutcome::kEnds;
  if (shutdown_waits_) return ShutdownOutcome::kWaits;
  KEYWAY_WARNING() << "User requested shutdown...";
  shutdown_options_ = options;
  shutdown_waits_ = shutdown_steps_.wait && shutdown_steps_.wait(options);
  return shutdown_waits_ ? ShutdownOutcome::kWaits : FinishShutdown();
}

Lifecycle::ShutdownOutcome Lifecycle::FinishShutdown() {
  if (shutdown_requested_) return ShutdownOutcome::kEnds;
  shutdown_waits_ = false;
  shutdown_requested_ = !shutdown_steps_.prepare || shutdown_steps_.prepare(shutdown_options_);
  if (shutdown_requested_) return ShutdownOutcome::kEnds;
  KEYWAY_WARNING()
      << "Errors trying to shut down the server. Check the logs for more information.";
  if (shutdown_steps_.cancel) shutdown_steps_.cancel();
  return ShutdownOutcome::kFails;
}

bool Lifecycle::AbortShutdown() {
  if (std::exchange(shutdown_waits_, false)) {
    if (shutdown_steps_.cancel) shutdown_steps_.cancel();
    return true;
  }
  return std::exchange(shutdown_scheduled_, false);
}

bool Lifecycle::MayRestart() const {
  if (!arguments_.empty() && access(identity_.executable.c_str(), X_OK) == 0) return true;
  KEYWAY_WARNING() << "Can't restart: this process has no permissions to execute "
                   << identity_.executable;
  return false;
}

void Lifecycle::Restart(int64_t delay_ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
  std::vector<char*> arguments;
  arguments.reserve(arguments_.size() + 1);
  for (std::string& argument : arguments_) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  // The new process opens its own listeners; standard input, output and error stay.
  close_range(STDERR_FILENO + 1, ~0u, 0);
  execv(identity_.executable.c_str(), arguments.data());
  // Nothing is left of this one that could serve.
  _exit(1);
}

}  // namespace keyway::shard
