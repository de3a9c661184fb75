// maxmemory-clients: when the clients together occupy more memory than that, the largest are
// closed.
//
// What each client occupies is taken down after it was served, while it has output waiting and by
// the cron, and clients are kept in buckets by the power of two of it, so that finding the largest
// does not mean looking at all. Clients with CLIENT NO-EVICT do not count. Costs nothing while off.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "shard/server/client_state.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

class ClientEviction {
 public:
  // `services` outlives the object.
  explicit ClientEviction(Services& services);

  // maxmemory-clients, a percentage made bytes; 0: off.
  uint64_t limit() const;
  // The client's memory may have changed.
  void Update(Client& client) {
    if (on_) UpdateNow(client);
  }
  // The client is gone.
  void Forget(const Client& client);
  // Closes clients until the others are within the limit. `current`, which is being served, may be
  // one of them: true if so.
  bool Enforce(const Client* current) { return on_ && EnforceNow(current); }
  // CONFIG SET of maxmemory-clients or maxmemory; CLIENT NO-EVICT goes through Update.
  void OnConfigChanged();

  uint64_t evicted_clients() const { return evicted_clients_; }
  void ResetStats() { evicted_clients_ = 0; }

  // DEBUG CLIENT-EVICTION: the buckets.
  std::string Describe() const;

 private:
  // The first bucket is for less than 32 kB, the last for 4 GB and more, each for twice the one
  // before.
  static constexpr int kSmallestBits = 15;
  static constexpr int kBuckets = 19;

  struct Bucket {
    std::unordered_set<uint64_t> ids;
    uint64_t bytes = 0;
  };

  static size_t BucketOf(uint64_t bytes);
  void UpdateNow(Client& client);
  bool EnforceNow(const Client* current);
  void Remove(uint64_t id);

  Services& services_;
  bool on_ = false;
  std::array<Bucket, kBuckets> buckets_;
  std::unordered_map<uint64_t, uint64_t> bytes_of_client_;
  uint64_t bytes_ = 0;
  uint64_t evicted_clients_ = 0;
};

}  // namespace keyway::shard
