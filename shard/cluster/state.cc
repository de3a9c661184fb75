#include "shard/cluster/state.h"

#include <algorithm>

#include "common/log/log.h"

namespace keyway::shard::cluster {

using gossip::kFail;
using gossip::kPfail;
using gossip::Node;

bool State::Update(const gossip::NodeTable& table, const ClusterOptions& options, int64_t now_ms) {
  if (first_update_ms_ == 0) first_update_ms_ = now_ms;
  bool ok = true;
  int size = 0;
  int reachable = 0;
  for (const Node* node : table.nodes()) {
    if (!node->is_primary() || node->slot_count == 0) continue;
    ++size;
    if (!node->is(kFail | kPfail)) ++reachable;
    if (options.require_full_coverage && node->is(kFail)) ok = false;
  }
  if (options.require_full_coverage && table.assigned_slots() < kSlotCount) ok = false;
  size_ = size;  // at once: what a majority is depends on it
  const bool primary = table.myself().is_primary();
  if (primary && !ok_ && now_ms - first_update_ms_ < kWritableDelayMs) return true;

  if (reachable < size / 2 + 1) {
    ok = false;
    minority_ms_ = now_ms;
  }
  if (ok == ok_) return false;

  const int64_t rejoin_delay =
      std::clamp(options.node_timeout_ms, kMinRejoinDelayMs, kMaxRejoinDelayMs);
  if (ok && primary && minority_ms_ != 0 && now_ms - minority_ms_ < rejoin_delay) return true;
  ok_ = ok;
  KEYWAY_WARNING() << "Cluster state changed: " << (ok ? "ok" : "fail");
  return false;
}

SlotCounts CountSlots(const gossip::NodeTable& table) {
  SlotCounts counts;
  for (const Node* node : table.nodes()) {
    counts.assigned += node->slot_count;
    if (node->is(kFail)) {
      counts.fail += node->slot_count;
    } else if (node->is(kPfail)) {
      counts.pfail += node->slot_count;
    } else {
      counts.ok += node->slot_count;
    }
  }
  return counts;
}

}  // namespace keyway::shard::cluster
