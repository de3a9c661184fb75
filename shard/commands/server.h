// Commands about the server: TIME, ROLE, INFO, LOLWUT, SHUTDOWN, COMMAND, CONFIG, DEBUG.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterServer(HandlerTable& handlers);

}  // namespace keyway::shard::commands
