// SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterPersistence(HandlerTable& handlers);

}  // namespace keyway::shard::commands
