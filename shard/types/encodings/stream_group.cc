#include "shard/types/encodings/stream_group.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

namespace keyway::shard::types {
namespace {

constexpr size_t kMapNodeBytes = 32;  // what std::map adds to each of its values

}  // namespace

StreamConsumer* StreamGroup::FindConsumer(std::string_view name) {
  const auto found = consumers_.find(name);
  return found == consumers_.end() ? nullptr : &found->second;
}

StreamConsumer* StreamGroup::AddConsumer(std::string_view name, int64_t seen_ms) {
  const auto [added, is_new] = consumers_.try_emplace(std::string(name));
  if (!is_new) return nullptr;
  added->second.name_ = added->first;
  added->second.seen_ms_ = seen_ms;
  return &added->second;
}

size_t StreamGroup::RemoveConsumer(std::string_view name) {
  const auto found = consumers_.find(name);
  CHECK(found != consumers_.end());
  const StreamConsumer::Pending& pending = found->second.pending_;
  const size_t count = pending.size();
  for (auto at = pending.Begin(); at != pending.End(); at = pending.Next(at)) {
    pending_.Erase(pending_.Find(pending.At(at)->id));
  }
  consumers_.erase(found);
  return count;
}

StreamPending* StreamGroup::FindPending(StreamId id) {
  const auto position = pending_.Find(id);
  return position == pending_.End() ? nullptr : pending_.At(position).get();
}

StreamPending* StreamGroup::AddPending(StreamId id, int64_t delivery_ms, uint64_t deliveries) {
  auto pending = std::make_unique<StreamPending>(
      StreamPending{.id = id, .delivery_ms = delivery_ms, .deliveries = deliveries});
  StreamPending* added = pending.get();
  return pending_.Insert(std::move(pending)) ? added : nullptr;
}

void StreamGroup::Assign(StreamPending& pending, StreamConsumer& consumer) {
  if (pending.consumer == &consumer) return;
  if (pending.consumer != nullptr) {
    StreamConsumer::Pending& before = pending.consumer->pending_;
    before.Erase(before.Find(pending.id));
  }
  pending.consumer = &consumer;
  consumer.pending_.Insert(&pending);
}

bool StreamGroup::RemovePending(StreamId id) {
  const auto position = pending_.Find(id);
  if (position == pending_.End()) return false;
  if (StreamConsumer* consumer = pending_.At(position)->consumer; consumer != nullptr) {
    consumer->pending_.Erase(consumer->pending_.Find(id));
  }
  pending_.Erase(position);
  return true;
}

bool StreamGroup::EveryPendingIsAssigned() const {
  size_t assigned = 0;
  for (const auto& [name, consumer] : consumers_) assigned += consumer.pending().size();
  return assigned == pending_.size();
}

void StreamGroup::CopyTo(StreamGroup& copy) const {
  copy.last_id_ = last_id_;
  copy.entries_read_ = entries_read_;
  for (const auto& [name, consumer] : consumers_) {
    StreamConsumer* copied = copy.AddConsumer(name, consumer.seen_ms());
    const StreamConsumer::Pending& pending = consumer.pending();
    for (auto at = pending.Begin(); at != pending.End(); at = pending.Next(at)) {
      const StreamPending& original = *pending.At(at);
      copy.Assign(*copy.AddPending(original.id, original.delivery_ms, original.deliveries),
                  *copied);
    }
  }
}

size_t StreamGroup::AllocatedBytes() const {
  size_t bytes = pending_.AllocatedBytes() + pending_.size() * sizeof(StreamPending);
  for (const auto& [name, consumer] : consumers_) {
    bytes += kMapNodeBytes + sizeof(Consumers::value_type) + consumer.pending().AllocatedBytes();
    if (name.capacity() > std::string().capacity()) bytes += name.capacity() + 1;
  }
  return bytes;
}

}  // namespace keyway::shard::types
