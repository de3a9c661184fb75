// Nodes that an operator has just removed with CLUSTER FORGET: for a minute gossip does not bring
// them back, so that there is time to remove them from every node.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "shard/cluster/node_id.h"

namespace keyway::shard::cluster::gossip {

class Blacklist {
 public:
  static constexpr int64_t kBanMs = 60'000;

  void Add(const NodeId& id, int64_t now_ms) {
    Expire(now_ms);
    until_ms_[id] = now_ms + kBanMs;
  }
  bool Contains(const NodeId& id, int64_t now_ms) {
    Expire(now_ms);
    return until_ms_.count(id) != 0;
  }

 private:
  void Expire(int64_t now_ms) {
    std::erase_if(until_ms_, [now_ms](const auto& entry) { return entry.second <= now_ms; });
  }

  // Bounded: only nodes of the table can be forgotten.
  std::unordered_map<NodeId, int64_t> until_ms_;
};

}  // namespace keyway::shard::cluster::gossip
