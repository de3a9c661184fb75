// CLIENT's subcommands that look at other clients or act on them: INFO, LIST, KILL, PAUSE, UNPAUSE,
// UNBLOCK.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterClientOthers(HandlerTable& handlers);

}  // namespace keyway::shard::commands
