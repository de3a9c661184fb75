// Keys with an expiry that clients have written on a writable replica. No primary will ever say that
// they have expired, so the replica deletes them itself. Source: redis-server 7.0.15,
// rememberSlaveKeyWithExpire and expireSlaveKeys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "shard/keyspace/key_change_listener.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

class ReplicaExpiries final : private keyspace::KeyChangeListener {
 public:
  // `services` outlives the object.
  explicit ReplicaExpiries(Services& services) : services_(services) {}
  ~ReplicaExpiries() override;

  // The role or replica-read-only has changed. Costs nothing except on a writable replica.
  void Update();
  // Deletes what has expired of some of the keys; often, for about a millisecond at most.
  void Expire();
  // Keys that are remembered, in how many databases soever.
  size_t size() const { return databases_of_.size(); }

 private:
  // keyspace::KeyChangeListener
  void BeforeChange(const keyspace::Database&, Slot, const keyspace::Record&) override {}
  void AfterChange(const keyspace::Database& database, const keyspace::Key& key,
                   keyspace::Event event) override;
  void BeforeFlush(const keyspace::Database& database) override;
  void AfterSwap(const keyspace::Database&, const keyspace::Database&) override {}

  Services& services_;
  bool listening_ = false;
  // By key: bit n for database n. Redis remembers those of the first 64 databases only.
  std::map<std::string, uint64_t> databases_of_;
  std::string last_looked_at_;
};

}  // namespace keyway::shard
