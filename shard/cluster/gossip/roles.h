// The one place where this node's role changes: it becomes a replica of another node, or a primary,
// alone or in its primary's stead. The node table, the data (DataNode) and the other nodes are told
// together.
#pragma once

#include <cstdint>

#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/pending_work.h"

namespace keyway::shard::cluster::gossip {

class Roles {
 public:
  // All outlive the object.
  Roles(NodeTable& table, Messenger& messenger, PendingWork& pending, Host& host)
      : table_(table), messenger_(messenger), pending_(pending), host_(host) {}

  // This node, which owns no slots (or is a replica), replicates `primary` from now on: CLUSTER
  // REPLICATE, the end of a primary that has lost its last slot, a replica's move.
  void Replicate(Node& primary);
  // This replica takes the place of its primary, which it has: a primary with all of its slots, since
  // `config_epoch`. Every node is told at once.
  void TakeOver(uint64_t config_epoch);
  // This replica becomes a primary without slots: CLUSTER RESET.
  void BecomePrimary();

 private:
  NodeTable& table_;
  Messenger& messenger_;
  PendingWork& pending_;
  Host& host_;
};

}  // namespace keyway::shard::cluster::gossip
