// The rows of all directives of a shard, and what is checked once all are read.
#pragma once

#include <string>
#include <vector>

#include "common/base/expected.h"
#include "common/config/registry.h"
#include "shard/config/shard_config.h"

namespace keyway::shard {

// Adds every directive of Redis 7.0.15 and ours, bound to `config`, which must outlive the
// registry.
void AddDirectives(config::Registry& registry, ShardConfig& config);

// After the file and the command line are read: rules between directives. Returns lines to be
// logged as warnings once the log is open. Error: text for stderr; the process should exit with 1.
Expected<std::vector<std::string>> FinishConfig(const config::Registry& registry,
                                                const ShardConfig& config);

// notify-keyspace-events as CONFIG GET prints it.
std::string KeyspaceEventsText(uint32_t events);

}  // namespace keyway::shard
