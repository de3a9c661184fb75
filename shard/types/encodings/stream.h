// A stream: entries of fields and values in the order of their ids, and the consumer groups that
// read them.
//
// Entries lie in listpacks, the nodes (stream_node.h), each keyed by the id of the first entry that
// was put into it. New entries come at the end, in the last node or, when that is full, in a new
// one. Redis keeps the nodes in a radix tree; what of it shows (RadixTreeNodes) is computed.
//
// How to build one from a file: AddNode for each node that StreamNodeView::IsValid, set_header,
// then for each group AddGroup, AddPending, AddConsumer, Assign, and EveryPendingIsAssigned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shard/types/encodings/stream_group.h"
#include "shard/types/encodings/stream_id.h"
#include "shard/types/encodings/stream_index.h"
#include "shard/types/encodings/stream_node.h"

namespace keyway::shard::types {

class Stream {
 public:
  using Nodes = StreamIndex<StreamNode, StreamNode::IdOf>;
  using Groups = std::map<std::string, StreamGroup, std::less<>>;

  // The numbers that a file keeps beside the nodes.
  struct Header {
    uint64_t length = 0;         // entries that are not deleted
    StreamId last_id;            // the greatest id ever given to an entry, or set by XSETID
    StreamId first_id;           // of the first entry; 0-0 if there is none
    StreamId max_deleted_id;     // the greatest that XDEL has deleted
    uint64_t entries_added = 0;  // ever
  };
  // When a node is full, as stream-node-max-bytes and stream-node-max-entries say it (0: no limit).
  struct NodeLimits {
    int64_t bytes = 4096;
    int64_t entries = 100;
  };
  enum class Strategy : uint8_t { kMaxLength, kMinId };
  struct Trimming {
    Strategy strategy = Strategy::kMaxLength;
    uint64_t max_length = 0;
    StreamId min_id;
    bool whole_nodes_only = false;  // "~"
    uint64_t limit = 0;             // most entries to remove; 0: no limit
  };

  // What the fields and values of one entry may be together.
  static constexpr size_t kMaxEntryBytes = size_t{1} << 30;

  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  std::unique_ptr<Stream> Duplicate() const;
  size_t FreeEffort() const;
  size_t AllocatedBytes() const;

  uint64_t length() const { return header_.length; }
  StreamId last_id() const { return header_.last_id; }
  StreamId first_id() const { return header_.first_id; }
  StreamId max_deleted_id() const { return header_.max_deleted_id; }
  uint64_t entries_added() const { return header_.entries_added; }
  const Header& header() const { return header_; }
  void set_header(const Header& header) { header_ = header; }

  // `id` must be greater than last_id(), the entry of at most kMaxEntryBytes.
  void Append(StreamId id, std::span<const std::string_view> fields_and_values,
              const NodeLimits& limits);
  // Whether it was there.
  bool Delete(StreamId id);
  // Removes entries from the start on. Returns how many.
  uint64_t Trim(const Trimming& trimming);
  bool Contains(StreamId id) const;
  // The ids of the first and last entry that are not deleted.
  std::optional<StreamId> FirstEntry() const;
  std::optional<StreamId> LastEntry() const;

  // In the order of ids: `nodes.At(position).id`, `.entries.block()`.
  const Nodes& nodes() const { return nodes_; }
  // `entries` must be StreamNodeView::IsValid. Does not change the header. False when there is a
  // node with that id.
  bool AddNode(StreamId id, Listpack entries);
  // How many nodes Redis's radix tree has for the same listpacks.
  size_t RadixTreeNodes() const;

  // In the order of names.
  const Groups& groups() const { return groups_; }
  // nullptr when there is none.
  StreamGroup* FindGroup(std::string_view name);
  const StreamGroup* FindGroup(std::string_view name) const;
  // nullptr when there is one already.
  StreamGroup* AddGroup(std::string_view name);
  // Whether it was there.
  bool RemoveGroup(std::string_view name);

 private:
  Nodes::Position NodeOf(StreamId id) const;

  Header header_;
  Nodes nodes_;
  Groups groups_;
};

// A walk over the entries from `first` to `last`, both included, that are not deleted. The stream
// must not change meanwhile.
class StreamWalk {
 public:
  using Element = ListpackView::Element;

  explicit StreamWalk(const Stream& stream, StreamId first = StreamId::Min(),
                      StreamId last = StreamId::Max(), bool reverse = false);

  // Goes to the next entry; false at the end. What follows is about that entry.
  bool Next();
  StreamId id() const { return entry_.id; }
  size_t field_count() const { return entry_.fields; }
  // To be called field_count() times at most.
  void NextField(Element* field, Element* value);

 private:
  void EnterNode();
  void PassEntry();

  const Stream& stream_;
  StreamId first_;
  StreamId last_;
  bool reverse_;
  Stream::Nodes::Position at_node_;
  std::optional<StreamNodeView> node_;
  ListpackView::Position next_ = ListpackView::kNone;  // where the next entry lies, if !has_entry_
  bool has_entry_ = false;                             // entry_ was not passed yet
  StreamEntry entry_;
  size_t fields_read_ = 0;
  ListpackView::Position field_at_ = ListpackView::kNone;
  ListpackView::Position value_at_ = ListpackView::kNone;
};

}  // namespace keyway::shard::types
