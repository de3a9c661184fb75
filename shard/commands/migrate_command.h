#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

// MIGRATE.
void RegisterMigrate(HandlerTable& handlers);

}  // namespace keyway::shard::commands
