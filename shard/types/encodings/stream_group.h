// A consumer group of a stream: how far it has read, and what was delivered to which consumer and
// is not acknowledged yet (the pending entries list, PEL).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "shard/types/encodings/stream_id.h"
#include "shard/types/encodings/stream_index.h"

namespace keyway::shard::types {

class StreamConsumer;

// One entry that was delivered and is not acknowledged.
struct StreamPending {
  StreamId id;
  int64_t delivery_ms = 0;  // wall clock
  uint64_t deliveries = 0;
  // nullptr only between StreamGroup::AddPending and Assign.
  StreamConsumer* consumer = nullptr;
};

class StreamConsumer {
 public:
  struct IdOf {
    StreamId operator()(const StreamPending* pending) const { return pending->id; }
  };
  using Pending = StreamIndex<StreamPending*, IdOf>;

  std::string_view name() const { return name_; }
  int64_t seen_ms() const { return seen_ms_; }
  void set_seen_ms(int64_t ms) { seen_ms_ = ms; }
  // By id; all of them are also in the group's list.
  const Pending& pending() const { return pending_; }

 private:
  friend class StreamGroup;
  std::string_view name_;  // the key in the group's map
  int64_t seen_ms_ = 0;
  Pending pending_;
};

class StreamGroup {
 public:
  static constexpr int64_t kUnknown = -1;

  struct IdOf {
    StreamId operator()(const std::unique_ptr<StreamPending>& pending) const { return pending->id; }
  };
  using Pending = StreamIndex<std::unique_ptr<StreamPending>, IdOf>;
  using Consumers = std::map<std::string, StreamConsumer, std::less<>>;

  StreamGroup() = default;
  StreamGroup(const StreamGroup&) = delete;
  StreamGroup& operator=(const StreamGroup&) = delete;

  // The last entry that was delivered to any consumer.
  StreamId last_id() const { return last_id_; }
  void set_last_id(StreamId id) { last_id_ = id; }
  // How many entries were ever added to the stream up to last_id, or kUnknown.
  int64_t entries_read() const { return entries_read_; }
  void set_entries_read(int64_t entries) { entries_read_ = entries; }

  // In the order of names, and of ids.
  const Consumers& consumers() const { return consumers_; }
  const Pending& pending() const { return pending_; }

  // nullptr when there is none.
  StreamConsumer* FindConsumer(std::string_view name);
  // nullptr when there is one already.
  StreamConsumer* AddConsumer(std::string_view name, int64_t seen_ms);
  // The consumer must exist. What is pending for it is forgotten. Returns how much that was.
  size_t RemoveConsumer(std::string_view name);

  // nullptr when it is not pending. Pointers are valid until it is removed.
  StreamPending* FindPending(StreamId id);
  // Of no consumer at first: Assign must follow. nullptr when the id is pending already.
  StreamPending* AddPending(StreamId id, int64_t delivery_ms, uint64_t deliveries);
  // From whoever has it to `consumer`, one of this group.
  void Assign(StreamPending& pending, StreamConsumer& consumer);
  // Whether it was pending.
  bool RemovePending(StreamId id);
  // Whether every pending entry has a consumer: false for a group that was read from a file that is
  // corrupt.
  bool EveryPendingIsAssigned() const;

  // Into `copy`, which is empty.
  void CopyTo(StreamGroup& copy) const;
  // Without sizeof(StreamGroup).
  size_t AllocatedBytes() const;

 private:
  StreamId last_id_;
  int64_t entries_read_ = kUnknown;
  Pending pending_;
  Consumers consumers_;
};

}  // namespace keyway::shard::types
