#include "shard/cluster/gossip/node_table.h"

#include <algorithm>

#include <glog/logging.h>

namespace keyway::shard::cluster::gossip {
namespace {

Node* FindIn(const std::map<int, Node*>& slots, int slot) {
  const auto it = slots.find(slot);
  return it == slots.end() ? nullptr : it->second;
}

void SetIn(std::map<int, Node*>& slots, int slot, Node* node) {
  if (node == nullptr) {
    slots.erase(slot);
  } else {
    slots[slot] = node;
  }
}

}  // namespace

NodeTable::NodeTable(const NodeId& my_id, int64_t now_ms) {
  myself_ = &Add(my_id, kMyself | kPrimary, now_ms);
}

Node* NodeTable::Find(const NodeId& id) {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second.get();
}

const Node* NodeTable::Find(const NodeId& id) const {
  return const_cast<NodeTable*>(this)->Find(id);
}

Node& NodeTable::Add(const NodeId& id, uint16_t flags, int64_t now_ms) {
  auto [it, added] = by_id_.emplace(id, std::make_unique<Node>());
  CHECK(added) << "node " << id << " is known already";
  Node& node = *it->second;
  node.id = id;
  node.flags = flags;
  node.created_ms = now_ms;
  order_.push_back(&node);
  return node;
}

void NodeTable::Remove(Node& node) {
  CHECK(&node != myself_);
  RemoveAllSlots(node);
  std::erase_if(migrating_, [&](const auto& entry) { return entry.second == &node; });
  std::erase_if(importing_, [&](const auto& entry) { return entry.second == &node; });
  for (Node* other : order_) {
    std::erase_if(other->reports,
                  [&](const FailureReport& report) { return report.reporter == &node; });
  }
  Detach(node);
  for (Node* replica : node.replicas) replica->primary = nullptr;
  std::erase(order_, &node);
  by_id_.erase(NodeId(node.id));
}

void NodeTable::Rename(Node& node, const NodeId& id) {
  auto entry = by_id_.extract(node.id);
  entry.key() = id;
  const auto result = by_id_.insert(std::move(entry));
  CHECK(result.inserted) << "node " << id << " is known already";
  node.id = id;
}

bool NodeTable::AddSlot(Node& node, int slot) {
  const auto index = static_cast<size_t>(slot);
  if (owners_[index] != nullptr) return false;
  owners_[index] = &node;
  unclaimed_.reset(index);
  ++assigned_slots_;
  node.slots.set(index);
  ++node.slot_count;
  // A cluster that has replicas wants one for a primary that comes into use.
  if (node.slot_count == 1 && !node.is(kMigrateTo)) {
    const bool any_replica = std::any_of(order_.begin(), order_.end(), [](const Node* other) {
      return other->is_primary() && !other->replicas.empty();
    });
    if (any_replica) node.flags |= kMigrateTo;
  }
  return true;
}

bool NodeTable::RemoveSlot(int slot) {
  const auto index = static_cast<size_t>(slot);
  Node* owner = owners_[index];
  if (owner == nullptr) return false;
  owners_[index] = nullptr;
  unclaimed_.reset(index);
  --assigned_slots_;
  owner->slots.reset(index);
  --owner->slot_count;
  return true;
}

int NodeTable::RemoveAllSlots(Node& node) {
  int removed = 0;
  for (size_t slot = node.slots._Find_first(); slot < kSlotCount;
       slot = node.slots._Find_next(slot)) {
    if (RemoveSlot(static_cast<int>(slot))) ++removed;
  }
  return removed;
}

Node* NodeTable::MigratingTo(int slot) const {
  return FindIn(migrating_, slot);
}
Node* NodeTable::ImportingFrom(int slot) const {
  return FindIn(importing_, slot);
}
void NodeTable::SetMigratingTo(int slot, Node* node) {
  SetIn(migrating_, slot, node);
}
void NodeTable::SetImportingFrom(int slot, Node* node) {
  SetIn(importing_, slot, node);
}

void NodeTable::CloseAllMigrations() {
  migrating_.clear();
  importing_.clear();
}

bool NodeTable::MakePrimary(Node& node) {
  if (node.is_primary()) return false;
  if (node.primary != nullptr) {
    Detach(node);
    if (&node != myself_) node.flags |= kMigrateTo;
  }
  node.flags = static_cast<uint16_t>((node.flags & ~kReplica) | kPrimary);
  return true;
}

void NodeTable::MakeReplica(Node& node, Node* primary) {
  node.flags = static_cast<uint16_t>((node.flags & ~(kPrimary | kMigrateTo)) | kReplica);
  if (node.primary == primary) return;
  Detach(node);
  if (primary == nullptr || primary == &node) return;
  node.primary = primary;
  primary->replicas.push_back(&node);
  primary->flags |= kMigrateTo;
}

void NodeTable::Detach(Node& replica) {
  Node* primary = replica.primary;
  if (primary == nullptr) return;
  std::erase(primary->replicas, &replica);
  if (primary->replicas.empty()) primary->flags &= static_cast<uint16_t>(~kMigrateTo);
  replica.primary = nullptr;
}

uint64_t NodeTable::MaxEpoch() const {
  uint64_t epoch = current_epoch;
  for (const Node* node : order_) epoch = std::max(epoch, node->config_epoch);
  return epoch;
}

}  // namespace keyway::shard::cluster::gossip
