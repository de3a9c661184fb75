// The subcommands of CLUSTER that are about roles: whom this node replicates, who replicates whom,
// failover and reset. Replies and errors are those of redis-server 7.0.15.
#pragma once

#include "common/resp/reply_writer.h"
#include "shard/cluster/subcommand.h"

namespace keyway::shard::cluster {

// REPLICATE <node-id>: error unless that is another primary, and this node a replica or without
// slots and keys.
void ReplicateNode(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);
// REPLICAS <node-id>, SLAVES <node-id>: as lines of CLUSTER NODES.
void ListReplicas(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);
// FAILOVER [FORCE|TAKEOVER]: error unless this is a replica of a primary that is known and, without
// an option, can be asked.
void FailOver(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);
// RESET [HARD|SOFT]: error for a primary with keys.
void ResetNode(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);

}  // namespace keyway::shard::cluster
