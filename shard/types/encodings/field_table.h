// A large hash: fields, each with a value. A field and its value are one allocation, found through
// a HashOrderedTable:
//
//   length (1; 255: the 8 bytes that follow it, little endian) | field | length, likewise | value
//
// A new value is written into that allocation when it fits and does not waste it; else the field
// moves to another. The order of a walk is the order of the fields' hashes: it stays the same as
// long as the process runs, whatever comes and goes.
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
class Field {
 public:
  static Field* New(std::string_view name, std::string_view value);
  static void Free(Field* field);
  // Returns where the field is then. `value` must not lie in it.
  static Field* SetValue(Field* field, std::string_view value);

  std::string_view name() const;
  std::string_view value() const;
  size_t AllocatedBytes() const;

  Field() = delete;
};

struct FieldPolicy {
  using Item = Field;
  static std::string_view KeyOf(const Field& field) { return field.name(); }
  static bool FlagOf(const Field&) { return false; }
  static void Free(Field* field) { Field::Free(field); }
};

class FieldTable {
 public:
  using Table = HashOrderedTable<FieldPolicy>;
  // Where a walk stands: all fields before it in the order of the hashes have been seen.
  using Position = Table::Position;
  static constexpr Position kEnd = Table::kEnd;

  // For walks that the table itself does not offer.
  const Table& table() const { return table_; }
  size_t size() const { return table_.size(); }
  bool empty() const { return table_.empty(); }
  // nullptr when there is none. Valid until the field is set or removed.
  const Field* Find(std::string_view name) const;
  // Whether the field is new. `value` must not lie in the table.
  bool Set(std::string_view name, std::string_view value);
  // Whether it was there.
  bool Remove(std::string_view name);
  // Makes room for `fields` in all.
  void Reserve(size_t fields) { table_.Reserve(fields); }

  // Calls `visit(const Field&)` for all; it must not change the table.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    table_.ForEach([&visit](const Field& field) { visit(field); });
  }
  // One step of a walk, which begins at 0: appends to `found` the next `count` fields, or a few
  // more, and returns the position behind them, kEnd when there is nothing more. A field that is
  // there from the first step to the last is found once. Valid as those of Find are.
  Position Collect(Position from, size_t count, std::vector<const Field*>* found) const;
  // Any field with the same probability; the table must not be empty.
  const Field& RandomField(Random& random) const { return *table_.RandomItem(random); }

  std::unique_ptr<FieldTable> Duplicate() const;
  // The number of fields.
  size_t FreeEffort() const { return 1 + size(); }
  // With the fields, of which `samples` are looked at (0: all) and the others taken as large.
  size_t AllocatedBytes(size_t samples) const;
  size_t AllocatedBytes() const { return AllocatedBytes(0); }

 private:
  Table table_;
};

static_assert(sizeof(FieldTable) == 16);

}  // namespace keyway::shard::types

extern template class keyway::shard::types::HashOrderedTable<keyway::shard::types::FieldPolicy>;
