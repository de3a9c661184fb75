// DEBUG, behind enable-debug-command.
#pragma once

#include "shard/server/command_context.h"

namespace keyway::shard::commands {

void Debug(CommandContext& context);

}  // namespace keyway::shard::commands
