// What CLUSTER INFO, SLOTS, SHARDS and LINKS show.
// Source: Redis documentation of the commands; details as redis-server 7.0.15 replies.
#pragma once

#include <string>

#include "common/resp/reply_writer.h"
#include "shard/cluster/gossip/engine.h"

namespace keyway::shard::cluster {

std::string ClusterInfoText(const gossip::Engine& engine);
void ReplySlots(const gossip::Engine& engine, resp::ReplyWriter& reply);
void ReplyShards(const gossip::Engine& engine, resp::ReplyWriter& reply);
void ReplyLinks(const gossip::Engine& engine, resp::ReplyWriter& reply);

}  // namespace keyway::shard::cluster
