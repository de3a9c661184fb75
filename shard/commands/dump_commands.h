#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

// DUMP, RESTORE, RESTORE-ASKING, MEMORY USAGE.
void RegisterDump(HandlerTable& handlers);

}  // namespace keyway::shard::commands
