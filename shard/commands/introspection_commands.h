#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

// SLOWLOG, LATENCY, and MEMORY without USAGE.
void RegisterIntrospection(HandlerTable& handlers);

}  // namespace keyway::shard::commands
