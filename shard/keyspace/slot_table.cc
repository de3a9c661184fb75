#include "shard/keyspace/slot_table.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <glog/logging.h>

#include "shard/keyspace/key.h"

namespace keyway::shard::keyspace {
namespace {

constexpr int kUnusedPositionBits = 64 - SlotTable::kPositionBits;
constexpr int kRandomTries = 128;

// The smallest array of at least `cells` cells that an allocator with four size classes between two
// powers of two does not round up.
size_t RoundUpCapacity(size_t cells) {
  if (cells <= 8) return std::max<size_t>(2, (cells + 1) & ~size_t{1});
  const size_t step = std::bit_floor(cells - 1) / 4;
  return (cells + step - 1) / step * step;
}

}  // namespace

struct SlotTable::Node {
  SlotTable children[kFanout];
};

// One step of a walk.
struct SlotTable::Step {
  bool done() const { return taken >= walk.max_records || cells >= walk.max_cells; }

  const Walk& walk;
  std::vector<Record*>* found;
  size_t taken = 0;
  size_t cells = 0;
};

SlotTable::Cell SlotTable::MakeCell(uint64_t tag, Record* record) {
  const auto address = reinterpret_cast<uint64_t>(record);
  DCHECK_EQ(address & ~kAddressMask, 0u);
  return (tag << kTagShift) | address | (record->has_expiry() ? kHasExpiry : 0);
}

size_t SlotTable::Displacement(Cell cell, size_t index) const {
  const size_t home = Home(cell >> kTagShift);
  return index >= home ? index - home : index + capacity_ - home;
}

SlotTable::Cell* SlotTable::FindCell(uint64_t hash, std::string_view key) const {
  const SlotTable* table = this;
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
      if (RecordOf(*cell)->key() == key) return cell;
    } else if (table->Displacement(*cell, index) < displacement) {
      return nullptr;
    }
    index = table->Next(index);
  }
}

Record* SlotTable::Find(uint64_t hash, std::string_view key) const {
  const Cell* cell = FindCell(hash, key);
  return cell == nullptr ? nullptr : RecordOf(*cell);
}

void SlotTable::Insert(uint64_t hash, Record* record) {
  SlotTable* table = this;
  for (int depth = 0;; ++depth) {
    if (!table->is_node() && table->size_ >= kMaxLeafRecords && depth < kMaxDepth) {
      table->SplitIntoNode(depth);
    }
    if (!table->is_node()) break;
    CHECK_LT(table->size_, UINT32_MAX);
    ++table->size_;
    table = &table->node_->children[hash >> (64 - kNodeBits)];
    hash <<= kNodeBits;
  }
  table->AddToLeaf(hash, record);
}

void SlotTable::AddToLeaf(uint64_t hash, Record* record) {
  const size_t needed = size_t{size_} + 1;
  if (needed * 8 > size_t{capacity_} * 7) Rebuild(RoundUpCapacity(size_t{capacity_} + 1));
  Place(MakeCell(hash >> kTagShift, record));
  ++size_;
}

// Puts the cell where it belongs in the order; those behind it move on by one.
void SlotTable::Place(Cell cell) {
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

void SlotTable::RemoveCell(size_t index) {
  for (size_t next = Next(index);; next = Next(next)) {
    if (cells_[next] == 0 || Displacement(cells_[next], next) == 0) break;
    cells_[index] = cells_[next];
    index = next;
  }
  cells_[index] = 0;
}

// Where the cell with the smallest tag may be: before it are only those that wrapped around.
size_t SlotTable::FirstInOrder() const {
  size_t index = 0;
  while (index < capacity_ && cells_[index] != 0 && Home(cells_[index] >> kTagShift) > index) {
    ++index;
  }
  return index;
}

void SlotTable::Rebuild(size_t capacity) {
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

Record* SlotTable::Remove(uint64_t hash, std::string_view key) {
  // The way down, to change the sizes only when the key is there.
  SlotTable* path[kMaxDepth + 1];
  int depth = 0;
  SlotTable* table = this;
  Cell* cell = FindCell(hash, key);
  if (cell == nullptr) return nullptr;
  Record* record = RecordOf(*cell);
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
    if (path[i]->size_ > kMaxLeafRecords / 4) continue;
    path[i]->MergeIntoLeaf(i);
    break;
  }
  return record;
}

void SlotTable::ShrinkLeaf() {
  if (size_ == 0) {
    FreeCells();
  } else if (size_t{size_} * 8 < size_t{capacity_} * 3) {
    const size_t capacity = RoundUpCapacity(size_t{size_} * 4 / 3 + 1);
    if (capacity < capacity_) Rebuild(capacity);
  }
}

void SlotTable::FreeCells() {
  delete[] cells_;
  cells_ = nullptr;
  capacity_ = 0;
}

void SlotTable::SplitIntoNode(int depth) {
  auto* node = new Node;
  for (size_t index = 0; index < capacity_; ++index) {
    if (cells_[index] == 0) continue;
    Record* record = RecordOf(cells_[index]);
    const uint64_t hash = HashKey(record->key()) << (kNodeBits * depth);
    node->children[hash >> (64 - kNodeBits)].AddToLeaf(hash << kNodeBits, record);
  }
  FreeCells();
  node_ = node;
  capacity_ = kIsNode;
}

void SlotTable::AppendRecords(std::vector<Record*>* records) const {
  if (is_node()) {
    for (const SlotTable& child : node_->children) child.AppendRecords(records);
    return;
  }
  for (size_t index = 0; index < capacity_; ++index) {
    if (cells_[index] != 0) records->push_back(RecordOf(cells_[index]));
  }
}

void SlotTable::MergeIntoLeaf(int depth) {
  std::vector<Record*> records;
  records.reserve(size_);
  AppendRecords(&records);
  ReleaseStorage();
  if (!records.empty()) Rebuild(RoundUpCapacity(records.size() * 4 / 3 + 1));
  for (Record* record : records) {
    AddToLeaf(HashKey(record->key()) << (kNodeBits * depth), record);
  }
}

// Forgets the records, which are not freed.
void SlotTable::ReleaseStorage() {
  if (is_node()) {
    for (SlotTable& child : node_->children) child.ReleaseStorage();
    delete std::exchange(node_, nullptr);
    cells_ = nullptr;
    capacity_ = 0;
  } else {
    FreeCells();
  }
  size_ = 0;
}

void SlotTable::Clear() {
  if (is_node()) {
    for (SlotTable& child : node_->children) child.Clear();
  } else {
    for (size_t index = 0; index < capacity_; ++index) {
      if (cells_[index] != 0) Record::Free(RecordOf(cells_[index]));
    }
  }
  ReleaseStorage();
}

void SlotTable::Collect(Walk* walk, std::vector<Record*>* found) const {
  Step step{.walk = *walk, .found = found};
  uint64_t next = 0;
  const bool more =
      walk->position < kEnd && CollectFrom(&step, walk->position << kUnusedPositionBits, 0, &next);
  walk->position = more ? next >> kUnusedPositionBits : kEnd;
  walk->cells = step.cells;
}

// `from` and `next` are hashes without the bits that led to this table. Returns whether there is
// more.
bool SlotTable::CollectFrom(Step* step, uint64_t from, int depth, uint64_t* next) const {
  if (!is_node()) return CollectFromLeaf(step, from, depth, next);
  uint64_t child_from = from << kNodeBits;
  for (uint64_t child = from >> (64 - kNodeBits); child < kFanout; ++child, child_from = 0) {
    const SlotTable& table = node_->children[child];
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

bool SlotTable::CollectFromLeaf(Step* step, uint64_t from, int depth, uint64_t* next) const {
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
    if (step->walk.only_with_expiry && (cell & kHasExpiry) == 0) continue;
    if (tag == from_tag && from_inside_tag &&
        HashKey(RecordOf(cell)->key()) << (kNodeBits * depth) < from) {
      continue;
    }
    ++step->taken;
    step->found->push_back(RecordOf(cell));
  }
  return false;
}

Record* SlotTable::RandomRecord(Random& random) const {
  const SlotTable* table = this;
  while (table->is_node()) {
    uint64_t rank = random.Below(table->size_);
    const SlotTable* child = table->node_->children;
    while (rank >= child->size_) {
      rank -= child->size_;
      ++child;
    }
    table = child;
  }
  for (int i = 0; i < kRandomTries; ++i) {
    const Cell cell = table->cells_[random.Below(table->capacity_)];
    if (cell != 0) return RecordOf(cell);
  }
  uint64_t rank = random.Below(table->size_);
  size_t index = 0;
  while (table->cells_[index] == 0 || rank-- != 0) ++index;
  return RecordOf(table->cells_[index]);
}

size_t SlotTable::AllocatedBytes() const {
  if (!is_node()) return capacity_ * sizeof(Cell);
  size_t bytes = sizeof(Node);
  for (const SlotTable& child : node_->children) bytes += child.AllocatedBytes();
  return bytes;
}

}  // namespace keyway::shard::keyspace
