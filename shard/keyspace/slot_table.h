// The records of one slot of one database: a set of records, found by key.
//
// A table is an array of 8-byte cells, filled to at most 7/8, in the order of the hash:
//
//   cell = hash tag (16 bits) | record address (47 bits, the lowest always 0) | has an expiry (1
//   bit)
//
// A record's home is cell number tag * capacity / 65536, which rises with the hash. Records are as
// close behind their home as they can be and, wrapping around at the end, sorted by tag (ordered
// linear probing). So any capacity will do, growing and shrinking move cells without looking at
// the records, and a walk in hash order is exact whatever happened to the table since its last
// step: what has a smaller hash than the position has been seen, what has a larger one has not.
//
// One array holds at most kMaxLeafRecords. Beyond that the table becomes a node of 256 tables, by
// the first 8 bits of the hash, and the tags of these are the 16 bits that follow: a slot with a
// hundred million keys (one hash tag) grows in steps that are as short as any other's. Two levels
// of nodes at the most; below them arrays have no limit.
//
// The table owns its records. It does not know time: whether a record has expired is for Database.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "shard/keyspace/record.h"

namespace keyway::shard::keyspace {

class SlotTable {
 public:
  // Where a walk stands, in the order of the hash: all records below it have been seen.
  using Position = uint64_t;
  static constexpr int kPositionBits = 34;
  static constexpr Position kEnd = Position{1} << kPositionBits;

  static constexpr size_t kMaxLeafRecords = 7168;

  SlotTable() = default;
  SlotTable(const SlotTable&) = delete;
  SlotTable& operator=(const SlotTable&) = delete;
  ~SlotTable() { Clear(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // `hash` is HashKey(key), here and below. nullptr when there is none. Valid until the record is
  // replaced or removed, whatever happens to others.
  Record* Find(uint64_t hash, std::string_view key) const;
  // Takes the record; its key must not be in the table.
  void Insert(uint64_t hash, Record* record);
  // Removes the record of `key` and gives it to the caller; nullptr when there is none.
  Record* Remove(uint64_t hash, std::string_view key);
  // Calls `change` with the record of `key` and puts the record that it returns in its place (the
  // same one, or the same elsewhere, or one with another expiry). Returns it; nullptr when there is
  // none.
  template <typename Change>
  Record* Replace(uint64_t hash, std::string_view key, Change&& change) {
    Cell* cell = FindCell(hash, key);
    if (cell == nullptr) return nullptr;
    Record* record = change(RecordOf(*cell));
    *cell = MakeCell(*cell >> kTagShift, record);
    return record;
  }
  // Frees all records.
  void Clear();

  // A walk over the records. What ends one step of it are `max_records` and `max_cells`.
  struct Walk {
    Position position = 0;  // kEnd: it is over
    size_t max_records = 1;
    size_t max_cells = SIZE_MAX;  // cells looked at, empty or not
    bool only_with_expiry = false;
    size_t cells = 0;  // looked at by the last step
  };
  // Takes one step: appends to `found` the next records in the order of the hash and moves the
  // position behind them. Records with one place in that order are never separated, so a few more
  // than `max_records` may come. The pointers are valid as those of Find are.
  void Collect(Walk* walk, std::vector<Record*>* found) const;

  // Any record with the same probability. The table must not be empty.
  Record* RandomRecord(Random& random) const;

  // Bytes of the table itself, without the records and without sizeof(SlotTable).
  size_t AllocatedBytes() const;

 private:
  using Cell = uint64_t;
  struct Node;
  struct Step;

  static constexpr int kTagBits = 16;
  static constexpr int kTagShift = 64 - kTagBits;
  static constexpr Cell kHasExpiry = 1;
  static constexpr Cell kAddressMask = ((Cell{1} << kTagShift) - 1) & ~kHasExpiry;
  static constexpr uint32_t kIsNode = UINT32_MAX;
  static constexpr int kMaxDepth = 2;
  static constexpr int kNodeBits = 8;
  static constexpr size_t kFanout = size_t{1} << kNodeBits;

  bool is_node() const { return capacity_ == kIsNode; }
  size_t Home(uint64_t tag) const { return (tag * capacity_) >> kTagBits; }
  size_t Next(size_t index) const { return index + 1 == capacity_ ? 0 : index + 1; }
  size_t Displacement(Cell cell, size_t index) const;
  static Record* RecordOf(Cell cell) { return reinterpret_cast<Record*>(cell & kAddressMask); }
  static Cell MakeCell(uint64_t tag, Record* record);
  Cell* FindCell(uint64_t hash, std::string_view key) const;
  void Place(Cell cell);
  void RemoveCell(size_t index);
  void AddToLeaf(uint64_t hash, Record* record);
  void Rebuild(size_t capacity);
  void ShrinkLeaf();
  void SplitIntoNode(int depth);
  void MergeIntoLeaf(int depth);
  size_t FirstInOrder() const;
  bool CollectFromLeaf(Step* step, uint64_t from, int depth, uint64_t* next) const;
  bool CollectFrom(Step* step, uint64_t from, int depth, uint64_t* next) const;
  void AppendRecords(std::vector<Record*>* records) const;
  void FreeCells();
  void ReleaseStorage();

  union {
    Cell* cells_ = nullptr;  // capacity_ of them, 0 = empty
    Node* node_;
  };
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;  // kIsNode: the table is a node
};

static_assert(sizeof(SlotTable) == 16);

}  // namespace keyway::shard::keyspace
