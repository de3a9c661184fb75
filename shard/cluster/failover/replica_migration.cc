#include "shard/cluster/failover/replica_migration.h"

#include <algorithm>

#include "common/log/log.h"

namespace keyway::shard::cluster::failover {

using gossip::kFail;
using gossip::kHandshake;
using gossip::kMigrateTo;
using gossip::kNoAddr;
using gossip::kPfail;
using gossip::Node;

namespace {

size_t CountWorkingReplicas(const Node& primary) {
  return static_cast<size_t>(
      std::count_if(primary.replicas.begin(), primary.replicas.end(),
                    [](const Node* replica) { return !replica->is(kFail); }));
}

// Works, and had replicas (or has replaced a primary that had), of which none works any more.
bool IsOrphaned(const Node& node) {
  return node.is_primary() && !node.is(kFail) && node.is(kMigrateTo) &&
         CountWorkingReplicas(node) == 0;
}

}  // namespace

void ReplicaMigration::Tick() {
  const Node& me = table_.myself();
  if (!me.is_replica()) return;
  bool any_orphaned = false;
  size_t most = 0;
  size_t of_mine = 0;
  for (Node* node : table_.nodes()) {
    const bool orphaned = IsOrphaned(*node);
    if (!orphaned) node->orphaned_ms = 0;
    if (!node->is_primary() || node->is(kFail | kNoAddr | kHandshake)) continue;
    const size_t working = CountWorkingReplicas(*node);
    if (node->slot_count > 0 && orphaned) any_orphaned = true;
    most = std::max(most, working);
    if (me.primary == node) of_mine = working;
  }
  if (any_orphaned && most >= 2 && of_mine == most && options_.allow_replica_migration) {
    Consider(most);
  }
}

bool ReplicaMigration::MayLeave(const Node& primary) const {
  const auto working =
      std::count_if(primary.replicas.begin(), primary.replicas.end(),
                    [](const Node* replica) { return !replica->is(kFail | kPfail); });
  return working > options_.migration_barrier;
}

void ReplicaMigration::Consider(size_t most_replicas) {
  const Node& me = table_.myself();
  if (!state_.ok() || me.primary == nullptr || !MayLeave(*me.primary)) return;
  const int64_t now = clock_.MonotonicMillis();
  Node* target = nullptr;
  const Node* lowest = &me;
  for (Node* node : table_.nodes()) {
    if (IsOrphaned(*node)) {
      if (target == nullptr && node->slot_count > 0) target = node;
      if (node->orphaned_ms == 0) node->orphaned_ms = now;
    }
    if (!node->is_primary() || CountWorkingReplicas(*node) != most_replicas) continue;
    for (const Node* replica : node->replicas) {
      if (!replica->is(kFail) && replica->id < lowest->id) lowest = replica;
    }
  }
  if (target == nullptr || lowest != &me || now - target->orphaned_ms <= kDelayMs) return;
  KEYWAY_WARNING() << "Migrating to orphaned master " << target->id;
  roles_.Replicate(*target);
}

}  // namespace keyway::shard::cluster::failover
