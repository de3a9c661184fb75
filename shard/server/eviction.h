// maxmemory: makes room by deleting keys before a command is executed, in the order of
// maxmemory-policy, and says when there is none to be made.
//
// Keys are found by sampling: maxmemory-samples keys of each database go into a pool of the best
// candidates, of which the best one goes, until what the program has allocated
// (common/base/allocated_bytes.h, which is up to date at every moment) is below maxmemory. A turn
// takes the time that maxmemory-eviction-tenacity allows; then the loop goes on with it, a turn a
// pass, and commands are executed meanwhile although memory is above the limit.
#pragma once

#include <cstdint>
#include <vector>

#include "common/net/event_loop.h"
#include "shard/keyspace/key.h"
#include "shard/keyspace/record.h"
#include "shard/server/command_context.h"
#include "shard/server/eviction_pool.h"

namespace keyway::shard {

class Eviction {
 public:
  // `services` outlives the object.
  explicit Eviction(Services& services);

  enum class Outcome {
    kOk,       // memory is below the limit, or there is none
    kRunning,  // not yet: goes on in the background
    kFailed,   // above the limit, and nothing can be evicted
  };
  // Cheap without maxmemory or below it. To be called before a command is executed.
  Outcome MakeRoom();

  // Whether memory is above maxmemory now.
  bool OverLimit() const;
  // CONFIG SET has changed maxmemory or maxmemory-policy.
  void OnConfigChanged();

  // Time that memory was above the limit, in all and since the last time it was below it.
  int64_t total_exceeded_micros() const;
  int64_t current_exceeded_micros() const;
  // CONFIG RESETSTAT.
  void ResetStats();

 private:
  Outcome EvictUntilBelow(int64_t limit_micros);
  // Whether a key was evicted.
  bool EvictOne();
  bool EvictAny(bool only_with_expiry);
  bool EvictBest(bool only_with_expiry);
  void FillPool(bool only_with_expiry);
  uint64_t Score(const keyspace::Record& record, int64_t now_ms) const;
  bool Delete(int database, const keyspace::Key& key, bool only_with_expiry);
  // What a side thread frees may be enough.
  bool WaitForLazyFree(int64_t deadline_micros);
  void KeepTime(Outcome outcome);

  Services& services_;
  EvictionPool pool_;
  std::vector<const keyspace::Record*> sample_;
  net::Timer background_;
  int first_database_ = 0;  // to be sampled
  int64_t exceeded_since_micros_ = 0;  // 0: memory is below the limit
  int64_t exceeded_micros_ = 0;
};

// Memory that does not count towards maxmemory, because it would grow by every key that is deleted:
// what waits to be written to the append-only file, and to be sent to replicas beyond the backlog.
uint64_t MemoryNotEvictable(const Services& services);

// How long one turn may take: 0 to 500 microseconds for tenacity 0 to 10, then 15 % more a step, no
// limit (INT64_MAX) for 100.
int64_t EvictionTurnMicros(int64_t tenacity);

}  // namespace keyway::shard
