// The life of the process: who it is, since when, and how it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"

namespace keyway::shard {

// Of Redis 7.0's protocol and formats; what clients and tools decide on.
inline constexpr char kRedisVersion[] = "7.0.15";
inline constexpr char kKeywayVersion[] = "0.1.0";

// What a process is from start to end.
struct Identity {
  std::string executable;      // absolute path
  std::string run_id;          // 40 hexadecimal digits, new at every start
};

class Lifecycle {
 public:
  Lifecycle(const Clock& clock, Random& random, std::string executable);

  const Identity& identity() const { return identity_; }
  int64_t start_wall_micros() const { return start_wall_micros_; }
  int64_t UptimeSeconds() const;

  // Who watches over the process, as INFO names it: "no", "upstart" or "systemd".
  const std::string& supervisor() const { return supervisor_; }
  void set_supervisor(std::string_view supervisor) { supervisor_ = supervisor; }

  // DEBUG SET-ACTIVE-EXPIRE.
  bool active_expire() const { return active_expire_; }
  void set_active_expire(bool on) { active_expire_ = on; }
  // DEBUG PAUSE-CRON.
  bool cron_paused() const { return cron_paused_; }
  void set_cron_paused(bool paused) { cron_paused_ = paused; }
  // DEBUG SET-SKIP-CHECKSUM-VALIDATION: RESTORE takes a payload with a wrong checksum.
  bool skip_checksum() const { return skip_checksum_; }
  void set_skip_checksum(bool skip) { skip_checksum_ = skip; }

  // How the process is to end: the words of SHUTDOWN.
  struct ShutdownOptions {
    bool save = false;    // the RDB file is written, whether there are save points or not
    bool nosave = false;  // it is not
    bool now = false;     // without waiting for replicas
    bool force = false;   // whatever fails
  };
  enum class ShutdownOutcome : uint8_t {
    kEnds,   // no request is executed any more, the process ends after the current pass of the loop
    kWaits,  // for replicas that lag; then FinishShutdown is called
    kFails,  // what was to be written could not be, the reason is in the log, the server goes on
  };
  // Makes ready for the end. While it waits and once it has come further calls change nothing.
  ShutdownOutcome Shutdown(const ShutdownOptions& options);
  // The wait is over: the replicas have everything, or are waited for no longer.
  ShutdownOutcome FinishShutdown();
  bool shutdown_requested() const { return shutdown_requested_; }
  bool shutdown_waits() const { return shutdown_waits_; }
  // Until when it waits; monotonic.
  int64_t shutdown_deadline_micros() const { return shutdown_deadline_micros_; }
  void set_shutdown_deadline_micros(int64_t micros) { shutdown_deadline_micros_ = micros; }
  // The end is wanted and has to wait for a script: until somebody calls Shutdown.
  void ScheduleShutdown() { shutdown_scheduled_ = true; }
  bool shutdown_scheduled() const { return shutdown_scheduled_; }
  // SHUTDOWN ABORT takes back a shutdown that is scheduled or waits. False: there is none to abort.
  bool AbortShutdown();

  // The command line, for Restart.
  void set_arguments(std::vector<std::string> arguments) { arguments_ = std::move(arguments); }
  // DEBUG RESTART: whether Restart can work; if not, the reason is in the log.
  bool MayRestart() const;
  // After the delay the process becomes a new one of the same program and command line.
  [[noreturn]] void Restart(int64_t delay_ms);

  // What is done for it; each may be empty.
  struct ShutdownSteps {
    // Whether replicas have to be waited for: whoever says so calls FinishShutdown later.
    std::function<bool(const ShutdownOptions& options)> wait;
    // All that can fail. Whether the process may end.
    std::function<bool(const ShutdownOptions& options)> prepare;
    // It does not end after all.
    std::function<void()> cancel;
  };
  void set_shutdown_steps(ShutdownSteps steps) { shutdown_steps_ = std::move(steps); }

 private:
  const Clock& clock_;
  Identity identity_;
  int64_t start_wall_micros_;
  int64_t start_monotonic_micros_;
  std::string supervisor_ = "no";
  std::vector<std::string> arguments_;
  bool active_expire_ = true;
  bool cron_paused_ = false;
  bool skip_checksum_ = false;
  bool shutdown_requested_ = false;
  bool shutdown_scheduled_ = false;
  bool shutdown_waits_ = false;
  int64_t shutdown_deadline_micros_ = 0;
  ShutdownOptions shutdown_options_;
  ShutdownSteps shutdown_steps_;
};

}  // namespace keyway::shard
