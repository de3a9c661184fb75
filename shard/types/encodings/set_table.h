// A large set of strings. Each member is one allocation, found through a HashOrderedTable:
//
//   length (1; 255: the 8 bytes that follow it, little endian) | member
//
// The order of a walk is the order of the members' hashes: it stays the same as long as the process
// runs, whatever comes and goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "shard/types/encodings/hash_ordered_table.h"

namespace keyway::shard::types {

// Known by its address only; the bytes begin there.
class SetMember {
 public:
  static SetMember* New(std::string_view text);
  static void Free(SetMember* member);

  std::string_view text() const;
  size_t AllocatedBytes() const;

  SetMember() = delete;
};

struct SetMemberPolicy {
  using Item = SetMember;
  static std::string_view KeyOf(const SetMember& member) { return member.text(); }
  static bool FlagOf(const SetMember&) { return false; }
  static void Free(SetMember* member) { SetMember::Free(member); }
};

class SetTable {
 public:
  using Table = HashOrderedTable<SetMemberPolicy>;
  // Where a walk stands: all members before it in the order of the hashes have been seen.
  using Position = Table::Position;
  static constexpr Position kEnd = Table::kEnd;

  // For walks that the table itself does not offer.
  const Table& table() const { return table_; }
  size_t size() const { return table_.size(); }
  bool empty() const { return table_.empty(); }
  bool Contains(std::string_view member) const;
  // Whether it was added, was removed.
  bool Add(std::string_view member);
  bool Remove(std::string_view member);
  // Makes room for `members` in all.
  void Reserve(size_t members) { table_.Reserve(members); }

  // Calls `visit(std::string_view member)` for all; it must not change the set.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    table_.ForEach([&visit](const SetMember& member) { visit(member.text()); });
  }
  // One step of a walk, which begins at 0: appends to `found` the next `count` members, or a few
  // more, and returns the position behind them, kEnd when there is nothing more. A member that is
  // there from the first step to the last is found once. The views are valid until their member is
  // removed.
  Position Collect(Position from, size_t count, std::vector<std::string_view>* found) const;
  // Any member with the same probability; the set must not be empty.
  std::string_view RandomMember(Random& random) const { return table_.RandomItem(random)->text(); }

  std::unique_ptr<SetTable> Duplicate() const;
  // The number of members.
  size_t FreeEffort() const { return 1 + size(); }
  // With the members, of which `samples` are looked at (0: all) and the others taken as large.
  size_t AllocatedBytes(size_t samples) const;
  size_t AllocatedBytes() const { return AllocatedBytes(0); }

 private:
  Table table_;
};

static_assert(sizeof(SetTable) == 16);

}  // namespace keyway::shard::types

extern template class keyway::shard::types::HashOrderedTable<keyway::shard::types::SetMemberPolicy>;
