// FUNCTION and its subcommands, FCALL, FCALL_RO.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterFunctions(HandlerTable& handlers);

}  // namespace keyway::shard::commands
