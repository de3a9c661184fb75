// EVAL and its relatives, SCRIPT and its subcommands.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterScripts(HandlerTable& handlers);

}  // namespace keyway::shard::commands
