// Who owns a slot when nodes say different things: the one with the higher config epoch. And how
// two primaries with the same epoch part.
// Source: Redis Cluster specification, "Hash slots configuration propagation and updates" and
// "configEpoch conflicts resolution algorithm".
#pragma once

#include <cstdint>

#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/pending_work.h"
#include "shard/cluster/gossip/roles.h"
#include "shard/cluster/options.h"

namespace keyway::shard::cluster::gossip {

class SlotClaims {
 public:
  SlotClaims(NodeTable& table, Messenger& messenger, PendingWork& pending, Roles& roles,
             SlotKeys& keys, const ClusterOptions& options)
      : table_(table),
        messenger_(messenger),
        pending_(pending),
        roles_(roles),
        keys_(keys),
        options_(options) {}

  // `claimant`, a primary, says that it owns exactly `slots` since `config_epoch`. When that was
  // the last slot of this primary, or of the one that this node replicates, this node becomes the
  // claimant's replica (cluster-allow-replica-migration; without it only when the claimant has
  // taken over all that it owns from there). Else keys of slots that this node loses are dropped:
  // the winner has the valid ones.
  void Apply(Node& claimant, uint64_t config_epoch, const SlotSet& slots);

  // `sender` claims slots that another node owns since a later epoch: tells it of one such node.
  void CorrectIfStale(const Node& sender, uint64_t config_epoch, const SlotSet& slots);

  // `sender`, a primary, has the epoch of this primary: the one with the lower id takes a new one.
  void ResolveCollision(const Node& sender);

 private:
  void DropKeys(const Node& winner, const SlotSet& slots);

  NodeTable& table_;
  Messenger& messenger_;
  PendingWork& pending_;
  Roles& roles_;
  SlotKeys& keys_;
  const ClusterOptions& options_;
};

}  // namespace keyway::shard::cluster::gossip
