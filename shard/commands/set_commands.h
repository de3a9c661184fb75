// The set commands.
#pragma once

#include "shard/server/command_context.h"
#include "shard/server/handler_table.h"
#include "shard/types/set.h"

namespace keyway::shard::commands {

void RegisterSet(HandlerTable& handlers);
// Those that combine several sets: a part of RegisterSet.
void RegisterSetAlgebra(HandlerTable& handlers);

types::SetLimits SetLimitsOf(const CommandContext& context);

}  // namespace keyway::shard::commands
