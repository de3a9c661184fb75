// How the entries of a stream lie in one listpack. The layout is Redis's own, because RDB files and
// DUMP payloads carry these listpacks, each with a 16-byte id, the master id:
//
//   node   = live entries | deleted entries | number of fields | field ... | 0 | entry ...
//   entry  = flags | ms - master's ms | seq - master's seq | same fields: value ...
//                                                          | else: number of fields | field value
//                                                          ...
//          | number of the listpack's entries in front of this one that make up the entry
//
// The fields at the start are those of the first entry that was ever in the node; an entry with the
// same ones does not repeat them. A deleted entry stays, marked by a flag, as long as its node
// does.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "shard/types/encodings/listpack.h"
#include "shard/types/encodings/stream_id.h"

namespace keyway::shard::types {

struct StreamNode {
  struct IdOf {
    StreamId operator()(const StreamNode& node) const { return node.id; }
  };
  StreamId id;
  Listpack entries;
};

// One entry as it lies in a node. Nothing but `id` outlives a change of the node.
struct StreamEntry {
  StreamId id;
  size_t fields = 0;
  bool deleted = false;
  bool same_fields = false;
  ListpackView::Position flags_at = ListpackView::kNone;
  // The first value, or the first field with its value behind it.
  ListpackView::Position data_at = ListpackView::kNone;
};

// A reader of a valid node.
class StreamNodeView {
 public:
  using Position = ListpackView::Position;

  explicit StreamNodeView(const StreamNode& node) : StreamNodeView(node.id, node.entries) {}
  // `entries` must outlive the view.
  StreamNodeView(StreamId id, ListpackView entries);

  ListpackView entries() const { return entries_; }
  int64_t live() const { return live_; }
  int64_t deleted() const { return deleted_; }
  size_t fields() const { return fields_; }
  Position first_field() const { return first_field_; }

  // The position of the first entry; kNone when there is none.
  Position First() const { return first_entry_; }
  // Reads the entry at `position`.
  StreamEntry Read(Position position) const;
  // Of the next entry, deleted or not; kNone behind the last.
  Position Next(const StreamEntry& entry) const;
  // Of the last entry, and of the one before `position`, deleted or not.
  Position Last() const;
  Position Previous(Position position) const;

  // Whether `fields_and_values` has the node's own fields.
  bool HasSameFields(std::span<const std::string_view> fields_and_values) const;

  // Whether `block` is a listpack with this layout that every function here can read. Any bytes
  // will do.
  static bool IsValid(std::string_view block);

 private:
  Position Skip(Position position, size_t count) const;
  Position EntryThatEndsAt(Position last) const;

  StreamId id_;
  ListpackView entries_;
  int64_t live_ = 0;
  int64_t deleted_ = 0;
  size_t fields_ = 0;
  Position first_field_ = ListpackView::kNone;
  Position first_entry_ = ListpackView::kNone;
};

// A node with one entry, whose id is the node's. `reserve`: for so many bytes there shall be room.
Listpack NewStreamNode(std::span<const std::string_view> fields_and_values, size_t reserve);
// `id` must be greater than those of all entries.
void AppendToStreamNode(StreamNode& node, StreamId id,
                        std::span<const std::string_view> fields_and_values, size_t max_reserve);
// Marks the entry, which is not yet, as deleted. The counts at the start stay as they are;
// positions stay valid.
void MarkStreamEntryDeleted(StreamNode& node, const StreamEntry& entry);
// Moves so many from the live to the deleted ones in the counts at the start.
void CountStreamEntriesDeleted(StreamNode& node, int64_t entries);

}  // namespace keyway::shard::types
