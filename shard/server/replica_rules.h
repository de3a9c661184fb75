// What replication forbids clients, in the words of redis-server 7.0.15. The dispatcher asks for each
// command, and scripts for each command that they call.
#pragma once

#include <string_view>

#include "shard/config/shard_config.h"
#include "shard/server/command_context.h"
#include "shard/server/replication.h"

namespace keyway::shard {

inline constexpr std::string_view kReadOnlyReplica =
    "READONLY You can't write against a read only replica.";
inline constexpr std::string_view kPrimaryDown =
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
inline constexpr std::string_view kTooFewReplicas = "NOREPLICAS Not enough good replicas to write.";

inline bool IsReplica(const Services& services) {
  return services.replication != nullptr && services.replication->is_replica();
}

// Whether writes are refused, except for the primary's.
inline bool IsReadOnlyReplica(const Services& services) {
  return IsReplica(services) && services.config.replica_read_only;
}

// Whether the data is old and the configuration says that clients must not see such.
inline bool IsStaleReplica(const Services& services) {
  return IsReplica(services) && !services.config.replica_serve_stale_data &&
         !services.replication->link_up();
}

// Whether writes are refused because of min-replicas-to-write.
inline bool HasTooFewReplicas(const Services& services) {
  const ShardConfig& config = services.config;
  return config.min_replicas_to_write != 0 && config.min_replicas_max_lag != 0 &&
         services.replication != nullptr && !services.replication->is_replica() &&
         services.replication->good_replicas() < static_cast<size_t>(config.min_replicas_to_write);
}

}  // namespace keyway::shard
