// The groups of directives; AddDirectives calls them all.
#pragma once

#include "common/config/registry.h"
#include "shard/config/shard_config.h"

namespace keyway::shard {

void AddNetwork(config::Registry& registry, ShardConfig& config);
void AddGeneral(config::Registry& registry, ShardConfig& config);
void AddProcess(config::Registry& registry, ShardConfig& config);
void AddSecurity(config::Registry& registry, ShardConfig& config);
void AddClients(config::Registry& registry, ShardConfig& config);
void AddMemory(config::Registry& registry, ShardConfig& config);
void AddEncodings(config::Registry& registry, ShardConfig& config);
void AddPersistence(config::Registry& registry, ShardConfig& config);
void AddReplication(config::Registry& registry, ShardConfig& config);
void AddCluster(config::Registry& registry, ShardConfig& config);
void AddTls(config::Registry& registry, ShardConfig& config);

}  // namespace keyway::shard
