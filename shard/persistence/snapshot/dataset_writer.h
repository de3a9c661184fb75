// Writes the whole data set as RDB: what a writer says about itself, libraries of functions, all
// keys of all databases.
#pragma once

#include <cstdint>
#include <functional>

#include "shard/persistence/files/file_system.h"
#include "shard/server/command_context.h"

namespace keyway::shard::persistence {

struct DatasetWriteOptions {
  bool aof_base = false;  // is the base of an append-only file ("aof-base" is 1)
  // Syncs while it writes (rdb-save-incremental-fsync, aof-rewrite-incremental-fsync).
  bool incremental_sync = false;
  // After each key, with how many have been written so far; may be empty.
  std::function<void(uint64_t keys)> progress;
};

// In the server's process or in a child. Keys that have expired are written, too. The file has got
// all bytes and is not synced. The error is the disk's.
FileStatus WriteDataset(File& file, Services& services, const DatasetWriteOptions& options);

}  // namespace keyway::shard::persistence
