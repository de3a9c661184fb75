// What the server around it has to know of persistence: what it refuses meanwhile, what commands
// ask for, what INFO shows. How it is done is in shard/persistence.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/expected.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

// For INFO, metrics and the decisions of Redis 7.0 that depend on these. Each field is written by the
// part of shard/persistence that knows it, on the server's thread.
struct PersistenceStatus {
  // --- A file is being loaded (loading/).
  bool loading = false;
  // One is being loaded beside the data set, which is served meanwhile (repl-diskless-load swapdb):
  // `loading` is false then, what follows is about that file, and commands with
  // command::kNoAsyncLoading are refused.
  bool async_loading = false;
  int64_t loading_start_seconds = 0;  // wall clock
  uint64_t loading_total_bytes = 0;   // of all files that are to be loaded
  uint64_t loading_loaded_bytes = 0;
  uint64_t loading_rdb_used_memory = 0;  // as the RDB file says of its writer
  // Of the last RDB file.
  uint64_t last_load_keys_expired = 0;
  uint64_t last_load_keys_loaded = 0;

  // --- A child process (child/).
  int64_t latest_fork_micros = 0;
  uint64_t total_forks = 0;
  // Of the one that runs, as it told last; zeros when there is none.
  uint64_t child_cow_peak = 0;  // bytes
  uint64_t child_cow_size = 0;
  int64_t child_cow_measured_micros = 0;  // when: monotonic clock; 0: not yet
  uint64_t child_keys_processed = 0;
  uint64_t child_keys_total = 0;

  // --- RDB (snapshot/).
  uint64_t changes_at_last_save = 0;    // Keyspace::changes() then
  int64_t last_save_seconds = 0;        // wall clock; at first the start
  int64_t last_bgsave_try_seconds = 0;  // wall clock
  bool last_bgsave_ok = true;
  int64_t last_bgsave_took_seconds = -1;
  int64_t bgsave_started_seconds = -1;  // wall clock; -1: none runs
  bool bgsave_scheduled = false;
  uint64_t saves = 0;
  uint64_t last_bgsave_cow_bytes = 0;

  // --- AOF (aof/).
  bool aof_on = false;  // on, or waiting for its first rewrite
  bool aof_waits_for_rewrite = false;
  bool aof_rewrite_scheduled = false;
  int64_t aof_rewrite_started_seconds = -1;  // wall clock; -1: none runs
  int64_t aof_last_rewrite_took_seconds = -1;
  bool aof_last_rewrite_ok = true;
  uint64_t aof_rewrites = 0;
  uint64_t aof_rewrites_failed_in_a_row = 0;
  uint64_t aof_last_cow_bytes = 0;
  bool aof_last_write_ok = true;
  std::string aof_last_write_error;  // "No space left on device"
  uint64_t aof_current_size = 0;     // base and incremental files
  uint64_t aof_base_size = 0;        // aof_current_size after the last rewrite or at the start
  uint64_t aof_buffer_bytes = 0;     // not written yet
  uint64_t aof_pending_fsyncs = 0;   // on the side thread
  uint64_t aof_delayed_fsyncs = 0;
};

class Persistence {
 public:
  virtual ~Persistence() = default;

  const PersistenceStatus& status() const { return status_; }
  // A data set is being loaded: commands without command::kLoading are refused with kLoadingError.
  bool loading() const { return status_.loading; }
  bool async_loading() const { return status_.async_loading; }
  static constexpr char kLoadingError[] = "LOADING Redis is loading the dataset in memory";
  // Why commands that write, and PING, are refused now (stop-writes-on-bgsave-error, an append-only
  // file that cannot be written); empty: they are not. Asked before each write.
  std::string WriteRefusal(const ShardConfig& config) const {
    return disk_works() ? std::string() : RefusalOf(config, /*script=*/false);
  }
  // The same for a script that declares that it writes, before it begins.
  std::string ScriptRefusal(const ShardConfig& config) const {
    return disk_works() ? std::string() : RefusalOf(config, /*script=*/true);
  }

  // SAVE. The error is what the client gets, with its code.
  virtual Status Save() = 0;
  // BGSAVE [SCHEDULE] and BGREWRITEAOF: whether it runs already or will, once another child has
  // ended. The error is what the client gets.
  enum class Begun : uint8_t { kNow, kScheduled };
  virtual Expected<Begun> SaveInBackground(bool schedule) = 0;
  virtual Expected<Begun> RewriteInBackground() = 0;

  // DEBUG RELOAD, DEBUG LOADAOF: the loop does not turn meanwhile. The error is what the client
  // gets; the data set may be gone by then.
  struct ReloadOptions {
    bool save = true;    // not NOSAVE
    bool flush = true;   // not NOFLUSH
    bool merge = false;  // MERGE: a key that is there is replaced, and is no error
  };
  virtual Status Reload(const ReloadOptions& options) = 0;
  virtual Status LoadAof() = 0;
  // DEBUG AOF-FLUSH-SLEEP: so long does the server sleep before it writes to the append-only file.
  virtual void SetAofFlushDelay(int64_t micros) = 0;

  // FLUSHALL has emptied all databases: a child that saves what was there ends, and with save points
  // the RDB file is written anew.
  virtual void AfterFlushAll() = 0;
  // CONFIG RESETSTAT.
  virtual void ResetStats() {
    status_.latest_fork_micros = 0;
    status_.total_forks = 0;
    status_.saves = 0;
    status_.aof_rewrites = 0;
    status_.aof_delayed_fsyncs = 0;
  }

  // The process is about to end: ends children, writes and syncs the AOF, saves if asked for (kAuto:
  // if there are save points). False: that has failed, the reason is in the log, and the server has
  // to go on, unless it is forced to end. May be called again then.
  enum class SaveAtEnd : uint8_t { kAuto, kYes, kNo };
  virtual bool PrepareForEnd(SaveAtEnd save, bool force) = 0;
  // The end has come: from now on no change is written any more. After PrepareForEnd only.
  virtual void End() = 0;
  // `hz` times a second, whenever no command stands aside and nothing is loaded.
  virtual void Cron() = 0;

 protected:
  PersistenceStatus status_;

 private:
  bool disk_works() const { return status_.last_bgsave_ok && status_.aof_last_write_ok; }
  std::string RefusalOf(const ShardConfig& config, bool script) const;
};

}  // namespace keyway::shard
