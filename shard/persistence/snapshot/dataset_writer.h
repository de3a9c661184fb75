// Writes the whole data set as RDB: what a writer says about itself, libraries of functions, all
// keys of all databases.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "shard/persistence/files/file_system.h"
#include "shard/server/command_context.h"

namespace keyway::shard::persistence {

// Where the data set stands in a replication stream (repl-stream-db, repl-id, repl-offset): who loads
// it can go on from there.
struct StreamPlace {
  int database = 0;  // that the next command of the stream works on, unless it selects another
  std::string id;
  uint64_t offset = 0;
};

struct DatasetWriteOptions {
  bool aof_base = false;  // is the base of an append-only file ("aof-base" is 1)
  // Syncs while it writes (rdb-save-incremental-fsync, aof-rewrite-incremental-fsync).
  bool incremental_sync = false;
  std::optional<StreamPlace> place = {};  // none: it is part of no stream
  bool libraries = true;  // of functions
  bool keys = true;
  // After each key, with how many have been written so far; may be empty.
  std::function<void(uint64_t keys)> progress;
};

// In the server's process or in a child. Keys that have expired are written, too. The file has got
// all bytes and is not synced. The error is the disk's.
FileStatus WriteDataset(File& file, Services& services, const DatasetWriteOptions& options);

}  // namespace keyway::shard::persistence
