#include "shard/server/lifecycle.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

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

bool Lifecycle::Shutdown(const ShutdownOptions& options) {
  if (shutdown_requested_) return true;
  KEYWAY_WARNING() << "User requested shutdown...";
  shutdown_requested_ = !on_shutdown_ || on_shutdown_(options);
  if (!shutdown_requested_) {
    KEYWAY_WARNING()
        << "Errors trying to shut down the server. Check the logs for more information.";
  }
  return shutdown_requested_;
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
