// While a data set is being loaded: it shows, nothing expires, and nothing counts.
#pragma once

#include <cstdint>

#include "shard/keyspace/keyspace.h"
#include "shard/server/command_context.h"
#include "shard/server/persistence.h"

namespace keyway::shard::persistence {

class LoadingScope {
 public:
  // `aside`: into other databases than those that are served meanwhile (status.async_loading).
  LoadingScope(Services& services, PersistenceStatus& status, uint64_t total_bytes,
               bool aside = false)
      : keyspace_(services.keyspace),
        status_(status),
        aside_(aside),
        before_(services.keyspace.stats()) {
    (aside ? status_.async_loading : status_.loading) = true;
    status_.loading_start_seconds = services.clock.WallMicros() / 1'000'000;
    status_.loading_total_bytes = total_bytes;
    status_.loading_loaded_bytes = 0;
    status_.loading_rdb_used_memory = 0;
    status_.last_load_keys_expired = 0;
    status_.last_load_keys_loaded = 0;
    if (!aside) keyspace_.set_keep_expired(true);
  }
  ~LoadingScope() {
    (aside_ ? status_.async_loading : status_.loading) = false;
    if (aside_) return;
    keyspace_.set_keep_expired(false);
    keyspace::KeyspaceStats& stats = keyspace_.stats();
    stats.hits = before_.hits;
    stats.misses = before_.misses;
    stats.changes = before_.changes;
  }
  LoadingScope(const LoadingScope&) = delete;
  LoadingScope& operator=(const LoadingScope&) = delete;

 private:
  keyspace::Keyspace& keyspace_;
  PersistenceStatus& status_;
  const bool aside_;
  const keyspace::KeyspaceStats before_;
};

}  // namespace keyway::shard::persistence
