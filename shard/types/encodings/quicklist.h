// Redis's quicklist: a list as a chain of nodes, each a listpack with some of the elements
// ("packed") or one large element as it is ("plain").
//
// How elements are spread over nodes can be seen (DUMP, DEBUG OBJECT), so it is Redis's own: a
// packed node takes what its limit allows; an insertion into a full one splits it, and joins what
// became small with its neighbours; a removal joins nothing. The limit is list-max-listpack-size as
// it was when the list was made: -1 to -5 for 4, 8, 16, 32, 64 KB, or a number of elements (of at
// most 8 KB together).
//
//   Quicklist = first and last node, elements, nodes, limit      32 bytes
//   Node = previous, next, block, elements, kind                 32 bytes
//
// A cursor stands on an element. It stays valid until the list changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "shard/types/encodings/listpack.h"

namespace keyway::shard::types {

class Quicklist {
 private:
  struct Node;

 public:
  struct Options {
    int fill = -2;           // list-max-listpack-size; what is out of range becomes the nearest
    int compress_depth = 0;  // list-compress-depth; kept, but no node is ever compressed
  };
  enum class End : uint8_t { kHead, kTail };

  class Cursor {
   public:
    Cursor() = default;
    explicit operator bool() const { return node_ != nullptr; }
    bool operator==(const Cursor&) const = default;

   private:
    friend class Quicklist;
    Cursor(Node* node, ListpackView::Position position) : node_(node), position_(position) {}

    Node* node_ = nullptr;
    ListpackView::Position position_ = ListpackView::kNone;  // in a packed node
  };

  explicit Quicklist(const Options& options);
  Quicklist(const Quicklist&) = delete;
  Quicklist& operator=(const Quicklist&) = delete;
  ~Quicklist();

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t node_count() const { return node_count_; }
  int fill() const { return fill_; }
  int compress_depth() const { return compress_depth_; }

  // The first, the last, or the one beside `cursor`, which must stand on an element; without one,
  // false.
  Cursor Begin(End end) const {
    return end == End::kHead ? EdgeOf(head_, end) : EdgeOf(tail_, end);
  }
  Cursor Next(Cursor cursor) const;
  Cursor Previous(Cursor cursor) const;
  // Away from `end`, where the walk began.
  Cursor Step(Cursor cursor, End end) const {
    return end == End::kHead ? Next(cursor) : Previous(cursor);
  }
  // The element with that number, negative ones counted from the end (-1: the last). Walks over
  // nodes from the nearer end.
  Cursor Seek(int64_t index) const;
  // Its bytes live until the list changes.
  ListpackView::Element At(Cursor cursor) const;

  // `text`, here and below, must not be in the list's own memory.
  void Push(End end, std::string_view text);
  void InsertBefore(Cursor cursor, std::string_view text) { Insert(cursor, text, false); }
  void InsertAfter(Cursor cursor, std::string_view text) { Insert(cursor, text, true); }
  void Replace(Cursor cursor, std::string_view text);
  // Returns where the next element is now. A cursor that stood on an element before this one stays
  // valid.
  Cursor Delete(Cursor cursor);
  // Removes `count` elements, or as many as there are, from number `index` on.
  void DeleteRange(size_t index, size_t count);

  // The nodes, as RDB_TYPE_LIST_QUICKLIST_2 writes them: container 1 is a plain one, 2 a packed
  // one, whose bytes are a listpack.
  struct NodeView {
    bool packed = true;
    size_t elements = 0;
    std::string_view bytes;
  };
  template <typename Visit>
  void ForEachNode(Visit&& visit) const {
    for (const Node* node = head_; node != nullptr; node = node->next) visit(ViewOf(*node));
  }
  // Adds such a node at the end, whatever the limit says. An empty listpack adds none.
  void AppendPlain(std::string_view bytes);
  void AppendPacked(Listpack pack);

  std::unique_ptr<Quicklist> Duplicate() const;
  // The number of nodes.
  size_t FreeEffort() const { return node_count_; }
  // sizeof(Quicklist) included. Linear in the number of nodes.
  size_t AllocatedBytes() const;

  // DEBUG QUICKLIST-PACKED-THRESHOLD: from how many bytes on an element gets a plain node, for all
  // lists of the process. 0 restores the 1 GB of the start. False, and no change, above 4 GB - 1
  // MB.
  static bool SetPackedThreshold(size_t bytes);

 private:
  struct Node {
    Node* previous;
    Node* next;
    void* block;        // a listpack; or, of a plain node, the length (8 bytes) and the bytes
    uint32_t elements;  // 1 in a plain node, never 0
    bool packed;
  };

  static Node* NewPacked(Listpack pack, size_t elements);
  static Node* NewPlain(std::string_view bytes);
  // Packed or plain, by the size of the text.
  static Node* NewSingle(std::string_view text);
  static NodeView ViewOf(const Node& node);
  static ListpackView PackOf(const Node* node) { return ListpackView(node->block); }
  static Cursor EdgeOf(Node* node, End end);
  static void FreeNode(Node* node);
  template <typename Change>
  static auto ChangePack(Node* node, Change&& change);

  bool Accepts(const Node* node, size_t text_bytes) const;
  bool CanMerge(const Node* first, const Node* second) const;
  void Link(Node* beside, Node* node, bool after);
  void Unlink(Node* node);
  void Insert(Cursor cursor, std::string_view text, bool after);
  Node* Split(Node* node, ListpackView::Position position, bool after);
  Node* Merge(Node* first, Node* second);
  void MergeAround(Node* center);

  Node* head_ = nullptr;
  Node* tail_ = nullptr;
  uint64_t size_ = 0;
  uint32_t node_count_ = 0;
  int16_t fill_;
  uint16_t compress_depth_;
};

}  // namespace keyway::shard::types
