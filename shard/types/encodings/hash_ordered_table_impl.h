// The code of hash_ordered_table.h, for the source files that instantiate it.
#pragma once

#include <algorithm>
#include <bit>
#include <utility>

#include <glog/logging.h>

#include "shard/types/encodings/hash_bytes.h"
#include "shard/types/encodings/hash_ordered_table.h"

namespace keyway::shard::types {

namespace internal {

inline constexpr int kRandomTries = 128;

// The smallest array of at least `cells` cells that an allocator with four size classes between two
// powers of two does not round up.
inline size_t RoundUpCapacity(size_t cells) {
  if (cells <= 8) return std::max<size_t>(2, (cells + 1) & ~size_t{1});
  const size_t step = std::bit_floor(cells - 1) / 4;
  return (cells + step - 1) / step * step;
}

}  // namespace internal

template <typename Policy>
struct HashOrderedTable<Policy>::Node {
  HashOrderedTable children[kFanout];
};

// One step of a walk.
template <typename Policy>
struct HashOrderedTable<Policy>::Step {
  bool done() const { return taken >= walk.max_items || cells >= walk.max_cells; }

  const Walk& walk;
  std::vector<Item*>* found;
  size_t taken = 0;
  size_t cells = 0;
};

template <typename Policy>
typename HashOrderedTable<Policy>::Cell HashOrderedTable<Policy>::MakeCell(uint64_t tag, Item* item) {
  const auto address = reinterpret_cast<uint64_t>(item);
  DCHECK_EQ(address & ~kAddressMask, 0u);
  return (tag << kTagShift) | address | (Policy::FlagOf(*item) ? kFlag : 0);
}

template <typename Policy>
size_t HashOrderedTable<Policy>::Displacement(Cell cell, size_t index) const {
  const size_t home = Home(cell >> kTagShift);
  return index >= home ? index - home : index + capacity_ - home;
}

template <typename Policy>
typename HashOrderedTable<Policy>::Cell* HashOrderedTable<Policy>::FindCell(uint64_t hash, std::string_view key) const {
  const HashOrderedTable* table = this;
  while (table->is_node()) {
    table = &table->node_->children[hash >> (64 - kNodeBits)];
    hash <<= kNodeBits;
  }
  if (table->size_ == 0) return nullptr;
  const uint64_t tag = hash >> kTagShift;
  size_t index = table->Home(tag);
  for (size_t displacement = 0;; ++displacement) {
    Cell* cell = &table->cells_[index];
    if (*cell == 0) return nullptr;
    if (*cell >> kTagShift == tag) {
      if (Policy::KeyOf(*ItemOf(*cell)) == key) return cell;
    } else if (table->Displacement(*cell, index) < displacement) {
      return nullptr;
    }
    index = table->Next(index);
  }
}

template <typename Policy>
typename HashOrderedTable<Policy>::Item* HashOrderedTable<Policy>::Find(uint64_t hash, std::string_view key) const {
  const Cell* cell = FindCell(hash, key);
  return cell == nullptr ? nullptr : ItemOf(*cell);
}

template <typename Policy>
void HashOrderedTable<Policy>::Insert(uint64_t hash, Item* item) {
  HashOrderedTable* table = this;
  for (int depth = 0;; ++depth) {
    if (!table->is_node() && table->size_ >= kMaxLeafItems && depth < kMaxDepth) {
      table->SplitIntoNode(depth);
    }
    if (!table->is_node()) break;
    CHECK_LT(table->size_, UINT32_MAX);
    ++table->size_;
    table = &table->node_->children[hash >> (64 - kNodeBits)];
    hash <<= kNodeBits;
  }
  table->AddToLeaf(hash, item);
}

template <typename Policy>
void HashOrderedTable<Policy>::AddToLeaf(uint64_t hash, Item* item) {
  const size_t needed = size_t{size_} + 1;
  if (needed * 8 > size_t{capacity_} * 7) Rebuild(internal::RoundUpCapacity(size_t{capacity_} + 1));
  Place(MakeCell(hash >> kTagShift, item));
  ++size_;
}

// Puts the cell where it belongs in the order; those behind it move on by one.
template <typename Policy>
void HashOrderedTable<Policy>::Place(Cell cell) {
  const uint64_t tag = cell >> kTagShift;
  size_t index = Home(tag);
  for (size_t displacement = 0; cells_[index] != 0; ++displacement) {
    const size_t other = Displacement(cells_[index], index);
    if (other < displacement) break;
    if (other == displacement && cells_[index] >> kTagShift > tag) break;
    index = Next(index);
  }
  while (cell != 0) {
    std::swap(cell, cells_[index]);
    index = Next(index);
  }
}

template <typename Policy>
void HashOrderedTable<Policy>::RemoveCell(size_t index) {
  for (size_t next = Next(index);; next = Next(next)) {
    if (cells_[next] == 0 || Displacement(cells_[next], next) == 0) break;
    cells_[index] = cells_[next];
    index = next;
  }
  cells_[index] = 0;
}

// Where the cell with the smallest tag may be: before it are only those that wrapped around.
template <typename Policy>
size_t HashOrderedTable<Policy>::FirstInOrder() const {
  size_t index = 0;
  while (index < capacity_ && cells_[index] != 0 && Home(cells_[index] >> kTagShift) > index) {
    ++index;
  }
  return index;
}

template <typename Policy>
void HashOrderedTable<Policy>::Rebuild(size_t capacity) {
  CHECK_LT(capacity, size_t{kIsNode});
  Cell* old_cells = cells_;
  const size_t old_capacity = capacity_;
  const size_t first = size_ == 0 ? 0 : FirstInOrder();
  cells_ = new Cell[capacity]();
  capacity_ = static_cast<uint32_t>(capacity);
  size_t next = 0;
  for (size_t i = 0; i < old_capacity; ++i) {
    const size_t from = first + i < old_capacity ? first + i : first + i - old_capacity;
    const Cell cell = old_cells[from];
    if (cell == 0) continue;
    const size_t index = std::max(next, Home(cell >> kTagShift));
    if (index >= capacity) {
      Place(cell);
    } else {
      cells_[index] = cell;
      next = index + 1;
    }
  }
  delete[] old_cells;
}

template <typename Policy>
typename HashOrderedTable<Policy>::Item* HashOrderedTable<Policy>::Remove(uint64_t hash, std::string_view key) {
  // The way down, to change the sizes only when the key is there.
  HashOrderedTable* path[kMaxDepth + 1];
  int depth = 0;
  HashOrderedTable* table = this;
  Cell* cell = FindCell(hash, key);
  if (cell == nullptr) return nullptr;
  Item* item = ItemOf(*cell);
  while (table->is_node()) {
    path[depth++] = table;
    table = &table->node_->children[hash >> (64 - kNodeBits)];
    hash <<= kNodeBits;
  }
  table->RemoveCell(static_cast<size_t>(cell - table->cells_));
  --table->size_;
  table->ShrinkLeaf();
  for (int i = 0; i < depth; ++i) --path[i]->size_;
  for (int i = 0; i < depth; ++i) {
    if (path[i]->size_ > kMaxLeafItems / 4) continue;
    path[i]->MergeIntoLeaf(i);
    break;
  }
  return item;
}

template <typename Policy>
void HashOrderedTable<Policy>::ShrinkLeaf() {
  if (size_ == 0) {
    FreeCells();
  } else if (size_t{size_} * 8 < size_t{capacity_} * 3) {
    const size_t capacity = internal::RoundUpCapacity(size_t{size_} * 4 / 3 + 1);
    if (capacity < capacity_) Rebuild(capacity);
  }
}

template <typename Policy>
void HashOrderedTable<Policy>::FreeCells() {
  delete[] cells_;
  cells_ = nullptr;
  capacity_ = 0;
}

template <typename Policy>
void HashOrderedTable<Policy>::SplitIntoNode(int depth) {
  auto* node = new Node;
  for (size_t index = 0; index < capacity_; ++index) {
    if (cells_[index] == 0) continue;
    Item* item = ItemOf(cells_[index]);
    const uint64_t hash = HashBytes(Policy::KeyOf(*item)) << (kNodeBits * depth);
    node->children[hash >> (64 - kNodeBits)].AddToLeaf(hash << kNodeBits, item);
  }
  FreeCells();
  node_ = node;
  capacity_ = kIsNode;
}

template <typename Policy>
void HashOrderedTable<Policy>::AppendItems(std::vector<Item*>* items) const {
  if (is_node()) {
    for (const HashOrderedTable& child : node_->children) child.AppendItems(items);
    return;
  }
  for (size_t index = 0; index < capacity_; ++index) {
    if (cells_[index] != 0) items->push_back(ItemOf(cells_[index]));
  }
}

template <typename Policy>
void HashOrderedTable<Policy>::MergeIntoLeaf(int depth) {
  std::vector<Item*> items;
  items.reserve(size_);
  AppendItems(&items);
  ReleaseStorage();
  if (!items.empty()) Rebuild(internal::RoundUpCapacity(items.size() * 4 / 3 + 1));
  for (Item* item : items) {
    AddToLeaf(HashBytes(Policy::KeyOf(*item)) << (kNodeBits * depth), item);
  }
}

// Forgets the items, which are not freed.
template <typename Policy>
void HashOrderedTable<Policy>::ReleaseStorage() {
  if (is_node()) {
    for (HashOrderedTable& child : node_->children) child.ReleaseStorage();
    delete std::exchange(node_, nullptr);
    cells_ = nullptr;
    capacity_ = 0;
  } else {
    FreeCells();
  }
  size_ = 0;
}

template <typename Policy>
void HashOrderedTable<Policy>::Clear() {
  if (is_node()) {
    for (HashOrderedTable& child : node_->children) child.Clear();
  } else {
    for (size_t index = 0; index < capacity_; ++index) {
      if (cells_[index] != 0) Policy::Free(ItemOf(cells_[index]));
    }
  }
  ReleaseStorage();
}

template <typename Policy>
void HashOrderedTable<Policy>::Collect(Walk* walk, std::vector<Item*>* found) const {
  Step step{.walk = *walk, .found = found};
  uint64_t next = 0;
  const bool more =
      walk->position < kEnd && CollectFrom(&step, walk->position << (64 - kPositionBits), 0, &next);
  walk->position = more ? next >> (64 - kPositionBits) : kEnd;
  walk->cells = step.cells;
}

// `from` and `next` are hashes without the bits that led to this table. Returns whether there is
// more.
template <typename Policy>
bool HashOrderedTable<Policy>::CollectFrom(Step* step, uint64_t from, int depth, uint64_t* next) const {
  if (!is_node()) return CollectFromLeaf(step, from, depth, next);
  uint64_t child_from = from << kNodeBits;
  for (uint64_t child = from >> (64 - kNodeBits); child < kFanout; ++child, child_from = 0) {
    const HashOrderedTable& table = node_->children[child];
    if (table.empty()) continue;
    uint64_t child_next = 0;
    if (step->done()) {
      *next = child << (64 - kNodeBits);
      return true;
    }
    if (table.CollectFrom(step, child_from, depth + 1, &child_next)) {
      *next = child << (64 - kNodeBits) | child_next >> kNodeBits;
      return true;
    }
  }
  return false;
}

template <typename Policy>
bool HashOrderedTable<Policy>::CollectFromLeaf(Step* step, uint64_t from, int depth, uint64_t* next) const {
  if (size_ == 0) return false;
  const uint64_t from_tag = from >> kTagShift;
  const bool from_inside_tag = from << kTagBits != 0;
  const size_t first = FirstInOrder();
  const size_t begin = std::max(first, Home(from_tag));
  uint64_t last_tag = from_tag;
  for (size_t i = begin; i < capacity_ + first; ++i) {
    ++step->cells;
    const Cell cell = cells_[i < capacity_ ? i : i - capacity_];
    const uint64_t tag = cell >> kTagShift;
    if (cell == 0 || tag < from_tag) continue;
    if (tag != last_tag && step->done()) {
      *next = tag << kTagShift;
      return true;
    }
    last_tag = tag;
    if (step->walk.only_flagged && (cell & kFlag) == 0) continue;
    if (tag == from_tag && from_inside_tag &&
        HashBytes(Policy::KeyOf(*ItemOf(cell))) << (kNodeBits * depth) < from) {
      continue;
    }
    ++step->taken;
    step->found->push_back(ItemOf(cell));
  }
  return false;
}

template <typename Policy>
typename HashOrderedTable<Policy>::Item* HashOrderedTable<Policy>::RandomItem(Random& random) const {
  const HashOrderedTable* table = this;
  while (table->is_node()) {
    uint64_t rank = random.Below(table->size_);
    const HashOrderedTable* child = table->node_->children;
    while (rank >= child->size_) {
      rank -= child->size_;
      ++child;
    }
    table = child;
  }
  for (int i = 0; i < internal::kRandomTries; ++i) {
    const Cell cell = table->cells_[random.Below(table->capacity_)];
    if (cell != 0) return ItemOf(cell);
  }
  uint64_t rank = random.Below(table->size_);
  size_t index = 0;
  while (table->cells_[index] == 0 || rank-- != 0) ++index;
  return ItemOf(table->cells_[index]);
}

template <typename Policy>
size_t HashOrderedTable<Policy>::AllocatedBytes() const {
  if (!is_node()) return capacity_ * sizeof(Cell);
  size_t bytes = sizeof(Node);
  for (const HashOrderedTable& child : node_->children) bytes += child.AllocatedBytes();
  return bytes;
}

template <typename Policy>
const HashOrderedTable<Policy>& HashOrderedTable<Policy>::Child(size_t index) const {
  return node_->children[index];
}

template <typename Policy>
void HashOrderedTable<Policy>::Reserve(size_t items) {
  if (is_node()) return;
  const size_t cells = internal::RoundUpCapacity(std::min(items, kMaxLeafItems) * 8 / 7 + 1);
  if (cells > capacity_) Rebuild(cells);
}

}  // namespace keyway::shard::types
