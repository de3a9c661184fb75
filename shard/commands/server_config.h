// CONFIG and its subcommands.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterConfig(HandlerTable& handlers);

}  // namespace keyway::shard::commands
