// Keyspace notifications: changes of keys as messages to the clients of this node
// (https://redis.io/docs/manual/keyspace-notifications):
//
//   __keyspace@<db>__:<key>    <event>    if notify-keyspace-events has K
//   __keyevent@<db>__:<event>  <key>      if it has E
//
// Never sent to other nodes of a cluster. While nothing is to be announced nobody listens to the
// keyspace.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "shard/keyspace/key_change_listener.h"
#include "shard/keyspace/keyspace.h"
#include "shard/pubsub/pubsub.h"

namespace keyway::shard::pubsub {

class KeyspaceEvents final : public keyspace::KeyChangeListener {
 public:
  // Both outlive the object.
  KeyspaceEvents(keyspace::Keyspace& keyspace, PubSub& pubsub);
  ~KeyspaceEvents() override;

  // `events`: bits of KeyspaceEvents in shard/config/shard_config.h, the value of
  // notify-keyspace-events.
  void Configure(uint32_t events);

  // keyspace::KeyChangeListener
  void BeforeChange(const keyspace::Database&, Slot, const keyspace::Record&) override {}
  void AfterChange(const keyspace::Database& database, const keyspace::Key& key,
                   keyspace::Event event) override;
  void BeforeFlush(const keyspace::Database&) override {}
  void AfterSwap(const keyspace::Database&, const keyspace::Database&) override {}
  void AfterMiss(const keyspace::Database& database, const keyspace::Key& key) override;

 private:
  void Announce(const keyspace::Database& database, std::string_view key, std::string_view event);

  keyspace::Keyspace& keyspace_;
  PubSub& pubsub_;
  uint32_t events_ = 0;
  bool listening_ = false;
  std::array<uint32_t, keyspace::kEventCount> bits_;  // of each event's class
  std::string channel_;                               // reused
};

}  // namespace keyway::shard::pubsub
