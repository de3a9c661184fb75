#include "shard/types/stream_groups.h"

namespace keyway::shard::types {
namespace {

// Whether an entry behind `from`, or itself, may have been deleted.
bool MayHaveGapsFrom(const Stream& stream, StreamId from) {
  if (stream.length() == 0 || stream.max_deleted_id() < stream.first_id()) return false;
  return from <= stream.max_deleted_id();
}

}  // namespace

std::optional<StreamId> NextStreamId(StreamId last, int64_t now_ms) {
  if (static_cast<uint64_t>(now_ms) > last.ms) return StreamId{static_cast<uint64_t>(now_ms), 0};
  if (!last.Increment()) return std::nullopt;
  return last;
}

int64_t EntriesReadUpTo(const Stream& stream, StreamId id) {
  const auto added = static_cast<int64_t>(stream.entries_added());
  if (added == 0) return 0;
  if (stream.length() == 0 && id <= stream.last_id()) return added;
  if (id == stream.last_id()) return added;
  if (id > stream.last_id()) return StreamGroup::kUnknown;
  if (stream.max_deleted_id().is_zero() || stream.max_deleted_id() < stream.first_id()) {
    const uint64_t before_first = stream.entries_added() - stream.length();
    if (id < stream.first_id()) return static_cast<int64_t>(before_first);
    if (id == stream.first_id()) return static_cast<int64_t>(before_first + 1);
  }
  return StreamGroup::kUnknown;
}

std::optional<int64_t> Lag(const Stream& stream, const StreamGroup& group) {
  // Without a sign, because XSETID and ENTRIESREAD take any number.
  const uint64_t added = stream.entries_added();
  if (added == 0) return 0;
  if (group.entries_read() != StreamGroup::kUnknown && !MayHaveGapsFrom(stream, group.last_id())) {
    return static_cast<int64_t>(added - static_cast<uint64_t>(group.entries_read()));
  }
  const int64_t read = EntriesReadUpTo(stream, group.last_id());
  if (read == StreamGroup::kUnknown) return std::nullopt;
  return static_cast<int64_t>(added - static_cast<uint64_t>(read));
}

void NoteDelivered(const Stream& stream, StreamGroup& group, StreamId id) {
  if (id <= group.last_id()) return;
  if (group.entries_read() != StreamGroup::kUnknown && !MayHaveGapsFrom(stream, id)) {
    // An ENTRIESREAD of the largest number wraps around as it does in Redis.
    group.set_entries_read(static_cast<int64_t>(static_cast<uint64_t>(group.entries_read()) + 1));
  } else if (stream.entries_added() != 0) {
    group.set_entries_read(EntriesReadUpTo(stream, id));
  }
  group.set_last_id(id);
}

void AddDelivery(StreamGroup& group, StreamConsumer& consumer, StreamId id, int64_t now_ms) {
  StreamPending* pending = group.FindPending(id);
  if (pending == nullptr) {
    pending = group.AddPending(id, now_ms, 1);
  } else {
    pending->delivery_ms = now_ms;
    pending->deliveries = 1;
  }
  group.Assign(*pending, consumer);
}

}  // namespace keyway::shard::types
