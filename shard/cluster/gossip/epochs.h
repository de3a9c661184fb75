// Config epochs that a node takes by itself.
#pragma once

#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/pending_work.h"

namespace keyway::shard::cluster::gossip {

// This node takes a config epoch higher than all that it knows of, without asking anybody: another
// node may do so at the same moment, which "configEpoch conflicts resolution algorithm" of the
// Redis Cluster specification mends. False when it has the highest already.
bool BumpEpoch(NodeTable& table, PendingWork& pending);

}  // namespace keyway::shard::cluster::gossip
