// HyperLogLogs at keys: strings whose bytes are common/hyperloglog's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "common/hyperloglog/hyperloglog.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/key.h"

namespace keyway::shard::types {

enum class HyperLogLogError : uint8_t {
  kWrongType,  // not a string
  kNotOne,     // a string, but no HyperLogLog
  kCorrupted,  // it looks like one, but its registers do not make sense
};

// A string that is a HyperLogLog, to be changed: made if it is not there and `create` says so.
// PFADD: whether something has changed. `sparse_limit` is hll-sparse-max-bytes.
Expected<bool, HyperLogLogError> AddToHyperLogLog(keyspace::Database& database,
                                                  const keyspace::Key& key,
                                                  std::span<const std::string_view> elements,
                                                  size_t sparse_limit, int64_t now_ms);
// PFCOUNT of one key, which keeps the result in it.
Expected<uint64_t, HyperLogLogError> CountHyperLogLog(keyspace::Database& database,
                                                      const keyspace::Key& key, int64_t now_ms);
// PFCOUNT of several.
Expected<uint64_t, HyperLogLogError> CountHyperLogLogs(keyspace::Database& database,
                                                       std::span<const std::string_view> keys,
                                                       int64_t now_ms);
// PFMERGE: `keys` are the target and the sources.
Expected<void, HyperLogLogError> MergeHyperLogLogs(keyspace::Database& database,
                                                   std::span<const std::string_view> keys,
                                                   size_t sparse_limit, int64_t now_ms);
// PFDEBUG: what `key` holds as bytes, made dense if it should be.
// kNotOne too when there is no such key: the caller has looked.
Expected<std::string, HyperLogLogError> LoadHyperLogLog(keyspace::Database& database,
                                                        const keyspace::Key& key, bool make_dense,
                                                        int64_t now_ms);

}  // namespace keyway::shard::types
