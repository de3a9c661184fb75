#include "shard/types/encodings/quicklist.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace keyway::shard::types {
namespace {

constexpr size_t kDefaultPackedThreshold = size_t{1} << 30;
constexpr size_t kMaxPackedThreshold = (size_t{1} << 32) - (size_t{1} << 20);
size_t packed_threshold = kDefaultPackedThreshold;

constexpr int kMinFill = -5;
constexpr int kMaxFill = std::numeric_limits<int16_t>::max();
constexpr int kMaxCompressDepth = std::numeric_limits<uint16_t>::max();
constexpr size_t kSmallestSizeLimit = 4096;  // of fill -1, and doubled from one to the next
// Of a node that is limited by the number of its elements.
constexpr size_t kSafetyLimit = 8192;
// What an entry takes beside its text, as Redis estimates it.
constexpr size_t kEntryOverhead = 8;
// What two nodes lose when they become one, as Redis 7.0 estimates it: still that of a ziplist.
constexpr size_t kMergeGain = 11;
constexpr size_t kLengthBytes = sizeof(uint64_t);

bool IsLarge(size_t text_bytes) {
  return text_bytes >= packed_threshold;
}

bool Fits(size_t bytes, size_t elements, int fill) {
  if (fill < 0) return bytes <= kSmallestSizeLimit << (-fill - 1);
  return bytes <= kSafetyLimit && elements <= static_cast<size_t>(fill);
}

}  // namespace

bool Quicklist::SetPackedThreshold(size_t bytes) {
  if (bytes > kMaxPackedThreshold) return false;
  packed_threshold = bytes == 0 ? kDefaultPackedThreshold : bytes;
  return true;
}

Quicklist::Quicklist(const Options& options)
    : fill_(static_cast<int16_t>(std::clamp(options.fill, kMinFill, kMaxFill))),
      compress_depth_(
          static_cast<uint16_t>(std::clamp(options.compress_depth, 0, kMaxCompressDepth))) {}

Quicklist::~Quicklist() {
  while (head_ != nullptr) FreeNode(std::exchange(head_, head_->next));
}

Quicklist::Node* Quicklist::NewPacked(Listpack pack, size_t elements) {
  return new Node{.previous = nullptr,
                  .next = nullptr,
                  .block = pack.Release(),
                  .elements = static_cast<uint32_t>(elements),
                  .packed = true};
}

Quicklist::Node* Quicklist::NewPlain(std::string_view bytes) {
  auto* block = static_cast<char*>(std::malloc(kLengthBytes + bytes.size()));
  if (block == nullptr) throw std::bad_alloc();
  const uint64_t length = bytes.size();
  std::memcpy(block, &length, kLengthBytes);
  if (!bytes.empty()) std::memcpy(block + kLengthBytes, bytes.data(), bytes.size());
  return new Node{
      .previous = nullptr, .next = nullptr, .block = block, .elements = 1, .packed = false};
}

Quicklist::Node* Quicklist::NewSingle(std::string_view text) {
  if (IsLarge(text.size())) return NewPlain(text);
  Listpack pack;
  pack.Append(text);
  return NewPacked(std::move(pack), 1);
}

Quicklist::NodeView Quicklist::ViewOf(const Node& node) {
  if (node.packed) {
    return {.packed = true, .elements = node.elements, .bytes = PackOf(&node).block()};
  }
  uint64_t length;
  std::memcpy(&length, node.block, kLengthBytes);
  return {.packed = false,
          .elements = 1,
          .bytes = {static_cast<const char*>(node.block) + kLengthBytes, length}};
}

void Quicklist::FreeNode(Node* node) {
  if (node->packed) {
    Listpack::FreeBlock(node->block);
  } else {
    std::free(node->block);
  }
  delete node;
}

template <typename Change>
auto Quicklist::ChangePack(Node* node, Change&& change) {
  struct Lent {
    ~Lent() { node->block = pack.Release(); }
    Node* node;
    Listpack pack;
  } lent{node, Listpack::Adopt(node->block)};
  return change(lent.pack);
}

Quicklist::Cursor Quicklist::EdgeOf(Node* node, End end) {
  if (node == nullptr) return {};
  if (!node->packed) return {node, ListpackView::kNone};
  return {node, end == End::kHead ? PackOf(node).First() : PackOf(node).Last()};
}

Quicklist::Cursor Quicklist::Next(Cursor cursor) const {
  if (cursor.node_->packed) {
    const ListpackView::Position next = PackOf(cursor.node_).Next(cursor.position_);
    if (next != ListpackView::kNone) return {cursor.node_, next};
  }
  return EdgeOf(cursor.node_->next, End::kHead);
}

Quicklist::Cursor Quicklist::Previous(Cursor cursor) const {
  if (cursor.node_->packed) {
    const ListpackView::Position previous = PackOf(cursor.node_).Previous(cursor.position_);
    if (previous != ListpackView::kNone) return {cursor.node_, previous};
  }
  return EdgeOf(cursor.node_->previous, End::kTail);
}

Quicklist::Cursor Quicklist::Seek(int64_t index) const {
  const auto size = static_cast<int64_t>(size_);
  if (index >= size || index < -size) return {};
  if (index < 0) index += size;
  if (index < size / 2) {
    Node* node = head_;
    for (; index >= node->elements; node = node->next) index -= node->elements;
    return {node, node->packed ? PackOf(node).Seek(index) : ListpackView::kNone};
  }
  index -= size;
  Node* node = tail_;
  for (; - index > node->elements; node = node->previous) index += node->elements;
  return {node, node->packed ? PackOf(node).Seek(index) : ListpackView::kNone};
}

ListpackView::Element Quicklist::At(Cursor cursor) const {
  if (cursor.node_->packed) return PackOf(cursor.node_).At(cursor.position_);
  ListpackView::Element element;
  element.bytes = ViewOf(*cursor.node_).bytes;
  return element;
}

bool Quicklist::Accepts(const Node* node, size_t text_bytes) const {
  if (node == nullptr || !node->packed || IsLarge(text_bytes)) return false;
  return Fits(PackOf(node).bytes() + text_bytes + kEntryOverhead, size_t{node->elements} + 1,
              fill_);
}

bool Quicklist::CanMerge(const Node* first, const Node* second) const {
  if (first == nullptr || second == nullptr || !first->packed || !second->packed) return false;
  return Fits(PackOf(first).bytes() + PackOf(second).bytes() - kMergeGain,
              size_t{first->elements} + second->elements, fill_);
}

// Beside nullptr: as the only node.
void Quicklist::Link(Node* beside, Node* node, bool after) {
  node->previous = after ? beside : beside == nullptr ? nullptr : beside->previous;
  node->next = !after ? beside : beside == nullptr ? nullptr : beside->next;
  (node->previous == nullptr ? head_ : node->previous->next) = node;
  (node->next == nullptr ? tail_ : node->next->previous) = node;
  ++node_count_;
}

void Quicklist::Unlink(Node* node) {
  (node->previous == nullptr ? head_ : node->previous->next) = node->next;
  (node->next == nullptr ? tail_ : node->next->previous) = node->previous;
  --node_count_;
  FreeNode(node);
}

void Quicklist::Push(End end, std::string_view text) {
  const bool after = end == End::kTail;
  Node* node = after ? tail_ : head_;
  ++size_;
  if (Accepts(node, text.size())) {
    ChangePack(node, [&](Listpack& pack) { after ? pack.Append(text) : pack.Prepend(text); });
    ++node->elements;
  } else {
    Link(node, NewSingle(text), after);
  }
}

// Moves what comes after (before) the element at `position` to a new node, which is not linked yet
// and may be empty; the element stays.
Quicklist::Node* Quicklist::Split(Node* node, ListpackView::Position position, bool after) {
  size_t first_of_second = after ? 1 : 0;
  const ListpackView pack = PackOf(node);
  for (auto at = pack.First(); at != position; at = pack.Next(at)) ++first_of_second;
  const size_t rest = node->elements - first_of_second;

  Listpack moved = Listpack::Copy(pack.block());
  moved.DeleteRange(after ? 0 : first_of_second, after ? first_of_second : rest);
  ChangePack(node, [&](Listpack& own) {
    own.DeleteRange(after ? first_of_second : 0, after ? rest : first_of_second);
  });
  node->elements = static_cast<uint32_t>(after ? first_of_second : rest);
  return NewPacked(std::move(moved), after ? rest : first_of_second);
}

// Moves all of `second`, which follows `first`, to it.
Quicklist::Node* Quicklist::Merge(Node* first, Node* second) {
  ChangePack(first, [&](Listpack& pack) { pack.AppendAll(PackOf(second)); });
  first->elements += second->elements;
  Unlink(second);
  return first;
}

void Quicklist::MergeAround(Node* center) {
  Node* previous = center->previous;
  if (previous != nullptr && CanMerge(previous->previous, previous)) {
    Merge(previous->previous, previous);
  }
  Node* next = center->next;
  if (next != nullptr && CanMerge(next, next->next)) Merge(next, next->next);
  if (CanMerge(center->previous, center)) center = Merge(center->previous, center);
  if (CanMerge(center, center->next)) Merge(center, center->next);
}

void Quicklist::Insert(Cursor cursor, std::string_view text, bool after) {
  Node* node = cursor.node_;
  const Node* neighbour = after ? node->next : node->previous;
  const bool at_edge = cursor == EdgeOf(node, after ? End::kTail : End::kHead);
  ++size_;
  if (Accepts(node, text.size())) {
    ChangePack(node, [&](Listpack& pack) {
      after ? void(pack.InsertAfter(cursor.position_, text))
            : pack.InsertBefore(cursor.position_, text);
    });
    ++node->elements;
    return;
  }
  if (at_edge && Accepts(neighbour, text.size())) {
    Node* taker = after ? node->next : node->previous;
    ChangePack(taker, [&](Listpack& pack) { after ? pack.Prepend(text) : pack.Append(text); });
    ++taker->elements;
    return;
  }
  if (at_edge) {
    Link(node, NewSingle(text), after);
    // At the end of the list Redis takes the way of a split, and so joins nodes.
    if (neighbour == nullptr && node->packed && !IsLarge(text.size())) MergeAround(node);
    return;
  }
  Node* rest = Split(node, cursor.position_, after);
  if (IsLarge(text.size())) {
    Node* plain = NewPlain(text);
    Link(node, plain, after);
    Link(plain, rest, after);
    return;
  }
  ChangePack(rest, [&](Listpack& pack) { after ? pack.Prepend(text) : pack.Append(text); });
  ++rest->elements;
  Link(node, rest, after);
  MergeAround(node);
}

void Quicklist::Replace(Cursor cursor, std::string_view text) {
  Node* node = cursor.node_;
  // A node takes any size here, but no listpack can be larger than that.
  const bool too_large =
      IsLarge(text.size()) || (node->packed && node->elements > 1 &&
                               PackOf(node).bytes() + text.size() > Listpack::kMaxBytes);
  if (node->packed && !too_large) {
    ChangePack(node, [&](Listpack& pack) { pack.Replace(cursor.position_, text); });
  } else if (!node->packed && too_large) {
    Link(node, NewPlain(text), true);
    Unlink(node);
  } else {
    InsertAfter(cursor, text);
    Delete(cursor);
  }
}

Quicklist::Cursor Quicklist::Delete(Cursor cursor) {
  Node* node = cursor.node_;
  --size_;
  if (node->elements == 1) {
    Node* next = node->next;
    Unlink(node);
    return EdgeOf(next, End::kHead);
  }
  const ListpackView::Position position =
      ChangePack(node, [&](Listpack& pack) { return pack.Delete(cursor.position_); });
  --node->elements;
  return position == ListpackView::kNone ? EdgeOf(node->next, End::kHead) : Cursor(node, position);
}

void Quicklist::DeleteRange(size_t index, size_t count) {
  if (index >= size_) return;
  count = std::min<size_t>(count, size_ - index);
  if (count == 0) return;
  const Cursor first = Seek(static_cast<int64_t>(index));
  size_ -= count;
  Node* node = first.node_;
  if (first != EdgeOf(node, End::kHead)) {
    const size_t old_elements = node->elements;
    const size_t elements = ChangePack(node, [&](Listpack& pack) {
      pack.Delete(first.position_, count);
      return pack.size();
    });
    node->elements = static_cast<uint32_t>(elements);
    count -= old_elements - elements;
    node = node->next;
  }
  while (count > 0 && count >= node->elements) {
    count -= node->elements;
    Node* next = node->next;
    Unlink(node);
    node = next;
  }
  if (count == 0) return;
  ChangePack(node, [&](Listpack& pack) { pack.DeleteRange(0, count); });
  node->elements -= static_cast<uint32_t>(count);
}

void Quicklist::AppendPlain(std::string_view bytes) {
  Link(tail_, NewPlain(bytes), true);
  ++size_;
}

void Quicklist::AppendPacked(Listpack pack) {
  const size_t elements = pack.size();
  if (elements == 0) return;
  Link(tail_, NewPacked(std::move(pack), elements), true);
  size_ += elements;
}

std::unique_ptr<Quicklist> Quicklist::Duplicate() const {
  auto copy = std::make_unique<Quicklist>(Options{fill_, compress_depth_});
  ForEachNode([&](const NodeView& node) {
    if (node.packed) {
      copy->AppendPacked(Listpack::Copy(node.bytes));
    } else {
      copy->AppendPlain(node.bytes);
    }
  });
  return copy;
}

size_t Quicklist::AllocatedBytes() const {
  size_t bytes = malloc_usable_size(const_cast<Quicklist*>(this));
  for (Node* node = head_; node != nullptr; node = node->next) {
    bytes += malloc_usable_size(node) + malloc_usable_size(node->block);
  }
  return bytes;
}

}  // namespace keyway::shard::types
