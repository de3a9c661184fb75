// REPLICAOF, SLAVEOF, ROLE, WAIT, FAILOVER, and what servers say to each other: REPLCONF, PSYNC, SYNC.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterReplication(HandlerTable& handlers);

}  // namespace keyway::shard::commands
