// The 16384 slot tables of a database, with counts that find the slots that hold something without
// looking at all of them: keys, and keys with an expiry, by slot and by groups of 128 slots.
//
// Who adds to a table or removes from it says so with the methods below.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/slot/slot.h"
#include "shard/keyspace/slot_table.h"

namespace keyway::shard::keyspace {

class SlotTables {
 public:
  SlotTable& slot(Slot slot) { return slots_[slot]; }
  const SlotTable& slot(Slot slot) const { return slots_[slot]; }

  size_t size() const { return size_; }
  size_t with_expiry() const { return with_expiry_; }
  size_t with_expiry_in(Slot slot) const { return expiry_of_slot_[slot]; }

  void CountAdded(Slot slot, bool has_expiry);
  void CountRemoved(Slot slot, bool had_expiry);
  void CountExpiry(Slot slot, bool had_expiry, bool has_expiry);

  // The first slot from `from` on that holds a key, or one with an expiry; kSlotCount if there is
  // none. `from` at most kSlotCount.
  int NextWithKeys(int from) const;
  int NextWithExpiry(int from) const;
  // The slot that holds key number `rank`, counted over all slots. `rank` is less than size().
  Slot SlotOfRank(size_t rank) const;
  // The same, counting only keys with an expiry. `rank` is less than with_expiry().
  Slot SlotOfExpiryRank(size_t rank) const;

 private:
  static constexpr int kSlotsInGroup = 128;
  static constexpr int kGroups = kSlotCount / kSlotsInGroup;
  using GroupCounts = std::array<size_t, kGroups>;

  template <typename Count>
  static int Next(int from, const GroupCounts& groups, Count&& count);
  template <typename Count>
  static Slot OfRank(size_t rank, const GroupCounts& groups, Count&& count);

  std::array<SlotTable, kSlotCount> slots_;
  std::array<uint32_t, kSlotCount> expiry_of_slot_{};
  GroupCounts keys_of_group_{};
  GroupCounts expiry_of_group_{};
  size_t size_ = 0;
  size_t with_expiry_ = 0;
};

}  // namespace keyway::shard::keyspace
