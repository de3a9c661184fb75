#include "shard/pubsub/keyspace_events.h"

#include <glog/logging.h>

#include "shard/config/shard_config.h"

namespace keyway::shard::pubsub {
namespace {

uint32_t BitOfClass(char letter) {
  switch (letter) {
    case 'g':
      return kEventGeneric;
    case '$':
      return kEventString;
    case 'l':
      return kEventList;
    case 's':
      return kEventSet;
    case 'h':
      return kEventHash;
    case 'z':
      return kEventZset;
    case 'x':
      return kEventExpired;
    case 'e':
      return kEventEvicted;
    case 't':
      return kEventStream;
    case 'n':
      return kEventNew;
    default:
      return 0;  // announced to nobody
  }
}

constexpr uint32_t kChannels = kEventKeyspace | kEventKeyevent;

}  // namespace

KeyspaceEvents::KeyspaceEvents(keyspace::Keyspace& keyspace, PubSub& pubsub)
    : keyspace_(keyspace), pubsub_(pubsub) {
  for (size_t i = 0; i < keyspace::kEventCount; ++i) {
    bits_[i] = BitOfClass(EventClass(static_cast<keyspace::Event>(i)));
  }
}

KeyspaceEvents::~KeyspaceEvents() {
  Configure(0);
}

void KeyspaceEvents::Configure(uint32_t events) {
  events_ = events;
  // A channel without an event, or an event without a channel, announces nothing.
  const bool listen = (events & kChannels) != 0 && (events & ~kChannels) != 0;
  if (listen == listening_) return;
  listening_ = listen;
  if (listen) {
    keyspace_.AddListener(*this);
  } else {
    keyspace_.RemoveListener(*this);
  }
}

void KeyspaceEvents::AfterChange(const keyspace::Database& database, const keyspace::Key& key,
                                 keyspace::Event event) {
  if ((events_ & bits_[static_cast<size_t>(event)]) == 0 || pubsub_.idle()) return;
  Announce(database, key.text, EventName(event));
}

void KeyspaceEvents::AfterMiss(const keyspace::Database& database, const keyspace::Key& key) {
  if ((events_ & kEventKeyMiss) == 0 || pubsub_.idle()) return;
  Announce(database, key.text, "keymiss");
}

void KeyspaceEvents::Announce(const keyspace::Database& database, std::string_view key,
                              std::string_view event) {
  const std::string index = std::to_string(database.index());
  if ((events_ & kEventKeyspace) != 0) {
    channel_.assign("__keyspace@").append(index).append("__:").append(key);
    (void)pubsub_.Publish(channel_, event);
  }
  if ((events_ & kEventKeyevent) != 0) {
    channel_.assign("__keyevent@").append(index).append("__:").append(event);
    (void)pubsub_.Publish(channel_, key);
  }
}

}  // namespace keyway::shard::pubsub
