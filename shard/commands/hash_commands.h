// The hash commands.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterHash(HandlerTable& handlers);

}  // namespace keyway::shard::commands
