#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

// SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP, BITFIELD, BITFIELD_RO.
void RegisterBitmap(HandlerTable& handlers);

}  // namespace keyway::shard::commands
