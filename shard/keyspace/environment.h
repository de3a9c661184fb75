// What the databases of a keyspace share.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/random.h"
#include "shard/keyspace/access_clock.h"
#include "shard/keyspace/key_change_listener.h"
#include "shard/keyspace/lazy_free.h"

namespace keyway::shard::keyspace {

// Totals over all databases since the start or the last ResetStats, for INFO.
struct KeyspaceStats {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t expired_keys = 0;
  uint64_t evicted_keys = 0;
  uint64_t changes = 0;  // keys changed, as rdb_changes_since_last_save counts them; not reset
  double expired_stale_percent = 0;
  uint64_t expired_time_cap_reached = 0;
  int64_t expire_cycle_cpu_micros = 0;
  uint64_t lazyfree_pending = 0;
  uint64_t lazyfreed = 0;
};

// The directives that the keyspace follows by itself.
struct KeyspaceOptions {
  AccessPolicy access;              // maxmemory-policy, lfu-log-factor, lfu-decay-time
  bool lazy_expire = false;         // lazyfree-lazy-expire
  bool lazy_server_delete = false;  // lazyfree-lazy-server-del
};

// What becomes of a key that has expired when somebody comes across it. Source: redis-server
// 7.0.15, expireIfNeeded.
enum class ExpiredKeys : uint8_t {
  kDelete,  // it is deleted: a primary
  kHide,    // it is as good as absent, but stays: its primary says when it goes; or nothing may change
  kKeep,    // it counts as there: for the primary's commands, and while a data set is loaded
};

struct Environment {
  Random& random;
  KeyspaceStats stats;
  KeyspaceOptions options;
  ExpiredKeys expired_keys = ExpiredKeys::kDelete;
  // A primary is followed, who decides which keys expire.
  bool follows = false;
  // Each costs a call a change: who listens to nothing at the moment is not here.
  std::vector<KeyChangeListener*> listeners;
  LazyFree lazy_free;
};

}  // namespace keyway::shard::keyspace
