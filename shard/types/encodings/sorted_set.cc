#include "shard/types/encodings/sorted_set.h"

#include <algorithm>
#include <cstring>
#include <new>

#include <glog/logging.h>

#include "shard/types/encodings/hash_bytes.h"
#include "shard/types/encodings/hash_ordered_table_impl.h"

template class keyway::shard::types::HashOrderedTable<keyway::shard::types::SortedSetPolicy>;

namespace keyway::shard::types {
namespace {

// A node with fewer than this part of its room filled is joined with a neighbour.
constexpr size_t kLeastPart = 4;

// As the allocator rounds.
size_t RoundUp(size_t bytes) {
  constexpr size_t kQuantum = 16;
  return (bytes + kQuantum - 1) & ~(kQuantum - 1);
}

}  // namespace

SortedSetItem* SortedSetItem::New(std::string_view member, double score) {
  const bool is_long = member.size() >= kLongLength;
  const size_t header = kHeaderBytes + (is_long ? sizeof(uint64_t) : 0);
  char* memory = static_cast<char*>(::operator new(header + member.size()));
  auto* item = new (memory) SortedSetItem;
  item->score_ = score;
  item->length_ = is_long ? kLongLength : static_cast<uint32_t>(member.size());
  if (is_long) {
    const uint64_t length = member.size();
    std::memcpy(memory + kHeaderBytes, &length, sizeof(length));
  }
  if (!member.empty()) std::memcpy(memory + header, member.data(), member.size());
  return item;
}

void SortedSetItem::Free(SortedSetItem* item) {
  item->~SortedSetItem();
  ::operator delete(item);
}

std::string_view SortedSetItem::LongMember() const {
  uint64_t length = 0;
  std::memcpy(&length, bytes(), sizeof(length));
  return {bytes() + sizeof(length), length};
}

size_t SortedSetItem::AllocatedBytes() const {
  return RoundUp(static_cast<size_t>(member().end() - reinterpret_cast<const char*>(this)));
}

SortedSet::~SortedSet() {
  if (root_ != nullptr) FreeNodes(root_);
}

// Frees the nodes below, too.
void SortedSet::FreeNodes(Node* node) {
  if (node->level != 0) {
    auto* inner = static_cast<Inner*>(node);
    for (size_t i = 0; i < inner->count; ++i) FreeNodes(inner->entries[i].child);
  }
  FreeNode(node);
}

std::unique_ptr<SortedSet> SortedSet::Duplicate() const {
  auto copy = std::make_unique<SortedSet>();
  copy->Reserve(size());
  for (Iterator i = Begin(); i; ++i) copy->Insert(i->member(), i->score());
  return copy;
}

size_t SortedSet::AllocatedBytes() const {
  return sizeof(*this) + table_.AllocatedBytes() + bytes_;
}

const SortedSet::Item* SortedSet::Find(std::string_view member) const {
  return table_.Find(HashBytes(member), member);
}

const SortedSet::Item* SortedSet::Insert(std::string_view member, double score) {
  Item* item = Item::New(member, score);
  table_.Insert(HashBytes(member), item);
  bytes_ += item->AllocatedBytes();
  Link(item);
  return item;
}

bool SortedSet::Remove(std::string_view member) {
  Item* item = table_.Remove(HashBytes(member), member);
  if (item == nullptr) return false;
  Unlink(*item);
  bytes_ -= item->AllocatedBytes();
  Item::Free(item);
  return true;
}

void SortedSet::RemoveRange(size_t begin, size_t end) {
  for (size_t left = end - begin; left > 0; --left) Remove(At(begin)->member());
}

void SortedSet::SetScore(const Item* item, double score) {
  Path path;
  FindPlace(item->score(), item->member(), &path);
  Item* found = path.leaf->items[path.index];
  CHECK(found == item);
  // What inner nodes know of it are the first items of leaves.
  const bool stays = path.index > 0 && path.index + size_t{1} < path.leaf->count &&
                     path.leaf->items[path.index - 1]->IsBefore(score, item->member()) &&
                     !path.leaf->items[path.index + 1]->IsBefore(score, item->member());
  if (stays) {
    found->score_ = score;
    return;
  }
  Unlink(*item);
  found->score_ = score;
  Link(found);
}

// --- Looking.

SortedSet::Iterator SortedSet::Begin() const {
  return {first_, 0};
}

SortedSet::Iterator SortedSet::Last() const {
  return last_ == nullptr ? Iterator() : Iterator(last_, last_->count - size_t{1});
}

SortedSet::Iterator SortedSet::At(size_t rank) const {
  if (rank >= size()) return {};
  const Node* node = root_;
  while (node->level != 0) {
    const auto& inner = static_cast<const Inner&>(*node);
    size_t index = 0;
    while (rank >= inner.entries[index].size) rank -= inner.entries[index++].size;
    node = inner.entries[index].child;
  }
  return {static_cast<const Leaf*>(node), rank};
}

size_t SortedSet::RankOf(const Item& item) const {
  const std::string_view member = item.member();
  return CountBefore([&](double score, const Item& other) {
    return score != item.score() ? score < item.score() : other.member() < member;
  });
}

// The place of an item that is there, or where one would be inserted.
void SortedSet::FindPlace(double score, std::string_view member, Path* path) const {
  // The way down leads to the item itself if it is the first of its leaf.
  const auto is_not_behind = [&](double other_score, const Item& other) {
    return other_score != score ? other_score < score : other.member() <= member;
  };
  Node* node = root_;
  while (node->level != 0) {
    auto* inner = static_cast<Inner*>(node);
    const size_t index = ChildPlace(*inner, is_not_behind);
    CHECK_LT(path->depth, kMaxDepth);
    path->steps[path->depth++] = {inner, index};
    node = inner->entries[index].child;
  }
  path->leaf = static_cast<Leaf*>(node);
  path->index = LeafPlace(*path->leaf, [&](double other_score, const Item& other) {
    return other_score != score ? other_score < score : other.member() < member;
  });
}

// --- Nodes.

SortedSet::Leaf* SortedSet::NewLeaf() {
  bytes_ += RoundUp(sizeof(Leaf));
  return new Leaf;
}

SortedSet::Inner* SortedSet::NewInner(uint16_t level) {
  bytes_ += RoundUp(sizeof(Inner));
  auto* inner = new Inner;
  inner->level = level;
  return inner;
}

void SortedSet::FreeNode(Node* node) {
  if (node->level != 0) {
    bytes_ -= RoundUp(sizeof(Inner));
    delete static_cast<Inner*>(node);
    return;
  }
  auto* leaf = static_cast<Leaf*>(node);
  (leaf->previous == nullptr ? first_ : leaf->previous->next) = leaf->next;
  (leaf->next == nullptr ? last_ : leaf->next->previous) = leaf->previous;
  bytes_ -= RoundUp(sizeof(Leaf));
  delete leaf;
}

SortedSet::Entry SortedSet::EntryOf(Node* node, size_t size) {
  Item* first = node->level == 0 ? static_cast<Leaf*>(node)->items[0]
                                 : static_cast<Inner*>(node)->entries[0].first;
  return {.score = first->score(), .first = first, .child = node, .size = size};
}

size_t SortedSet::SizeOf(const Node& node) {
  if (node.level == 0) return node.count;
  const auto& inner = static_cast<const Inner&>(node);
  size_t size = 0;
  for (size_t i = 0; i < inner.count; ++i) size += inner.entries[i].size;
  return size;
}

// --- Inserting.

// Moves items between neighbours so that the left one has `left_count`.
void SortedSet::MoveLeafItems(Leaf* left, Leaf* right, size_t left_count) {
  const size_t right_count = left->count + size_t{right->count} - left_count;
  if (left_count < left->count) {
    const size_t moved = left->count - left_count;
    std::copy_backward(right->items, right->items + right->count, right->items + right_count);
    std::copy_n(left->items + left_count, moved, right->items);
  } else {
    const size_t moved = left_count - left->count;
    std::copy_n(right->items, moved, left->items + left->count);
    std::copy(right->items + moved, right->items + right->count, right->items);
  }
  left->count = static_cast<uint16_t>(left_count);
  right->count = static_cast<uint16_t>(right_count);
}

void SortedSet::MoveEntries(Inner* left, Inner* right, size_t left_count) {
  const size_t right_count = left->count + size_t{right->count} - left_count;
  if (left_count < left->count) {
    const size_t moved = left->count - left_count;
    std::copy_backward(right->entries, right->entries + right->count, right->entries + right_count);
    std::copy_n(left->entries + left_count, moved, right->entries);
  } else {
    const size_t moved = left_count - left->count;
    std::copy_n(right->entries, moved, left->entries + left->count);
    std::copy(right->entries + moved, right->entries + right->count, right->entries);
  }
  left->count = static_cast<uint16_t>(left_count);
  right->count = static_cast<uint16_t>(right_count);
}

// Makes room for an item at `place` of a full leaf, in it or in the new one behind it. A set that
// grows at one of its ends only leaves full leaves behind.
SortedSet::Leaf* SortedSet::SplitLeaf(Leaf* leaf, size_t place) {
  Leaf* right = NewLeaf();
  right->previous = leaf;
  right->next = leaf->next;
  (leaf->next == nullptr ? last_ : leaf->next->previous) = right;
  leaf->next = right;
  size_t kept = leaf->count / 2;
  if (place == leaf->count && right->next == nullptr) kept = leaf->count;
  if (place == 0 && leaf->previous == nullptr) kept = 0;
  MoveLeafItems(leaf, right, kept);
  return right;
}

void SortedSet::InsertInLeaf(Path* path, Item* item, Leaf** sibling) {
  Leaf* leaf = path->leaf;
  size_t place = path->index;
  if (leaf->count == kLeafItems) {
    *sibling = SplitLeaf(leaf, place);
    if (place > leaf->count || leaf->count == kLeafItems) {
      place -= leaf->count;
      leaf = *sibling;
    }
  }
  std::copy_backward(leaf->items + place, leaf->items + leaf->count, leaf->items + leaf->count + 1);
  leaf->items[place] = item;
  ++leaf->count;
}

SortedSet::Inner* SortedSet::SplitInner(Inner* inner, size_t place) {
  Inner* right = NewInner(inner->level);
  MoveEntries(inner, right, place == inner->count ? inner->count - size_t{1} : inner->count / 2);
  return right;
}

void SortedSet::InsertEntry(Inner* inner, size_t place, const Entry& entry, Inner** sibling) {
  if (inner->count == kInnerChildren) {
    *sibling = SplitInner(inner, place);
    if (place > inner->count) {
      place -= inner->count;
      inner = *sibling;
    }
  }
  Entry* entries = inner->entries;
  std::copy_backward(entries + place, entries + inner->count, entries + inner->count + 1);
  entries[place] = entry;
  ++inner->count;
}

void SortedSet::Link(Item* item) {
  if (root_ == nullptr) root_ = first_ = last_ = NewLeaf();
  Path path;
  FindPlace(item->score(), item->member(), &path);
  Leaf* leaf_sibling = nullptr;
  InsertInLeaf(&path, item, &leaf_sibling);
  Node* sibling = leaf_sibling;
  for (size_t depth = path.depth; depth-- > 0;) {
    const auto [inner, index] = path.steps[depth];
    Entry& entry = inner->entries[index];
    if (sibling == nullptr) {
      entry = EntryOf(entry.child, entry.size + 1);
      continue;
    }
    entry = EntryOf(entry.child, SizeOf(*entry.child));
    Inner* inner_sibling = nullptr;
    InsertEntry(inner, index + 1, EntryOf(sibling, SizeOf(*sibling)), &inner_sibling);
    sibling = inner_sibling;
  }
  if (sibling == nullptr) return;
  Inner* root = NewInner(static_cast<uint16_t>(root_->level + 1));
  root->entries[0] = EntryOf(root_, SizeOf(*root_));
  root->entries[1] = EntryOf(sibling, SizeOf(*sibling));
  root->count = 2;
  root_ = root;
}

// --- Removing.

// Child `index` has become too empty: joins it with a neighbour, or takes some from that.
void SortedSet::Rebalance(Inner* inner, size_t index) {
  const size_t left = index == 0 ? 0 : index - 1;
  Entry* entries = inner->entries;
  Node* a = entries[left].child;
  Node* b = entries[left + 1].child;
  const size_t total = a->count + size_t{b->count};
  const size_t room = a->level == 0 ? kLeafItems : kInnerChildren;
  const size_t left_count = total <= room ? total : total / 2;
  if (a->level == 0) {
    MoveLeafItems(static_cast<Leaf*>(a), static_cast<Leaf*>(b), left_count);
  } else {
    MoveEntries(static_cast<Inner*>(a), static_cast<Inner*>(b), left_count);
  }
  entries[left] = EntryOf(a, SizeOf(*a));
  if (b->count != 0) {
    entries[left + 1] = EntryOf(b, SizeOf(*b));
    return;
  }
  FreeNode(b);
  std::copy(entries + left + 2, entries + inner->count, entries + left + 1);
  --inner->count;
}

void SortedSet::Unlink(const Item& item) {
  Path path;
  FindPlace(item.score(), item.member(), &path);
  Leaf* leaf = path.leaf;
  CHECK(path.index < leaf->count && leaf->items[path.index] == &item);
  std::copy(leaf->items + path.index + 1, leaf->items + leaf->count, leaf->items + path.index);
  --leaf->count;
  for (size_t depth = path.depth; depth-- > 0;) {
    const auto [inner, index] = path.steps[depth];
    Entry& entry = inner->entries[index];
    const size_t room = entry.child->level == 0 ? kLeafItems : kInnerChildren;
    if (entry.child->count < room / kLeastPart && inner->count > 1) {
      Rebalance(inner, index);
    } else if (entry.child->count != 0) {
      entry = EntryOf(entry.child, entry.size - 1);
    } else {
      // It was the only one.
      FreeNode(entry.child);
      inner->count = 0;
    }
  }
  while (root_->level != 0 && root_->count == 1) {
    Node* child = static_cast<Inner*>(root_)->entries[0].child;
    FreeNode(root_);
    root_ = child;
  }
  if (root_->count == 0) {
    FreeNode(root_);
    root_ = nullptr;
  }
}

}  // namespace keyway::shard::types
