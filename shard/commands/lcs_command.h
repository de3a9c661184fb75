// LCS.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterLcs(HandlerTable& handlers);

}  // namespace keyway::shard::commands
