// Every command that a shard executes, in one list: who adds a family of commands adds it here.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterAll(HandlerTable& handlers);

}  // namespace keyway::shard::commands
