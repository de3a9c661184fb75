#include "proxy/topology/slot_map.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace keyway::proxy::topology {
namespace {

bool SameButForHealth(const Node& a, const Node& b) {
  return a.id == b.id && a.endpoint == b.endpoint && a.primary == b.primary &&
         a.hostname == b.hostname && (!a.primary || a.failed == b.failed);
}

bool SameNode(const Node& a, const Node& b) {
  return SameButForHealth(a, b) && a.online == b.online && a.failed == b.failed &&
         a.suspected == b.suspected;
}

using SameNodes = bool (*)(const Node&, const Node&);

// Replicas are listed in no particular order.
bool SameReplicas(const std::vector<Node>& a, const std::vector<Node>& b, SameNodes same) {
  return a.size() == b.size() && std::is_permutation(a.begin(), a.end(), b.begin(), same);
}

bool SameShards(std::span<const Shard> a, std::span<const Shard> b, SameNodes same) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [same](const Shard& one, const Shard& other) {
                      return same(one.primary, other.primary) && one.slots == other.slots &&
                             one.migrating == other.migrating && one.importing == other.importing &&
                             SameReplicas(one.replicas, other.replicas, same);
                    });
}

// Finds the slots of a range that nobody has taken without walking over the others again and again:
// the claims come from a node, and may be absurd.
class UnclaimedSlots {
 public:
  UnclaimedSlots() : next_(kSlotCount + 1) { std::iota(next_.begin(), next_.end(), 0); }

  // The first one at or behind `slot`; kSlotCount when there is none.
  int From(int slot) {
    int end = slot;
    while (next_[static_cast<size_t>(end)] != end) end = next_[static_cast<size_t>(end)];
    while (slot != end) slot = std::exchange(next_[static_cast<size_t>(slot)], end);
    return end;
  }
  void Take(int slot) { next_[static_cast<size_t>(slot)] = slot + 1; }

 private:
  std::vector<int> next_;
};

}  // namespace

SlotMap::SlotMap(std::vector<Shard> shards, uint64_t version, uint64_t cluster_epoch)
    : version_(version), cluster_epoch_(cluster_epoch) {
  constexpr size_t kNobody = SIZE_MAX;
  std::vector<size_t> claims(kSlotCount, kNobody);
  UnclaimedSlots unclaimed;
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    for (const SlotRange& range : shards[shard].slots) {
      for (int slot = unclaimed.From(range.first); slot <= range.last;
           slot = unclaimed.From(slot)) {
        claims[static_cast<size_t>(slot)] = shard;
        unclaimed.Take(slot);
      }
    }
    shards[shard].slots.clear();
  }

  // Shards appear in the order of their first slots. There are at most as many as slots, so every
  // index is below kNoShard.
  shard_of_slot_.fill(kNoShard);
  std::vector<uint16_t> index_of(shards.size(), kNoShard);
  for (size_t slot = 0; slot < kSlotCount; ++slot) {
    const size_t claim = claims[slot];
    if (claim == kNobody) continue;
    if (index_of[claim] == kNoShard) {
      index_of[claim] = static_cast<uint16_t>(shards_.size());
      shards_.push_back(std::move(shards[claim]));
    }
    shard_of_slot_[slot] = index_of[claim];
    std::vector<SlotRange>& ranges = shards_[index_of[claim]].slots;
    const auto number = static_cast<Slot>(slot);
    if (!ranges.empty() && ranges.back().last + 1 == number) {
      ranges.back().last = number;
    } else {
      ranges.push_back({number, number});
    }
    ++covered_slots_;
  }
}

bool SlotMap::SameAs(const SlotMap& other) const {
  return SameShards(shards_, other.shards_, SameNode);
}

bool SlotMap::SameButForHealth(const SlotMap& other) const {
  return SameShards(shards_, other.shards_, topology::SameButForHealth);
}

}  // namespace keyway::proxy::topology
