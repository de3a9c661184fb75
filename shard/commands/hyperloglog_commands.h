#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

// PFADD, PFCOUNT, PFMERGE, PFDEBUG, PFSELFTEST.
void RegisterHyperLogLog(HandlerTable& handlers);

}  // namespace keyway::shard::commands
