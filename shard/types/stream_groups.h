// What reading by consumer groups does to a stream.
#pragma once

#include <cstdint>
#include <optional>

#include "shard/keyspace/record.h"
#include "shard/types/encodings/stream.h"

namespace keyway::shard::types {

// What a record of type kStream holds.
inline Stream& StreamOf(const keyspace::Record& record) {
  return *static_cast<Stream*>(record.object());
}

// The id of an entry that is added now: later than `last` in any case. nullopt when there is none.
std::optional<StreamId> NextStreamId(StreamId last, int64_t now_ms);

// How many entries were ever added up to and including `id`, as far as this can be told without
// looking at them: StreamGroup::kUnknown when entries around it may have been deleted.
int64_t EntriesReadUpTo(const Stream& stream, StreamId id);
// How many entries the group has yet to read; nullopt when that cannot be told.
std::optional<int64_t> Lag(const Stream& stream, const StreamGroup& group);

// The time since `ms`, when an entry was delivered or a consumer was seen.
inline int64_t IdleMs(int64_t ms, int64_t now_ms) {
  // Without a sign, because a restored stream may have any time.
  return static_cast<int64_t>(static_cast<uint64_t>(now_ms) - static_cast<uint64_t>(ms));
}

// The group is delivered the entry `id`: moves its last id and its count of entries on, unless it
// has had the entry before.
void NoteDelivered(const Stream& stream, StreamGroup& group, StreamId id);
// The entry is pending for `consumer` from now on, whoever had it before, as delivered once.
void AddDelivery(StreamGroup& group, StreamConsumer& consumer, StreamId id, int64_t now_ms);

}  // namespace keyway::shard::types
