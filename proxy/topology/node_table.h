// What is known of every node for reading: one immutable picture, shared by all threads, made anew by
// ReplicaWatch about once a second.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/net/address.h"

namespace keyway::proxy::topology {

struct NodeState {
  bool primary = false;
  // It may be read from: it has answered; a replica is also in sync with its primary, within the limit
  // of lag.
  bool fit = false;
  bool in_zone = false;  // it is in the proxy's own zone
  // Of those of its shard that are fit, and in the zone if any is, it is about as fast as the fastest.
  bool nearest = false;
  int64_t latency_micros = -1;  // of a round trip, smoothed; -1: unknown
  // What the replica has is at most so much older than what the primary had; -1: unknown, or a primary.
  int64_t lag_micros = -1;
  std::string unfit_because;
};

struct NodeTable {
  uint64_t round = 0;  // rises with each table
  std::map<net::Endpoint, NodeState> nodes;

  // nullptr: nothing is known of it.
  const NodeState* Find(const net::Endpoint& node) const {
    const auto found = nodes.find(node);
    return found == nodes.end() ? nullptr : &found->second;
  }
};

using NodeTablePtr = std::shared_ptr<const NodeTable>;

}  // namespace keyway::proxy::topology
