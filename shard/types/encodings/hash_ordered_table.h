// A set of items found by a string key (a record of the keyspace, a field of a hash, a member of a
// set), kept in the order of the keys' hashes.
//
// A table is an array of 8-byte cells, filled to at most 7/8, in the order of the hash:
//
//   cell = hash tag (16 bits) | item address (47 bits, the lowest always 0) | flag of the item (1 bit)
//
// An item's home is cell number tag * capacity / 65536, which rises with the hash. Items are as
// close behind their home as they can be and, wrapping around at the end, sorted by tag (ordered
// linear probing). So any capacity will do, growing and shrinking move cells without looking at
// the items, and a walk in hash order is exact whatever happened to the table since its last
// step: what has a smaller hash than the position has been seen, what has a larger one has not.
//
// One array holds at most kMaxLeafItems. Beyond that the table becomes a node of 256 tables, by
// the first 8 bits of the hash, and the tags of these are the 16 bits that follow: a table with a
// hundred million items grows in steps that are as short as any other's. Two levels of nodes at the
// most; below them arrays have no limit.
//
// The table owns its items. `Policy` says what they are:
//
//   struct Policy {
//     using Item = ...;                                  // allocated at even addresses of 47 bits
//     static std::string_view KeyOf(const Item& item);   // never changes while it is in the table
//     static bool FlagOf(const Item& item);              // a bit that walks can ask for
//     static void Free(Item* item);
//   };
//
// hash_ordered_table_impl.h has the code; one source file instantiates each table explicitly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/random.h"

namespace keyway::shard::types {

template <typename Policy>
class HashOrderedTable {
 public:
  using Item = typename Policy::Item;

  // Where a walk stands, in the order of the hash: all items below it have been seen.
  using Position = uint64_t;
  static constexpr int kPositionBits = 34;
  static constexpr Position kEnd = Position{1} << kPositionBits;

  static constexpr size_t kMaxLeafItems = 7168;

  HashOrderedTable() = default;
  HashOrderedTable(const HashOrderedTable&) = delete;
  HashOrderedTable& operator=(const HashOrderedTable&) = delete;
  ~HashOrderedTable() { Clear(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // `hash` is HashBytes(key), here and below. nullptr when there is none. Valid until the item is
  // replaced or removed, whatever happens to others.
  Item* Find(uint64_t hash, std::string_view key) const;
  // Asks for the memory in which Find or Insert will look: it is in the processor's cache when they
  // are called a little later.
  void Prefetch(uint64_t hash) const {
    if (!is_node() && size_ != 0) __builtin_prefetch(&cells_[Home(hash >> kTagShift)]);
  }
  // Takes the item; its key must not be in the table.
  void Insert(uint64_t hash, Item* item);
  // Removes the item of `key` and gives it to the caller; nullptr when there is none.
  Item* Remove(uint64_t hash, std::string_view key);
  // Calls `change` with the item of `key` and puts the item that it returns in its place (the
  // same one, or the same elsewhere, or one with another flag). Returns it; nullptr when there is
  // none.
  template <typename Change>
  Item* Replace(uint64_t hash, std::string_view key, Change&& change) {
    Cell* cell = FindCell(hash, key);
    if (cell == nullptr) return nullptr;
    Item* item = change(ItemOf(*cell));
    // An item that stays where it is leaves the table's page as it is: shared with a forked child.
    if (const Cell changed = MakeCell(*cell >> kTagShift, item); changed != *cell) *cell = changed;
    return item;
  }
  // Frees all items.
  void Clear();
  // In the order of the hash but for those that wrapped around; `visit` must not change the table.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    if (is_node()) {
      for (size_t child = 0; child < kFanout; ++child) Child(child).ForEach(visit);
      return;
    }
    for (size_t index = 0; index < capacity_; ++index) {
      if (cells_[index] != 0) visit(*ItemOf(cells_[index]));
    }
  }
  // Makes room for `items` in all, if it is known that so many will come.
  void Reserve(size_t items);

  // A walk over the items. What ends one step of it are `max_items` and `max_cells`.
  struct Walk {
    Position position = 0;  // kEnd: it is over
    size_t max_items = 1;
    size_t max_cells = SIZE_MAX;  // cells looked at, empty or not
    bool only_flagged = false;
    size_t cells = 0;  // looked at by the last step
  };
  // Takes one step: appends to `found` the next items in the order of the hash and moves the
  // position behind them. Records with one place in that order are never separated, so a few more
  // than `max_items` may come. The pointers are valid as those of Find are.
  void Collect(Walk* walk, std::vector<Item*>* found) const;

  // Any item with the same probability. The table must not be empty.
  Item* RandomItem(Random& random) const;

  // Bytes of the table itself, without the items and without sizeof(HashOrderedTable).
  size_t AllocatedBytes() const;

 private:
  using Cell = uint64_t;
  struct Node;
  struct Step;

  static constexpr int kTagBits = 16;
  static constexpr int kTagShift = 64 - kTagBits;
  static constexpr Cell kFlag = 1;
  static constexpr Cell kAddressMask = ((Cell{1} << kTagShift) - 1) & ~kFlag;
  static constexpr uint32_t kIsNode = UINT32_MAX;
  static constexpr int kMaxDepth = 2;
  static constexpr int kNodeBits = 8;
  static constexpr size_t kFanout = size_t{1} << kNodeBits;

  bool is_node() const { return capacity_ == kIsNode; }
  const HashOrderedTable& Child(size_t index) const;
  size_t Home(uint64_t tag) const { return (tag * capacity_) >> kTagBits; }
  size_t Next(size_t index) const { return index + 1 == capacity_ ? 0 : index + 1; }
  size_t Displacement(Cell cell, size_t index) const;
  static Item* ItemOf(Cell cell) { return reinterpret_cast<Item*>(cell & kAddressMask); }
  static Cell MakeCell(uint64_t tag, Item* item);
  Cell* FindCell(uint64_t hash, std::string_view key) const;
  void Place(Cell cell);
  void RemoveCell(size_t index);
  void AddToLeaf(uint64_t hash, Item* item);
  void Rebuild(size_t capacity);
  void ShrinkLeaf();
  void SplitIntoNode(int depth);
  void MergeIntoLeaf(int depth);
  size_t FirstInOrder() const;
  bool CollectFromLeaf(Step* step, uint64_t from, int depth, uint64_t* next) const;
  bool CollectFrom(Step* step, uint64_t from, int depth, uint64_t* next) const;
  void AppendItems(std::vector<Item*>* items) const;
  void FreeCells();
  void ReleaseStorage();

  union {
    Cell* cells_ = nullptr;  // capacity_ of them, 0 = empty
    Node* node_;
  };
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;  // kIsNode: the table is a node
};

}  // namespace keyway::shard::types
