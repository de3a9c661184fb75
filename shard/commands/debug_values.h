// The subcommands of DEBUG that look at values.
#pragma once

#include "shard/server/command_context.h"

namespace keyway::shard::commands {

// The caller has checked the number of arguments.
void DebugObject(CommandContext& context);                   // key
void DebugListpack(CommandContext& context);                 // key
void DebugQuicklist(CommandContext& context);                // key [0|1]
void DebugQuicklistPackedThreshold(CommandContext& context);  // bytes
void DebugDigest(CommandContext& context);
void DebugDigestValue(CommandContext& context);  // key ...

}  // namespace keyway::shard::commands
