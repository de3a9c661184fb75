// As a replica of a primary that has more replicas than it needs (cluster-migration-barrier): moves
// to a primary that has lost its last one, if cluster-allow-replica-migration says so. Of all
// replicas that could move, the one with the lowest id does, of the primaries with the most.
// Source: Redis Cluster specification, "Replica migration algorithm"; redis-server 7.0.15.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/clock.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/roles.h"
#include "shard/cluster/options.h"
#include "shard/cluster/state.h"

namespace keyway::shard::cluster::failover {

class ReplicaMigration {
 public:
  // How long a primary must have been without a replica before one moves there: a failover moves
  // its replicas to the new primary within that time.
  static constexpr int64_t kDelayMs = 5000;

  // All outlive the object.
  ReplicaMigration(gossip::NodeTable& table, gossip::Roles& roles, const State& state,
                   const ClusterOptions& options, const Clock& clock)
      : table_(table), roles_(roles), state_(state), options_(options), clock_(clock) {}

  // Every Heartbeat::kTickMs.
  void Tick();

 private:
  void Consider(size_t most_replicas);
  bool MayLeave(const gossip::Node& primary) const;

  gossip::NodeTable& table_;
  gossip::Roles& roles_;
  const State& state_;
  const ClusterOptions& options_;
  const Clock& clock_;
};

}  // namespace keyway::shard::cluster::failover
