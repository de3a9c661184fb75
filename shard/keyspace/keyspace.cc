#include "shard/keyspace/keyspace.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

namespace keyway::shard::keyspace {
namespace {

constexpr size_t kKeysPerStep = 20;
constexpr size_t kCellsPerKey = 16;
constexpr int kAcceptableStalePercent = 10;

}  // namespace

Keyspace::Keyspace(int databases, const Clock& clock, Random& random)
    : environment_{.random = random}, clock_(clock) {
  CHECK_GE(databases, 1);
  for (int index = 0; index < databases; ++index) {
    databases_.push_back(std::make_unique<Database>(index, environment_));
  }
}

Keyspace::~Keyspace() = default;

void Keyspace::AddListener(KeyChangeListener& listener) {
  environment_.listeners.push_back(&listener);
}

void Keyspace::RemoveListener(KeyChangeListener& listener) {
  std::erase(environment_.listeners, &listener);
}

void Keyspace::ApplyExpiredKeys() {
  ExpiredKeys& expired_keys = environment_.expired_keys;
  if (loading_) {
    expired_keys = ExpiredKeys::kKeep;
  } else if (in_call_.has_value()) {
    expired_keys = *in_call_;
  } else {
    expired_keys = environment_.follows ? ExpiredKeys::kHide : ExpiredKeys::kDelete;
  }
}

void Keyspace::Swap(int first, int second) {
  ++environment_.stats.changes;
  if (first == second) return;
  database(first).SwapContents(database(second));
  for (KeyChangeListener* listener : environment_.listeners) {
    listener->AfterSwap(database(first), database(second));
  }
}

size_t Keyspace::FlushAll(bool async) {
  size_t keys = 0;
  for (const auto& database : databases_) {
    keys += database->Flush(async ? Reclaim::kLater : Reclaim::kNow);
  }
  return keys;
}

Keyspace::Spare Keyspace::MakeSpare() {
  Spare spare;
  for (int index = 0; index < database_count(); ++index) {
    spare.push_back(std::make_unique<Database>(index, environment_));
  }
  return spare;
}

void Keyspace::ReplaceBy(Spare loaded) {
  CHECK_EQ(loaded.size(), databases_.size());
  const uint64_t changes = environment_.stats.changes;
  FlushAll(/*async=*/true);
  environment_.stats.changes = changes;
  for (size_t index = 0; index < databases_.size(); ++index) {
    databases_[index]->SwapContents(*loaded[index]);
    for (KeyChangeListener* listener : environment_.listeners) {
      listener->AfterSwap(*databases_[index], *loaded[index]);
    }
  }
}

void Keyspace::Discard(Spare loaded) {
  // Nobody has heard of these keys.
  std::vector<KeyChangeListener*> listeners = std::exchange(environment_.listeners, {});
  const uint64_t changes = environment_.stats.changes;
  for (const auto& database : loaded) database->Flush(Reclaim::kLater);
  environment_.stats.changes = changes;
  environment_.listeners = std::move(listeners);
}

size_t Keyspace::KeyCount() const {
  size_t keys = 0;
  for (const auto& database : databases_) keys += database->size();
  return keys;
}

size_t Keyspace::CountInSlot(Slot slot) const {
  size_t keys = 0;
  for (const auto& database : databases_) keys += database->CountInSlot(slot);
  return keys;
}

void Keyspace::KeysInSlot(Slot slot, size_t limit,
                          const std::function<void(std::string_view)>& visit) const {
  std::vector<const Record*> records;
  for (const auto& database : databases_) {
    database->KeysInSlot(slot, limit - records.size(), &records);
  }
  for (const Record* record : records) visit(record->key());
}

// Goes on as long as a sample shows more stale keys than are acceptable. Returns false when time is
// up.
bool Keyspace::ExpireIn(Database& database, int64_t deadline_micros, int effort) {
  const size_t max_keys = kKeysPerStep + kKeysPerStep / 4 * static_cast<size_t>(effort);
  const auto acceptable = static_cast<size_t>(kAcceptableStalePercent - effort);
  const int64_t now_ms = clock_.WallMillis();
  bool in_time = true;
  for (bool more = true; more && in_time;) {
    const Database::ExpireStep step =
        database.ExpireSome(max_keys, max_keys * kCellsPerKey, now_ms);
    sampled_ += step.sampled;
    expired_ += step.expired;
    more =
        step.sampled == 0 ? !step.finished_round : step.expired * 100 / step.sampled > acceptable;
    in_time = clock_.MonotonicMicros() < deadline_micros;
  }
  database.UpdateAverageTtl();
  return in_time;
}

void Keyspace::ActiveExpire(int64_t budget_micros, int effort) {
  const int64_t start = clock_.MonotonicMicros();
  effort = std::clamp(effort, 1, 10) - 1;
  sampled_ = 0;
  expired_ = 0;
  for (size_t i = 0; i < databases_.size(); ++i) {
    Database& database = *databases_[next_to_expire_];
    next_to_expire_ = (next_to_expire_ + 1) % databases_.size();
    if (!ExpireIn(database, start + budget_micros, effort)) {
      ++environment_.stats.expired_time_cap_reached;
      break;
    }
  }
  KeyspaceStats& stats = environment_.stats;
  const double percent =
      sampled_ == 0 ? 0 : static_cast<double>(expired_) * 100 / static_cast<double>(sampled_);
  stats.expired_stale_percent = percent * 0.05 + stats.expired_stale_percent * 0.95;
  stats.expire_cycle_cpu_micros += clock_.MonotonicMicros() - start;
}

KeyspaceStats& Keyspace::stats() {
  environment_.stats.lazyfree_pending = environment_.lazy_free.pending_objects();
  environment_.stats.lazyfreed = environment_.lazy_free.freed_objects();
  return environment_.stats;
}

void Keyspace::ResetStats() {
  KeyspaceStats& stats = environment_.stats;
  stats.hits = 0;
  stats.misses = 0;
  stats.expired_keys = 0;
  stats.evicted_keys = 0;
  stats.expired_stale_percent = 0;
  stats.expired_time_cap_reached = 0;
  environment_.lazy_free.ResetFreedObjects();
}

}  // namespace keyway::shard::keyspace
