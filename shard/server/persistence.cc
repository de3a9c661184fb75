#include "shard/server/persistence.h"

#include "shard/config/shard_config.h"

namespace keyway::shard {

std::string Persistence::RefusalOf(const ShardConfig& config, bool script) const {
  if (config.stop_writes_on_bgsave_error && !config.save.empty() && !status_.last_bgsave_ok) {
    if (script) {
      return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to "
             "persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only "
             "scripts.";
    }
    return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to "
           "persist to disk. Commands that may modify the data set are disabled, because this "
           "instance is configured to report errors during writes if RDB snapshotting fails "
           "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about "
           "the RDB error.";
  }
  if (status_.aof_on && !status_.aof_last_write_ok) {
    if (script) {
      return "MISCONF Redis is configured to persist data to AOF, but it's currently unable to "
             "persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only "
             "scripts. AOF error: " +
             status_.aof_last_write_error;
    }
    return "MISCONF Errors writing to the AOF file: " + status_.aof_last_write_error;
  }
  return {};
}

}  // namespace keyway::shard
