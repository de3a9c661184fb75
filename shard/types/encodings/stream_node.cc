#include "shard/types/encodings/stream_node.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <glog/logging.h>

namespace keyway::shard::types {
namespace {

using Element = ListpackView::Element;
using Position = ListpackView::Position;

enum Flag : uint8_t { kDeleted = 1, kSameFields = 2 };

constexpr Position kNone = ListpackView::kNone;
constexpr size_t kEntryOverhead = 3;       // flags, ms, seq
constexpr size_t kFieldCountOverhead = 1;  // when the fields are not the same
// More than an element's prefix and length take.
constexpr size_t kElementOverhead = 10;

void AppendEntry(Listpack& entries, bool same_fields, StreamId master, StreamId id,
                 std::span<const std::string_view> fields_and_values) {
  const size_t fields = fields_and_values.size() / 2;
  entries.Append(int64_t{same_fields ? kSameFields : 0});
  entries.Append(static_cast<int64_t>(id.ms - master.ms));
  entries.Append(static_cast<int64_t>(id.seq - master.seq));
  size_t count = fields + kEntryOverhead;
  if (!same_fields) {
    entries.Append(static_cast<int64_t>(fields));
    count += fields + kFieldCountOverhead;
  }
  for (size_t i = same_fields ? 1 : 0; i < fields_and_values.size(); i += same_fields ? 2 : 1) {
    entries.Append(fields_and_values[i]);
  }
  entries.Append(static_cast<int64_t>(count));
}

size_t MostBytesOf(std::span<const std::string_view> fields_and_values) {
  size_t bytes = (kEntryOverhead + 2 * kFieldCountOverhead) * kElementOverhead;
  for (const std::string_view text : fields_and_values) bytes += text.size() + kElementOverhead;
  return bytes;
}

// What is read from a block of which nothing is known yet but that it is a listpack.
class Validator {
 public:
  explicit Validator(ListpackView entries) : entries_(entries), at_(entries.First()) {}

  bool at_end() const { return at_ == kNone; }
  bool TakeInteger(int64_t* integer) {
    if (at_end()) return false;
    const Element element = entries_.At(at_);
    at_ = entries_.Next(at_);
    *integer = element.integer;
    return element.is_integer;
  }
  bool TakeCount(int64_t* count) { return TakeInteger(count) && *count >= 0; }
  bool TakeAny(int64_t count) {
    for (; count > 0; --count) {
      if (at_end()) return false;
      at_ = entries_.Next(at_);
    }
    return true;
  }

 private:
  ListpackView entries_;
  Position at_;
};

bool TakeEntry(Validator& block, int64_t master_fields) {
  int64_t flags = 0;
  int64_t ms = 0;
  int64_t seq = 0;
  if (!block.TakeInteger(&flags) || !block.TakeInteger(&ms) || !block.TakeInteger(&seq)) {
    return false;
  }
  int64_t fields = master_fields;
  int64_t count = 0;
  if ((flags & kSameFields) == 0) {
    if (!block.TakeCount(&fields) || !block.TakeAny(fields)) return false;
    count = fields + int64_t{kFieldCountOverhead};
  }
  if (!block.TakeAny(fields)) return false;
  int64_t written_count = 0;
  return block.TakeInteger(&written_count) &&
         written_count == count + fields + int64_t{kEntryOverhead};
}

}  // namespace

StreamNodeView::StreamNodeView(StreamId id, ListpackView entries) : id_(id), entries_(entries) {
  Position at = entries_.First();
  live_ = entries_.At(at).integer;
  at = entries_.Next(at);
  deleted_ = entries_.At(at).integer;
  at = entries_.Next(at);
  fields_ = static_cast<size_t>(entries_.At(at).integer);
  first_field_ = entries_.Next(at);
  first_entry_ = Skip(first_field_, fields_ + 1);
}

ListpackView::Position StreamNodeView::Skip(Position position, size_t count) const {
  for (; count > 0; --count) position = entries_.Next(position);
  return position;
}

StreamEntry StreamNodeView::Read(Position position) const {
  StreamEntry entry{.flags_at = position};
  const int64_t flags = entries_.At(position).integer;
  entry.deleted = (flags & kDeleted) != 0;
  entry.same_fields = (flags & kSameFields) != 0;
  position = entries_.Next(position);
  entry.id.ms = id_.ms + static_cast<uint64_t>(entries_.At(position).integer);
  position = entries_.Next(position);
  entry.id.seq = id_.seq + static_cast<uint64_t>(entries_.At(position).integer);
  position = entries_.Next(position);
  if (entry.same_fields) {
    entry.fields = fields_;
  } else {
    entry.fields = static_cast<size_t>(entries_.At(position).integer);
    position = entries_.Next(position);
  }
  entry.data_at = position;
  return entry;
}

ListpackView::Position StreamNodeView::Next(const StreamEntry& entry) const {
  return Skip(entry.data_at, entry.fields * (entry.same_fields ? 1 : 2) + 1);
}

// `last`: where the count at the entry's end lies. There is a 0 before the first entry.
ListpackView::Position StreamNodeView::EntryThatEndsAt(Position last) const {
  const int64_t count = entries_.At(last).integer;
  if (count == 0) return kNone;
  for (int64_t i = 0; i < count; ++i) last = entries_.Previous(last);
  return last;
}

ListpackView::Position StreamNodeView::Last() const {
  return EntryThatEndsAt(entries_.Last());
}

ListpackView::Position StreamNodeView::Previous(Position position) const {
  return EntryThatEndsAt(entries_.Previous(position));
}

bool StreamNodeView::HasSameFields(std::span<const std::string_view> fields_and_values) const {
  if (fields_and_values.size() != 2 * fields_) return false;
  Position at = first_field_;
  for (size_t i = 0; i < fields_and_values.size(); i += 2) {
    if (!entries_.At(at).Equals(fields_and_values[i])) return false;
    at = entries_.Next(at);
  }
  return true;
}

bool StreamNodeView::IsValid(std::string_view block) {
  if (!ListpackView::IsValid(block)) return false;
  Validator reader{ListpackView(block.data())};
  int64_t live = 0;
  int64_t deleted = 0;
  int64_t fields = 0;
  int64_t zero = 0;
  if (!reader.TakeInteger(&live) || !reader.TakeInteger(&deleted) || !reader.TakeCount(&fields) ||
      !reader.TakeAny(fields) || !reader.TakeInteger(&zero) || zero != 0) {
    return false;
  }
  // One of them may be negative, as by Redis: nodes that count wrongly become so.
  int64_t entries = 0;
  if (__builtin_add_overflow(live, deleted, &entries) || entries < 0) return false;
  for (; entries > 0; --entries) {
    if (!TakeEntry(reader, fields)) return false;
  }
  return reader.at_end();
}

Listpack NewStreamNode(std::span<const std::string_view> fields_and_values, size_t reserve) {
  const size_t fields = fields_and_values.size() / 2;
  Listpack entries(std::min(reserve, 2 * MostBytesOf(fields_and_values)));
  entries.Append(int64_t{1});
  entries.Append(int64_t{0});
  entries.Append(static_cast<int64_t>(fields));
  for (size_t i = 0; i < fields_and_values.size(); i += 2) entries.Append(fields_and_values[i]);
  entries.Append(int64_t{0});
  AppendEntry(entries, true, StreamId(), StreamId(), fields_and_values);
  return entries;
}

void AppendToStreamNode(StreamNode& node, StreamId id,
                        std::span<const std::string_view> fields_and_values, size_t max_reserve) {
  const StreamNodeView view(node);
  const bool same_fields = view.HasSameFields(fields_and_values);
  const int64_t live = view.live();
  const size_t needed = node.entries.bytes() + MostBytesOf(fields_and_values);
  if (needed > Listpack::AllocatedBytes(node.entries.block().data())) {
    Listpack larger(std::max(needed, std::min(2 * needed, max_reserve)));
    larger.AppendAll(node.entries);
    node.entries = std::move(larger);
  }
  AppendEntry(node.entries, same_fields, node.id, id, fields_and_values);
  node.entries.Replace(node.entries.First(), live + 1);
}

void MarkStreamEntryDeleted(StreamNode& node, const StreamEntry& entry) {
  // As long as before, so nothing moves.
  node.entries.Replace(entry.flags_at, int64_t{kDeleted} | (entry.same_fields ? kSameFields : 0));
}

void CountStreamEntriesDeleted(StreamNode& node, int64_t entries) {
  const StreamNodeView view(node);
  const int64_t deleted = view.deleted();
  const Position live_at = node.entries.First();
  node.entries.Replace(live_at, view.live() - entries);
  node.entries.Replace(node.entries.Next(live_at), deleted + entries);
}

}  // namespace keyway::shard::types
