#include "shard/keyspace/slot_tables.h"

#include <glog/logging.h>

namespace keyway::shard::keyspace {

void SlotTables::CountAdded(Slot slot, bool has_expiry) {
  ++size_;
  ++keys_of_group_[slot / kSlotsInGroup];
  CountExpiry(slot, false, has_expiry);
}

void SlotTables::CountRemoved(Slot slot, bool had_expiry) {
  --size_;
  --keys_of_group_[slot / kSlotsInGroup];
  CountExpiry(slot, had_expiry, false);
}

void SlotTables::CountExpiry(Slot slot, bool had_expiry, bool has_expiry) {
  if (had_expiry == has_expiry) return;
  const int change = has_expiry ? 1 : -1;
  with_expiry_ += static_cast<size_t>(change);
  expiry_of_group_[slot / kSlotsInGroup] += static_cast<size_t>(change);
  expiry_of_slot_[slot] += static_cast<uint32_t>(change);
}

template <typename Count>
int SlotTables::Next(int from, const GroupCounts& groups, Count&& count) {
  int slot = from;
  while (slot < kSlotCount) {
    if (groups[static_cast<size_t>(slot / kSlotsInGroup)] == 0) {
      slot = (slot / kSlotsInGroup + 1) * kSlotsInGroup;
    } else if (count(static_cast<Slot>(slot)) == 0) {
      ++slot;
    } else {
      return slot;
    }
  }
  return kSlotCount;
}

int SlotTables::NextWithKeys(int from) const {
  return Next(from, keys_of_group_, [this](Slot slot) { return slots_[slot].size(); });
}

int SlotTables::NextWithExpiry(int from) const {
  return Next(from, expiry_of_group_, [this](Slot slot) { return expiry_of_slot_[slot]; });
}

template <typename Count>
Slot SlotTables::OfRank(size_t rank, const GroupCounts& groups, Count&& count) {
  size_t group = 0;
  while (rank >= groups[group]) rank -= groups[group++];
  size_t slot = group * kSlotsInGroup;
  while (rank >= count(slot)) rank -= count(slot++);
  return static_cast<Slot>(slot);
}

Slot SlotTables::SlotOfRank(size_t rank) const {
  DCHECK_LT(rank, size_);
  return OfRank(rank, keys_of_group_, [this](size_t slot) { return slots_[slot].size(); });
}

Slot SlotTables::SlotOfExpiryRank(size_t rank) const {
  DCHECK_LT(rank, with_expiry_);
  return OfRank(rank, expiry_of_group_, [this](size_t slot) { return expiry_of_slot_[slot]; });
}

}  // namespace keyway::shard::keyspace
