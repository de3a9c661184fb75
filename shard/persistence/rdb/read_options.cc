#include "shard/persistence/rdb/read_options.h"

#include "shard/config/shard_config.h"

namespace keyway::shard::rdb {
namespace {

// Negative: no limit.
uint64_t Limit(int64_t value) {
  return value < 0 ? UINT64_MAX : static_cast<uint64_t>(value);
}

}  // namespace

ReadOptions ReadOptionsOf(const ShardConfig& config) {
  return {.hash_max_listpack_entries = Limit(config.hash_max_listpack_entries),
          .hash_max_listpack_value = Limit(config.hash_max_listpack_value),
          .set_max_intset_entries = Limit(config.set_max_intset_entries),
          .zset_max_listpack_entries = Limit(config.zset_max_listpack_entries),
          .zset_max_listpack_value = Limit(config.zset_max_listpack_value),
          .list = {.fill = static_cast<int>(config.list_max_listpack_size),
                   .compress_depth = static_cast<int>(config.list_compress_depth)}};
}

}  // namespace keyway::shard::rdb
