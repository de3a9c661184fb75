// LOLWUT.
#pragma once

#include "shard/server/command_context.h"

namespace keyway::shard::commands {

void Lolwut(CommandContext& context);

}  // namespace keyway::shard::commands
