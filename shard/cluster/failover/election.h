// As a replica: replaces a primary that has failed. Waits its turn (rank: how many other replicas of
// the same primary have more of its data), asks all primaries for their vote in a new epoch, and takes
// over when a majority has voted.
// Source: Redis Cluster specification, "Replica election and promotion"; where it is silent, what
// redis-server 7.0.15 does.
//
// Pure: time, votes and the table come in; messages and the role go out.
#pragma once

#include <cstdint>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/cluster/bus/message.h"
#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/pending_work.h"
#include "shard/cluster/gossip/roles.h"
#include "shard/cluster/options.h"
#include "shard/cluster/state.h"

namespace keyway::shard::cluster::failover {

class ManualFailover;

class Election {
 public:
  // All outlive the object.
  Election(gossip::NodeTable& table, gossip::Messenger& messenger, gossip::PendingWork& pending,
           gossip::Roles& roles, gossip::Host& host, ManualFailover& manual,
           const ClusterOptions& options, const State& state, const Clock& clock, Random& random);

  // Every Heartbeat::kTickMs, and soon after something of importance has changed.
  void Tick();
  // A vote has come.
  void OnVote(const gossip::Node& voter, const bus::Message& vote);
  // Another replica of the same primary has told its offset: ranks may have changed.
  void OnOffset(const gossip::Node& replica);
  // This node replicates another primary now, or none.
  void Forget();

 private:
  gossip::NodeTable& table_;
  gossip::Messenger& messenger_;
  gossip::PendingWork& pending_;
  gossip::Roles& roles_;
  gossip::Host& host_;
  ManualFailover& manual_;
  const ClusterOptions& options_;
  const State& state_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace keyway::shard::cluster::failover
