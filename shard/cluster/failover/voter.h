// This primary's vote in the election of a replica that wants to replace its failed primary. It
// votes once an epoch, and remembers that over a restart, so that no two replicas can win one
// epoch. Source: Redis Cluster specification, "Masters reply to slave vote request".
#pragma once

#include "common/base/clock.h"
#include "shard/cluster/bus/message.h"
#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/options.h"

namespace keyway::shard::cluster::failover {

class Voter {
 public:
  // In node-timeouts: how long it votes for no other replica of the same primary, so that the
  // winner has time to tell everybody.
  static constexpr int64_t kPauseBetweenVotes = 2;

  Voter(gossip::NodeTable& table, gossip::Messenger& messenger, gossip::Host& host,
        const ClusterOptions& options, const Clock& clock)
      : table_(table), messenger_(messenger), host_(host), options_(options), clock_(clock) {}

  // `candidate` asks for the vote in the epoch of `request`. Votes, or logs why not.
  void OnRequest(gossip::Node& candidate, const bus::Message& request);

 private:
  // Empty: none.
  std::string Objection(const gossip::Node& candidate, const bus::Message& request) const;

  gossip::NodeTable& table_;
  gossip::Messenger& messenger_;
  gossip::Host& host_;
  const ClusterOptions& options_;
  const Clock& clock_;
};

}  // namespace keyway::shard::cluster::failover
