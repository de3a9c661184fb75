// How values are read by a server that is configured in some way.
#pragma once

#include "shard/persistence/rdb/value_reader.h"

namespace keyway::shard {
struct ShardConfig;
}

namespace keyway::shard::rdb {

ReadOptions ReadOptionsOf(const ShardConfig& config);

}  // namespace keyway::shard::rdb
