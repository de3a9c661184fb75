// Puts what an RDB file holds into the keyspace and the script engine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/rdb/file_reader.h"
#include "shard/server/command_context.h"
#include "shard/server/persistence.h"

namespace keyway::shard::persistence {

// Where in whose replication stream a data set was saved, as the aux fields repl-id, repl-offset and
// repl-stream-db say.
struct DatasetOrigin {
  std::string id;       // 40 digits; empty: not said
  int64_t offset = -1;  // of the last byte of the stream whose effect it holds; -1: not said
  int database = -1;    // that the stream has selected; -1: not said
};

struct DatasetLoadOptions {
  // Keys that have expired are not loaded: not in the base of an append-only file, whose commands
  // may refer to them.
  bool keep_expired = false;
  bool replace = false;  // a key that is there already is replaced; else it is an error
  // Now and then, with how many bytes have been read.
  std::function<void(uint64_t bytes)> progress;
  // A key has expired and was not loaded.
  std::function<void(int database, std::string_view key)> on_expired;
  // Instead of those of the keyspace, to load beside them.
  keyspace::Keyspace::Spare* databases = nullptr;
  // Instead of the script engine gets the code of libraries.
  std::function<Status(std::string_view code)> library;
  // Set by somebody else, while progress is being told: ends the loading with the error kLoadingStopped.
  const bool* stop = nullptr;
};

inline constexpr char kLoadingStopped[] = "stopped";

struct DatasetLoadResult {
  uint64_t bytes = 0;  // of the RDB part; behind it there may be more
  uint64_t keys_loaded = 0;
  uint64_t keys_expired = 0;
  DatasetOrigin origin;
};

// Why data of a database that this server does not have ends the start, as redis-server says it.
std::string TooManyDatabases(const Services& services);

// `bytes`: the file, from its begin. Nobody is told of the keys (no keyspace events, no effects),
// and they count as no changes. The error says what is wrong and where; what was loaded until then
// is there.
Expected<DatasetLoadResult, rdb::FileReadError> LoadDataset(std::string_view bytes,
                                                            Services& services,
                                                            PersistenceStatus& status,
                                                            const DatasetLoadOptions& options);

}  // namespace keyway::shard::persistence
