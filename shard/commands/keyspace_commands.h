// Commands about all keys of a database or of all databases: SCAN, KEYS, RANDOMKEY, DBSIZE,
// FLUSHDB, FLUSHALL, SWAPDB.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterWholeKeyspace(HandlerTable& handlers);

}  // namespace keyway::shard::commands
