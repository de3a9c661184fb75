// The stream commands: X*.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterStream(HandlerTable& handlers);

}  // namespace keyway::shard::commands
