// A node as one line of text: what CLUSTER NODES shows and nodes.conf holds.
//
//   line = id " " ip ":" port "@" bus_port ["," hostname] " " flag *("," flag) " " (primary_id /
//   "-")
//          " " ping_sent " " pong_received " " config_epoch " " ("connected" / "disconnected")
//          *(" " slot / " " first "-" last) *(" [" slot "->-" id "]" / " [" slot "-<-" id "]")
//
// Times are milliseconds since 1970, 0 for never. The epoch of a replica is its primary's.
// Source: Redis documentation, "CLUSTER NODES".
#pragma once

#include <cstdint>
#include <string>

#include "common/base/clock.h"
#include "shard/cluster/gossip/node_table.h"

namespace keyway::shard::cluster {

std::string DescribeNode(const gossip::NodeTable& table, const gossip::Node& node,
                         const Clock& clock);
// A line, ended by "\n", for each node but those with a flag of `except`.
std::string DescribeNodes(const gossip::NodeTable& table, const Clock& clock, uint16_t except = 0);

}  // namespace keyway::shard::cluster
