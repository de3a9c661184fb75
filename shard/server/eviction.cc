#include "shard/server/eviction.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "common/log/log.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/client_registry.h"
#include "shard/server/latency_monitor.h"
#include "shard/server/persistence.h"
#include "shard/server/replica_rules.h"
#include "shard/server/scripts.h"

namespace keyway::shard {
namespace {

constexpr size_t kRandomSample = 5;
constexpr int kKeysBetweenLooks = 16;  // at the clock

bool OnlyWithExpiry(MaxmemoryPolicy policy) {
  return policy == MaxmemoryPolicy::kVolatileLru || policy == MaxmemoryPolicy::kVolatileLfu ||
         policy == MaxmemoryPolicy::kVolatileRandom || policy == MaxmemoryPolicy::kVolatileTtl;
}

bool IsRandom(MaxmemoryPolicy policy) {
  return policy == MaxmemoryPolicy::kAllkeysRandom || policy == MaxmemoryPolicy::kVolatileRandom;
}

}  // namespace

int64_t EvictionTurnMicros(int64_t tenacity) {
  if (tenacity <= 10) return 50 * tenacity;
  if (tenacity < 100) return static_cast<int64_t>(500 * std::pow(1.15, tenacity - 10));
  return INT64_MAX;
}

Eviction::Eviction(Services& services)
    : services_(services), background_(services.loop, [this] {
        services_.clients.AfterLongCall([this] { MakeRoom(); });
      }) {}

bool Eviction::OverLimit() const {
  const uint64_t limit = services_.config.maxmemory;
  if (limit == 0) return false;
  const uint64_t used = UsedMemory(services_);
  return used > limit && used > limit + MemoryNotEvictable(services_);
}

uint64_t MemoryNotEvictable(const Services& services) {
  uint64_t bytes = 0;
  if (services.persistence != nullptr) bytes += services.persistence->status().aof_buffer_bytes;
  if (services.replication != nullptr) {
    const auto most = static_cast<size_t>(services.config.repl_backlog_size);
    const size_t backlog = services.replication->backlog().memory;
    if (backlog > most) bytes += backlog - most;
  }
  return bytes;
}

Eviction::Outcome Eviction::MakeRoom() {
  Outcome outcome = Outcome::kOk;
  // Nothing changes while clients are paused, as for a failover, or the data set is loaded.
  const bool loading = services_.persistence != nullptr && services_.persistence->loading();
  // A replica holds what its primary holds.
  const bool left_to_primary = services_.config.replica_ignore_maxmemory && IsReplica(services_);
  if (services_.clients.paused() == PauseMode::kNone && !loading && !left_to_primary &&
      OverLimit()) {
    outcome =
        services_.config.maxmemory_policy == MaxmemoryPolicy::kNoEviction
            ? Outcome::kFailed
            : EvictUntilBelow(EvictionTurnMicros(services_.config.maxmemory_eviction_tenacity));
  }
  if (outcome == Outcome::kRunning) {
    // Not at once: that would be before the loop has looked at its sockets.
    if (!background_.active()) background_.Start(1);
  } else {
    background_.Stop();
  }
  KeepTime(outcome);
  return outcome;
}

Eviction::Outcome Eviction::EvictUntilBelow(int64_t limit_micros) {
  const int64_t start = services_.clock.MonotonicMicros();
  Outcome outcome = Outcome::kOk;
  for (int evicted = 0; OverLimit();) {
    if (!EvictOne()) {
      const int64_t deadline = limit_micros > INT64_MAX - start ? INT64_MAX : start + limit_micros;
      outcome = WaitForLazyFree(deadline) ? Outcome::kOk : Outcome::kFailed;
      break;
    }
    if (++evicted % kKeysBetweenLooks == 0 &&
        services_.clock.MonotonicMicros() - start > limit_micros) {
      outcome = OverLimit() ? Outcome::kRunning : Outcome::kOk;
      break;
    }
  }
  if (LatencyMonitor* latency = services_.latency; latency != nullptr && latency->enabled()) {
    latency->Add("eviction-cycle", services_.clock.MonotonicMicros() - start);
  }
  return outcome;
}

bool Eviction::EvictOne() {
  const MaxmemoryPolicy policy = services_.config.maxmemory_policy;
  return IsRandom(policy) ? EvictAny(OnlyWithExpiry(policy)) : EvictBest(OnlyWithExpiry(policy));
}

bool Eviction::EvictAny(bool only_with_expiry) {
  keyspace::Keyspace& keyspace = services_.keyspace;
  const auto population = [&](int index) {
    const keyspace::Database& database = keyspace.database(index);
    return only_with_expiry ? database.expires() : database.size();
  };
  uint64_t keys = 0;
  for (int i = 0; i < keyspace.database_count(); ++i) keys += population(i);
  if (keys == 0) return false;
  uint64_t rank = services_.random.Below(keys);
  int index = 0;
  while (rank >= population(index)) rank -= population(index++);
  sample_.clear();
  // One of several: a sample of one would hardly ever be a key right behind another in its slot.
  keyspace.database(index).Sample(kRandomSample, only_with_expiry, &sample_);
  const keyspace::Record* chosen = sample_[services_.random.Below(sample_.size())];
  return Delete(index, keyspace::Key(chosen->key()), only_with_expiry);
}

bool Eviction::EvictBest(bool only_with_expiry) {
  // A candidate may be gone by now. There are no more of these than the pool holds, and what is put
  // in below exists.
  while (true) {
    FillPool(only_with_expiry);
    if (pool_.size() == 0) return false;
    while (const EvictionPool::Candidate* best = pool_.TakeBest()) {
      if (best->database < services_.keyspace.database_count() &&
          Delete(best->database, keyspace::Key(best->key), only_with_expiry)) {
        return true;
      }
    }
  }
}

void Eviction::FillPool(bool only_with_expiry) {
  keyspace::Keyspace& keyspace = services_.keyspace;
  const int64_t now_ms = services_.clock.WallMillis();
  const auto samples = static_cast<size_t>(services_.config.maxmemory_samples);
  // A full pool does not take equals: who comes first takes turns.
  const int databases = keyspace.database_count();
  first_database_ = (first_database_ + 1) % databases;
  for (int i = 0; i < databases; ++i) {
    const int index = (first_database_ + i) % databases;
    sample_.clear();
    keyspace.database(index).Sample(samples, only_with_expiry, &sample_);
    for (const keyspace::Record* record : sample_) {
      pool_.Offer(Score(*record, now_ms), index, record->key());
    }
  }
}

uint64_t Eviction::Score(const keyspace::Record& record, int64_t now_ms) const {
  switch (services_.config.maxmemory_policy) {
    case MaxmemoryPolicy::kVolatileTtl:
      return UINT64_MAX - static_cast<uint64_t>(record.expiry_ms());
    case MaxmemoryPolicy::kVolatileLfu:
    case MaxmemoryPolicy::kAllkeysLfu:
      return static_cast<uint64_t>(255 - keyspace::UseFrequency(services_.keyspace.options().access,
                                                                record.access(), now_ms));
    default:
      return static_cast<uint64_t>(keyspace::IdleSeconds(record.access(), now_ms));
  }
}

bool Eviction::Delete(int database, const keyspace::Key& key, bool only_with_expiry) {
  const keyspace::Reclaim reclaim =
      services_.config.lazyfree_lazy_eviction ? keyspace::Reclaim::kLater : keyspace::Reclaim::kNow;
  LatencyMonitor* latency = services_.latency;
  if (latency == nullptr || !latency->enabled()) {
    return services_.keyspace.database(database).Evict(key, only_with_expiry, reclaim);
  }
  const int64_t start = services_.clock.MonotonicMicros();
  const bool evicted = services_.keyspace.database(database).Evict(key, only_with_expiry, reclaim);
  latency->Add("eviction-del", services_.clock.MonotonicMicros() - start);
  return evicted;
}

bool Eviction::WaitForLazyFree(int64_t deadline_micros) {
  const int64_t start = services_.clock.MonotonicMicros();
  bool below = false;
  while (!below && services_.keyspace.stats().lazyfree_pending != 0 &&
         services_.clock.MonotonicMicros() < deadline_micros) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    below = !OverLimit();
  }
  if (LatencyMonitor* latency = services_.latency; latency != nullptr && latency->enabled()) {
    latency->Add("eviction-lazyfree", services_.clock.MonotonicMicros() - start);
  }
  return below || !OverLimit();
}

void Eviction::OnConfigChanged() {
  pool_.Clear();  // the scores of one policy mean nothing to another
  if (!OverLimit()) return;
  KEYWAY_WARNING()
      << "WARNING: the new maxmemory value set via CONFIG SET (" << services_.config.maxmemory
      << ") is smaller than the current memory usage (" << UsedMemory(services_)
      << "). This will result in key eviction and/or the inability to accept new write "
         "commands depending on the maxmemory-policy.";
  if (!background_.active()) background_.Start(0);
}

void Eviction::KeepTime(Outcome outcome) {
  if (outcome != Outcome::kOk) {
    if (exceeded_since_micros_ == 0) exceeded_since_micros_ = services_.clock.MonotonicMicros();
  } else if (exceeded_since_micros_ != 0) {
    exceeded_micros_ += current_exceeded_micros();
    exceeded_since_micros_ = 0;
  }
}

int64_t Eviction::current_exceeded_micros() const {
  if (exceeded_since_micros_ == 0) return 0;
  return services_.clock.MonotonicMicros() - exceeded_since_micros_;
}

int64_t Eviction::total_exceeded_micros() const {
  return exceeded_micros_ + current_exceeded_micros();
}

void Eviction::ResetStats() {
  exceeded_micros_ = 0;
  exceeded_since_micros_ = 0;
}

}  // namespace keyway::shard
