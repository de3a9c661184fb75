// The members of a sorted set that is too large for a listpack: distinct strings, each with a
// score, found by member in O(1) and kept in the order of (score, bytes of the member).
//
// Each member is one allocation, an Item. A HashOrderedTable finds it by its bytes. Its place is in
// a counted B+-tree: leaves of up to 61 pointers to items, linked in both directions, below inner
// nodes that know of each child its first item, the score of that, and how many items it has. So
// finding a place, the rank of a member and the item of a rank are O(log n), a step of a walk is
// O(1), and inner nodes are searched without looking at items unless scores are equal. Beside the
// items a set costs some 10 bytes a member for the table and 9 to 14 for the tree.
//
// Scores are never NaN. 0 and -0 are the same place in the order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "common/base/random.h"
#include "shard/types/encodings/hash_ordered_table.h"

namespace keyway::shard::types {

// A member and its score:
//
//   score (8) | length (4; all ones: the 8 bytes that follow are it) | bytes
class SortedSetItem {
 public:
  static SortedSetItem* New(std::string_view member, double score);
  static void Free(SortedSetItem* item);

  double score() const { return score_; }
  std::string_view member() const {
    return length_ != kLongLength ? std::string_view(bytes(), length_) : LongMember();
  }
  // Whether it comes before a member with that score.
  bool IsBefore(double score, std::string_view member) const {
    return score_ != score ? score_ < score : this->member() < member;
  }
  // Of the allocation.
  size_t AllocatedBytes() const;

  SortedSetItem(const SortedSetItem&) = delete;
  SortedSetItem& operator=(const SortedSetItem&) = delete;

 private:
  friend class SortedSet;
  static constexpr uint32_t kLongLength = UINT32_MAX;

  SortedSetItem() = default;
  ~SortedSetItem() = default;
  static constexpr size_t kHeaderBytes = sizeof(double) + sizeof(uint32_t);
  const char* bytes() const { return reinterpret_cast<const char*>(this) + kHeaderBytes; }
  std::string_view LongMember() const;

  double score_;
  uint32_t length_;
};

struct SortedSetPolicy {
  using Item = SortedSetItem;
  static std::string_view KeyOf(const SortedSetItem& item) { return item.member(); }
  static bool FlagOf(const SortedSetItem& /*item*/) { return false; }
  static void Free(SortedSetItem* item) { SortedSetItem::Free(item); }
};

class SortedSet {
 public:
  using Item = SortedSetItem;
  using Table = HashOrderedTable<SortedSetPolicy>;
  class Iterator;

  SortedSet() = default;
  SortedSet(const SortedSet&) = delete;
  SortedSet& operator=(const SortedSet&) = delete;
  ~SortedSet();

  std::unique_ptr<SortedSet> Duplicate() const;
  size_t size() const { return table_.size(); }
  bool empty() const { return table_.empty(); }
  // Roughly how many allocations there are to free.
  size_t FreeEffort() const { return size() + 1; }
  // Of all there is. O(1).
  size_t AllocatedBytes() const;

  // nullptr when there is no such member. Valid until the member is removed.
  const Item* Find(std::string_view member) const;
  // The member must not be there yet.
  const Item* Insert(std::string_view member, double score);
  // Moves the item, one of this set, to where it belongs with that score.
  void SetScore(const Item* item, double score);
  // Whether the member was there.
  bool Remove(std::string_view member);
  // Removes the items of rank `begin` up to, but not including, `end`, which is at most size().
  void RemoveRange(size_t begin, size_t end);
  // Makes room for that many members.
  void Reserve(size_t members) { table_.Reserve(members); }

  // Walks in order, both ways. Any change of the set invalidates it.
  Iterator Begin() const;
  // The last one.
  Iterator Last() const;
  // The item with that rank; at the end when there is none.
  Iterator At(size_t rank) const;
  // How many items come before this one, which is one of the set.
  size_t RankOf(const Item& item) const;
  // How many items `is_before(score, item)` is true for. It must be true for the first items, up to
  // some place, and false for all others. `item` need not be looked at when the score says enough.
  template <typename IsBefore>
  size_t CountBefore(IsBefore&& is_before) const;

  // By member: walks that survive changes (Collect), in the order of the hash.
  const Table& by_member() const { return table_; }

 private:
  static constexpr size_t kLeafItems = 61;
  static constexpr size_t kInnerChildren = 31;
  static constexpr size_t kMaxDepth = 16;

  struct Node {
    uint16_t count = 0;  // items or children
    uint16_t level = 0;  // 0: a leaf
  };
  struct Leaf : Node {
    Leaf* previous = nullptr;
    Leaf* next = nullptr;
    Item* items[kLeafItems];
  };
  // What an inner node knows of a child.
  struct Entry {
    double score = 0;  // of `first`
    Item* first = nullptr;
    Node* child = nullptr;
    size_t size = 0;  // items below
  };
  struct Inner : Node {
    Entry entries[kInnerChildren];
  };
  struct Step {
    Inner* node;
    size_t index;
  };
  // The way from the root to a leaf, and the place in it.
  struct Path {
    Step steps[kMaxDepth];
    size_t depth = 0;
    Leaf* leaf = nullptr;
    size_t index = 0;
  };

  template <typename IsBefore>
  static size_t LeafPlace(const Leaf& leaf, IsBefore&& is_before);
  template <typename IsBefore>
  static size_t ChildPlace(const Inner& inner, IsBefore&& is_before);
  void FindPlace(double score, std::string_view member, Path* path) const;
  static Entry EntryOf(Node* node, size_t size);
  static size_t SizeOf(const Node& node);
  Leaf* NewLeaf();
  Inner* NewInner(uint16_t level);
  void FreeNode(Node* node);
  void FreeNodes(Node* node);
  void Link(Item* item);
  void Unlink(const Item& item);
  Leaf* SplitLeaf(Leaf* leaf, size_t place);
  Inner* SplitInner(Inner* inner, size_t place);
  void InsertInLeaf(Path* path, Item* item, Leaf** sibling);
  void InsertEntry(Inner* inner, size_t place, const Entry& entry, Inner** sibling);
  void Rebalance(Inner* inner, size_t index);
  static void MoveLeafItems(Leaf* left, Leaf* right, size_t left_count);
  static void MoveEntries(Inner* left, Inner* right, size_t left_count);

  Table table_;  // owns the items
  Node* root_ = nullptr;
  Leaf* first_ = nullptr;
  Leaf* last_ = nullptr;
  size_t bytes_ = 0;  // of items and nodes
};

class SortedSet::Iterator {
 public:
  // At the end.
  Iterator() = default;

  explicit operator bool() const { return leaf_ != nullptr; }
  const Item& operator*() const { return *leaf_->items[index_]; }
  const Item* operator->() const { return leaf_->items[index_]; }
  // Either step may lead to the end, from which there is no way back.
  Iterator& operator++() {
    if (++index_ == leaf_->count) {
      leaf_ = leaf_->next;
      index_ = 0;
    }
    return *this;
  }
  Iterator& operator--() {
    if (index_-- == 0) {
      leaf_ = leaf_->previous;
      index_ = leaf_ == nullptr ? 0 : leaf_->count - size_t{1};
    }
    return *this;
  }

 private:
  friend class SortedSet;
  Iterator(const Leaf* leaf, size_t index) : leaf_(leaf), index_(index) {}

  const Leaf* leaf_ = nullptr;
  size_t index_ = 0;
};

template <typename IsBefore>
size_t SortedSet::LeafPlace(const Leaf& leaf, IsBefore&& is_before) {
  size_t low = 0;
  size_t high = leaf.count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (is_before(leaf.items[middle]->score(), *leaf.items[middle])) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The child in which the last item that is before lies, 0 if there is none.
template <typename IsBefore>
size_t SortedSet::ChildPlace(const Inner& inner, IsBefore&& is_before) {
  size_t low = 1;
  size_t high = inner.count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (is_before(inner.entries[middle].score, *inner.entries[middle].first)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

template <typename IsBefore>
size_t SortedSet::CountBefore(IsBefore&& is_before) const {
  if (root_ == nullptr) return 0;
  size_t count = 0;
  const Node* node = root_;
  while (node->level != 0) {
    const auto& inner = static_cast<const Inner&>(*node);
    const size_t index = ChildPlace(inner, is_before);
    for (size_t i = 0; i < index; ++i) count += inner.entries[i].size;
    node = inner.entries[index].child;
  }
  return count + LeafPlace(static_cast<const Leaf&>(*node), is_before);
}

}  // namespace keyway::shard::types

extern template class keyway::shard::types::HashOrderedTable<keyway::shard::types::SortedSetPolicy>;
