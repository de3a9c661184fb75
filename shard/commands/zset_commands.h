// The commands about sorted sets.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterZset(HandlerTable& handlers);

// Its parts.
void RegisterZsetWrite(HandlerTable& handlers);
void RegisterZsetRange(HandlerTable& handlers);
void RegisterZsetAlgebra(HandlerTable& handlers);
void RegisterZsetPop(HandlerTable& handlers);
void RegisterZsetRandom(HandlerTable& handlers);

}  // namespace keyway::shard::commands
