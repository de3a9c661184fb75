// The data set as commands, for an append-only file without RDB preamble (aof-use-rdb-preamble no):
// those that Redis 7.0 writes (rewriteAppendOnlyFileRio), with at most 64 elements each.
//
//   file    = ["#TS:" seconds CR LF] *library *(SELECT *key)
//   library = FUNCTION LOAD code
//   key     = value [PEXPIREAT key ms]
//   value   = SET | 1*RPUSH | 1*SADD | 1*(ZADD score member ...) | 1*HMSET | stream
//   stream  = (1*XADD | XADD key MAXLEN 0 0-1 x y)
//             XSETID key id ENTRIESADDED number MAXDELETEDID id
//             *(XGROUP CREATE key group id ENTRIESREAD number
//               *(1*(XCLAIM key group consumer 0 id TIME ms RETRYCOUNT number JUSTID FORCE)
//                 | XGROUP CREATECONSUMER key group consumer))
#pragma once

#include <cstdint>
#include <functional>

#include "shard/persistence/files/file_system.h"
#include "shard/server/command_context.h"

namespace keyway::shard::persistence {

struct CommandWriteOptions {
  bool incremental_sync = false;  // aof-rewrite-incremental-fsync
  // After each key, with how many have been written so far; may be empty.
  std::function<void(uint64_t keys)> progress;
};

// All libraries and keys, those included that have expired. The file has got all bytes and is not
// synced. The error is the disk's.
FileStatus WriteDatasetAsCommands(File& file, Services& services,
                                  const CommandWriteOptions& options);

}  // namespace keyway::shard::persistence
