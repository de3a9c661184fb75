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

namespace keyway::shard::cluster::gossip {

class SlotClaims {
 public:
  SlotClaims(NodeTable& table, Messenger& messenger, PendingWork& pending, SlotKeys& keys)
      : table_(table), messenger_(messenger), pending_(pending), keys_(keys) {}

  // `claimant`, a primary, says that it owns exactly `slots` since `config_epoch`. Keys of slots
  // that this node loses are dropped: the winner has the valid ones.
  void Apply(Node& claimant, uint64_t config_epoch, const SlotSet& slots);

  // `sender` claims slots that another node owns since a later epoch: tells it of one such node.
  void CorrectIfStale(const Node& sender, uint64_t config_epoch, const SlotSet& slots);

  // `sender`, a primary, has the epoch of this primary: the one with the lower id takes a new one.
  void ResolveCollision(const Node& sender);

 private:
  NodeTable& table_;
  Messenger& messenger_;
  PendingWork& pending_;
  SlotKeys& keys_;
};

}  // namespace keyway::shard::cluster::gossip
