// Whether a call is of a command that has been executed elsewhere or earlier and must not fail here
// because of a limit: one of the primary, or of a file that is being loaded.
#pragma once

#include "shard/server/client.h"
#include "shard/server/command_context.h"

namespace keyway::shard::commands {

inline bool MustObey(const CommandContext& context) {
  if (context.replayed) return true;
  return (context.script != nullptr ? context.script->client : context.client).from_primary();
}

}  // namespace keyway::shard::commands
