// INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterNumber(HandlerTable& handlers);

}  // namespace keyway::shard::commands
