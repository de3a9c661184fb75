// What a record remembers of its use, in 24 bits, for eviction and OBJECT IDLETIME and FREQ: the
// second of its last use (LRU), or, under an LFU policy, the minute of its last use (16 bits) and a
// logarithmic counter of its uses (8 bits). As in Redis, a change of the policy leaves the bits as
// they are, so that the figures take a while to make sense again.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/random.h"

namespace keyway::shard::keyspace {

struct AccessPolicy {
  bool lfu = false;
  int64_t lfu_log_factor = 10;
  int64_t lfu_decay_minutes = 1;
};

// Of a key that is created now.
uint32_t FirstAccess(const AccessPolicy& policy, int64_t now_ms);
// Of a key with `access` that is used now.
uint32_t NextAccess(const AccessPolicy& policy, uint32_t access, int64_t now_ms, Random& random);
// Of a key that comes with what another server knew of it: seconds since its last use, the counter
// of its uses; negative: not said. nullopt: nothing that the policy could use.
std::optional<uint32_t> RestoredAccess(const AccessPolicy& policy, int64_t idle_seconds,
                                       int64_t frequency, int64_t now_ms);

// LRU: seconds since the last use. Wraps around after 194 days.
int64_t IdleSeconds(uint32_t access, int64_t now_ms);
// LFU: the counter, 0 to 255, less what it has lost since the last use.
int64_t UseFrequency(const AccessPolicy& policy, uint32_t access, int64_t now_ms);

}  // namespace keyway::shard::keyspace
