// Whether the cluster can serve: enough slots are covered, and this node is on the side of the
// majority of the primaries.
// Source: Redis Cluster specification, "Fault tolerance" and "Slave rejoin" (delays).
#pragma once

#include <cstdint>

#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/options.h"

namespace keyway::shard::cluster {

class State {
 public:
  // After a start, a primary serves only when it has had time to hear of a newer configuration.
  static constexpr int64_t kWritableDelayMs = 2000;
  // After it was in a minority, it waits node-timeout, within these bounds, before it serves.
  static constexpr int64_t kMinRejoinDelayMs = 500;
  static constexpr int64_t kMaxRejoinDelayMs = 5000;

  // Computes the state anew. True when it is not final: compute again soon.
  bool Update(const gossip::NodeTable& table, const ClusterOptions& options, int64_t now_ms);

  bool ok() const { return ok_; }
  // Primaries that own slots.
  int size() const { return size_; }

 private:
  bool ok_ = false;
  int size_ = 1;
  int64_t first_update_ms_ = 0;
  int64_t minority_ms_ = 0;
};

// Slots by the condition of their owner, as CLUSTER INFO counts them.
struct SlotCounts {
  int assigned = 0;
  int ok = 0;
  int pfail = 0;
  int fail = 0;
};
SlotCounts CountSlots(const gossip::NodeTable& table);

}  // namespace keyway::shard::cluster
