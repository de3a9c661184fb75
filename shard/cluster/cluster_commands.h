// CLUSTER and its subcommands.
#pragma once

#include <span>
#include <string_view>

#include "common/resp/reply_writer.h"

namespace keyway::shard {
class HandlerTable;
}

namespace keyway::shard::cluster {

class Cluster;

void RegisterCluster(HandlerTable& handlers);

// Executes CLUSTER with these arguments ("CLUSTER", subcommand, ...), whose arity is right, and
// writes one reply. False, with nothing written, when there is no such subcommand here.
bool ExecuteCluster(Cluster& cluster, std::span<const std::string_view> args,
                    resp::ReplyWriter& reply);

}  // namespace keyway::shard::cluster
