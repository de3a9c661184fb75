#include "shard/types/encodings/stream.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <glog/logging.h>

namespace keyway::shard::types {
namespace {

constexpr ListpackView::Position kNone = ListpackView::kNone;
// A node gets room for more entries than it has, at most as much as Redis gives it.
constexpr size_t kMaxReserve = 4096;
constexpr size_t kMapNodeBytes = 32;

size_t EntryBytes(std::span<const std::string_view> fields_and_values) {
  size_t bytes = 0;
  for (const std::string_view text : fields_and_values) bytes += text.size();
  return bytes;
}

size_t NodeBytes(const Stream::NodeLimits& limits) {
  if (limits.bytes <= 0) return Stream::kMaxEntryBytes;
  return std::min(static_cast<size_t>(limits.bytes), Stream::kMaxEntryBytes);
}

// A restored node may count less than nothing.
uint64_t LiveEntries(const StreamNodeView& node) {
  return node.live() > 0 ? static_cast<uint64_t>(node.live()) : 0;
}

}  // namespace

std::unique_ptr<Stream> Stream::Duplicate() const {
  auto copy = std::make_unique<Stream>();
  copy->header_ = header_;
  for (auto at = nodes_.Begin(); at != nodes_.End(); at = nodes_.Next(at)) {
    const StreamNode& node = nodes_.At(at);
    copy->nodes_.Insert({.id = node.id, .entries = node.entries.Duplicate()});
  }
  for (const auto& [name, group] : groups_) group.CopyTo(*copy->AddGroup(name));
  return copy;
}

size_t Stream::FreeEffort() const {
  size_t effort = 1 + nodes_.size();
  for (const auto& [name, group] : groups_) effort += 1 + group.pending().size();
  return effort;
}

size_t Stream::AllocatedBytes() const {
  size_t bytes = sizeof(Stream) + nodes_.AllocatedBytes();
  for (auto at = nodes_.Begin(); at != nodes_.End(); at = nodes_.Next(at)) {
    bytes += Listpack::AllocatedBytes(nodes_.At(at).entries.block().data());
  }
  for (const auto& [name, group] : groups_) {
    bytes += kMapNodeBytes + sizeof(Groups::value_type) + group.AllocatedBytes();
    if (name.capacity() > std::string().capacity()) bytes += name.capacity() + 1;
  }
  return bytes;
}

void Stream::Append(StreamId id, std::span<const std::string_view> fields_and_values,
                    const NodeLimits& limits) {
  CHECK(header_.last_id < id);
  const size_t max_bytes = NodeBytes(limits);
  const size_t max_reserve = std::min(max_bytes, kMaxReserve);
  StreamNode* node = nodes_.empty() ? nullptr : &nodes_.At(nodes_.Last());
  if (node != nullptr) {
    bool is_full = node->entries.bytes() + EntryBytes(fields_and_values) >= max_bytes;
    if (!is_full && limits.entries > 0) {
      const StreamNodeView view(*node);
      is_full = view.live() + view.deleted() >= limits.entries;
    }
    // The last node of a stream that was restored may lie behind its last id.
    if (is_full || id < node->id) {
      node->entries.ShrinkToFit();
      node = nullptr;
    }
  }
  if (node == nullptr) {
    nodes_.Insert({.id = id, .entries = NewStreamNode(fields_and_values, max_reserve)});
  } else {
    AppendToStreamNode(*node, id, fields_and_values, max_reserve);
  }
  ++header_.entries_added;
  header_.last_id = id;
  if (++header_.length == 1) header_.first_id = id;
}

// Where an entry with that id lies if there is one.
Stream::Nodes::Position Stream::NodeOf(StreamId id) const {
  return nodes_.Floor(id);
}

bool Stream::Contains(StreamId id) const {
  return StreamWalk(*this, id, id).Next();
}

std::optional<StreamId> Stream::FirstEntry() const {
  StreamWalk walk(*this);
  if (!walk.Next()) return std::nullopt;
  return walk.id();
}

std::optional<StreamId> Stream::LastEntry() const {
  StreamWalk walk(*this, StreamId::Min(), StreamId::Max(), true);
  if (!walk.Next()) return std::nullopt;
  return walk.id();
}

bool Stream::Delete(StreamId id) {
  const Nodes::Position position = NodeOf(id);
  if (position == nodes_.End()) return false;
  StreamNode& node = nodes_.At(position);
  const StreamNodeView view(node);
  ListpackView::Position at = view.First();
  while (at != kNone) {
    const StreamEntry entry = view.Read(at);
    if (entry.id == id && !entry.deleted) {
      if (view.live() == 1) {
        nodes_.Erase(position);
      } else {
        MarkStreamEntryDeleted(node, entry);
        CountStreamEntriesDeleted(node, 1);
      }
      --header_.length;
      if (header_.length == 0) {
        header_.first_id = StreamId::Min();
      } else if (id == header_.first_id) {
        header_.first_id = FirstEntry().value_or(StreamId::Max());
      }
      header_.max_deleted_id = std::max(header_.max_deleted_id, id);
      return true;
    }
    if (entry.id > id) return false;
    at = view.Next(entry);
  }
  return false;
}

uint64_t Stream::Trim(const Trimming& trimming) {
  const bool by_length = trimming.strategy == Strategy::kMaxLength;
  uint64_t removed = 0;
  while (!nodes_.empty()) {
    if (by_length && header_.length <= trimming.max_length) break;
    const Nodes::Position position = nodes_.Begin();
    StreamNode& node = nodes_.At(position);
    const StreamNodeView view(node);
    const uint64_t live = LiveEntries(view);
    if (trimming.limit != 0 && removed + live > trimming.limit) break;
    bool remove_node = false;
    if (by_length) {
      remove_node = header_.length >= live && header_.length - live >= trimming.max_length;
    } else {
      const ListpackView::Position last = view.Last();
      remove_node = last == kNone || view.Read(last).id < trimming.min_id;
    }
    if (remove_node) {
      nodes_.Erase(position);
      header_.length -= std::min(live, header_.length);
      removed += live;
      continue;
    }
    if (trimming.whole_nodes_only) break;
    int64_t removed_here = 0;
    for (ListpackView::Position at = view.First(); at != kNone;) {
      const StreamEntry entry = view.Read(at);
      if (by_length ? header_.length <= trimming.max_length : entry.id >= trimming.min_id) break;
      at = view.Next(entry);
      if (entry.deleted) continue;
      MarkStreamEntryDeleted(node, entry);
      ++removed_here;
      header_.length -= std::min<uint64_t>(1, header_.length);
    }
    CountStreamEntriesDeleted(node, removed_here);
    removed += static_cast<uint64_t>(removed_here);
    break;
  }
  if (header_.length == 0) {
    header_.first_id = StreamId::Min();
  } else if (removed != 0) {
    header_.first_id = FirstEntry().value_or(StreamId::Max());
  }
  return removed;
}

bool Stream::AddNode(StreamId id, Listpack entries) {
  return nodes_.Insert({.id = id, .entries = std::move(entries)});
}

// The keys of a radix tree with compressed chains, all of the same length, make: a leaf each; a
// node for each place where they branch; and a node for each chain of bytes between two of these,
// if more is left of it than the byte that the branching node has.
size_t Stream::RadixTreeNodes() const {
  if (nodes_.empty()) return 1;
  constexpr size_t kKeyBytes = StreamId::kEncodedBytes;
  using KeyBytes = std::array<uint8_t, kKeyBytes>;
  // Depths of the branching nodes on the way to the key that was looked at last.
  std::array<size_t, kKeyBytes + 1> path;
  size_t depth = 0;
  size_t tree_nodes = 0;
  // Ends an edge from a branching node at `from` (or the root, if there is none) to a node at `to`.
  const auto count_edge = [&](bool has_parent, size_t from, size_t to) {
    const size_t own = has_parent ? 1 : 0;
    tree_nodes += 1 + (to - from > own ? 1 : 0);
  };
  // Closes all branches that are deeper than `shared`; `below` is the end of the last edge.
  const auto close = [&](size_t shared, bool all) {
    size_t below = kKeyBytes;
    while (depth > 0 && (all || path[depth - 1] > shared)) {
      count_edge(true, path[depth - 1], below);
      below = path[--depth];
    }
    if (all) {
      count_edge(false, 0, below);
      return;
    }
    if (depth == 0 || path[depth - 1] < shared) path[depth++] = shared;
    count_edge(true, shared, below);
  };
  KeyBytes previous;
  for (auto at = nodes_.Begin(); at != nodes_.End(); at = nodes_.Next(at)) {
    KeyBytes key;
    nodes_.At(at).id.Encode(key.data());
    if (at != nodes_.Begin()) {
      const auto differ = std::mismatch(key.begin(), key.end(), previous.begin()).first;
      close(static_cast<size_t>(differ - key.begin()), false);
    }
    previous = key;
  }
  close(0, true);
  return tree_nodes;
}

StreamGroup* Stream::FindGroup(std::string_view name) {
  const auto found = groups_.find(name);
  return found == groups_.end() ? nullptr : &found->second;
}

const StreamGroup* Stream::FindGroup(std::string_view name) const {
  const auto found = groups_.find(name);
  return found == groups_.end() ? nullptr : &found->second;
}

StreamGroup* Stream::AddGroup(std::string_view name) {
  const auto [added, is_new] = groups_.try_emplace(std::string(name));
  return is_new ? &added->second : nullptr;
}

bool Stream::RemoveGroup(std::string_view name) {
  const auto found = groups_.find(name);
  if (found == groups_.end()) return false;
  groups_.erase(found);
  return true;
}

StreamWalk::StreamWalk(const Stream& stream, StreamId first, StreamId last, bool reverse)
    : stream_(stream),
      first_(first),
      last_(last),
      reverse_(reverse),
      at_node_(stream.nodes().End()) {
  const Stream::Nodes& nodes = stream.nodes();
  if (nodes.empty()) return;
  at_node_ = nodes.Floor(reverse ? last : first);
  if (at_node_ == nodes.End() && !reverse) at_node_ = nodes.Begin();
  EnterNode();
}

// Goes to the first entry of the node in the direction of the walk.
void StreamWalk::EnterNode() {
  if (at_node_ == stream_.nodes().End()) return;
  node_.emplace(stream_.nodes().At(at_node_));
  next_ = reverse_ ? node_->Last() : node_->First();
}

void StreamWalk::PassEntry() {
  has_entry_ = false;
  if (reverse_) {
    next_ = node_->Previous(entry_.flags_at);
  } else if (fields_read_ == entry_.fields && fields_read_ > 0) {
    // What comes behind the last value is the entry's count.
    next_ = node_->entries().Next(entry_.same_fields ? value_at_ : field_at_);
  } else {
    next_ = node_->Next(entry_);
  }
}

bool StreamWalk::Next() {
  const Stream::Nodes& nodes = stream_.nodes();
  if (has_entry_) PassEntry();
  while (at_node_ != nodes.End()) {
    while (next_ != kNone) {
      entry_ = node_->Read(next_);
      if (reverse_ ? entry_.id < first_ : entry_.id > last_) {
        at_node_ = nodes.End();
        return false;
      }
      has_entry_ = true;
      fields_read_ = 0;
      field_at_ = entry_.same_fields ? node_->first_field() : entry_.data_at;
      value_at_ = entry_.data_at;
      if (!entry_.deleted && (reverse_ ? entry_.id <= last_ : entry_.id >= first_)) return true;
      PassEntry();
    }
    at_node_ = reverse_ ? nodes.Previous(at_node_) : nodes.Next(at_node_);
    EnterNode();
  }
  return false;
}

void StreamWalk::NextField(Element* field, Element* value) {
  const ListpackView entries = node_->entries();
  ++fields_read_;
  *field = entries.At(field_at_);
  if (entry_.same_fields) {
    field_at_ = entries.Next(field_at_);
  } else {
    value_at_ = entries.Next(field_at_);
    field_at_ = entries.Next(value_at_);
  }
  *value = entries.At(value_at_);
  if (entry_.same_fields) value_at_ = entries.Next(value_at_);
}

}  // namespace keyway::shard::types
