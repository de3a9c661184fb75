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
  std::string replication_id;  // the same
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

  // DEBUG CHANGE-REPL-ID.
  void set_replication_id(std::string id) { identity_.replication_id = std::move(id); }
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
  // Makes ready for the end. True: no request is executed any more, the process ends after the
  // current pass of the loop. False: what was to be written could not be, the reason is in the log,
  // and the server goes on. Once it has returned true further calls change nothing.
  bool Shutdown(const ShutdownOptions& options);
  bool shutdown_requested() const { return shutdown_requested_; }
  // The end is wanted and has to wait for a script: until somebody calls Shutdown.
  void ScheduleShutdown() { shutdown_scheduled_ = true; }
  bool shutdown_scheduled() const { return shutdown_scheduled_; }
  // SHUTDOWN ABORT takes a scheduled shutdown back. One that was requested waits for nothing yet
  // (later: for replicas, a snapshot). False: there is none to abort.
  bool AbortShutdown() { return std::exchange(shutdown_scheduled_, false); }

  // The command line, for Restart.
  void set_arguments(std::vector<std::string> arguments) { arguments_ = std::move(arguments); }
  // DEBUG RESTART: whether Restart can work; if not, the reason is in the log.
  bool MayRestart() const;
  // After the delay the process becomes a new one of the same program and command line.
  [[noreturn]] void Restart(int64_t delay_ms);

  // `on_shutdown` is called inside Shutdown and returns what that returns.
  using OnShutdown = std::function<bool(const ShutdownOptions& options)>;
  void set_on_shutdown(OnShutdown on_shutdown) { on_shutdown_ = std::move(on_shutdown); }

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
  OnShutdown on_shutdown_;
};

}  // namespace keyway::shard
