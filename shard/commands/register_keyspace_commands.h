// The commands about keys: what is in register_all.h, by family.
#pragma once

#include "shard/keyspace/environment.h"
#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterString(HandlerTable& handlers);
void RegisterGeneric(HandlerTable& handlers);
void RegisterExpiry(HandlerTable& handlers);

// For Keyspace::set_options, at the start and whenever the configuration has changed.
keyspace::KeyspaceOptions KeyspaceOptionsOf(const ShardConfig& config);

}  // namespace keyway::shard::commands
