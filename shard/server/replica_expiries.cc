#include "shard/server/replica_expiries.h"

#include <algorithm>
#include <iterator>

#include "shard/keyspace/keyspace.h"
#include "shard/server/replica_rules.h"

namespace keyway::shard {
namespace {

using keyspace::Event;
using keyspace::Key;

constexpr int kDatabases = 64;
constexpr size_t kMostKept = 3;  // keys that have not expired, before a turn ends
constexpr size_t kKeysBetweenLooks = 64;  // at the clock
constexpr int64_t kTurnMicros = 1000;

// What may give a key an expiry, or make a key that has one.
bool MaySetExpiry(Event event) {
  return event == Event::kExpire || event == Event::kRestore || event == Event::kRenameTo ||
         event == Event::kMoveTo || event == Event::kCopyTo;
}

}  // namespace

ReplicaExpiries::~ReplicaExpiries() {
  if (listening_) services_.keyspace.RemoveListener(*this);
}

void ReplicaExpiries::Update() {
  // What was remembered on a writable replica expires here even if it is read-only now.
  const bool listens = IsReplica(services_) &&
                       (!services_.config.replica_read_only || !databases_of_.empty());
  if (!IsReplica(services_)) databases_of_.clear();
  if (listens == listening_) return;
  listening_ = listens;
  if (listens) {
    services_.keyspace.AddListener(*this);
  } else {
    services_.keyspace.RemoveListener(*this);
  }
}

void ReplicaExpiries::AfterChange(const keyspace::Database& database, const Key& key,
                                  Event event) {
  if (!MaySetExpiry(event) || database.index() >= kDatabases) return;
  if (services_.keyspace.expired_keys() == keyspace::ExpiredKeys::kKeep) return;  // the primary's
  const keyspace::Record* record = database.Peek(key);
  if (record == nullptr || !record->has_expiry()) return;
  databases_of_[std::string(key.text)] |= uint64_t{1} << database.index();
}

void ReplicaExpiries::BeforeFlush(const keyspace::Database& database) {
  if (database.index() >= kDatabases) return;
  const uint64_t bit = uint64_t{1} << database.index();
  for (auto next = databases_of_.begin(); next != databases_of_.end();) {
    next->second &= ~bit;
    next = next->second == 0 ? databases_of_.erase(next) : std::next(next);
  }
}

void ReplicaExpiries::Expire() {
  if (databases_of_.empty()) return;
  const int64_t now_ms = services_.clock.WallMillis();
  const int64_t deadline = services_.clock.MonotonicMicros() + kTurnMicros;
  const int databases = std::min(kDatabases, services_.keyspace.database_count());
  size_t kept = 0;
  const size_t most = databases_of_.size();
  for (size_t turn = 0; turn < most && kept <= kMostKept; ++turn) {
    if (turn % kKeysBetweenLooks == kKeysBetweenLooks - 1 &&
        services_.clock.MonotonicMicros() > deadline) {
      break;
    }
    // One after the other, round and round: not at random as in Redis, so that none is left out.
    auto entry = databases_of_.upper_bound(last_looked_at_);
    if (entry == databases_of_.end()) entry = databases_of_.begin();
    last_looked_at_ = entry->first;
    const std::string& name = last_looked_at_;
    uint64_t left = 0;
    for (int index = 0; index < databases; ++index) {
      const uint64_t bit = uint64_t{1} << index;
      if ((entry->second & bit) == 0) continue;
      const auto expired = services_.keyspace.database(index).ExpireKey(Key(name), now_ms);
      if (expired.has_value() && !*expired) left |= bit;
    }
    if (left == 0) {
      databases_of_.erase(entry);
    } else {
      entry->second = left;
      ++kept;
    }
  }
}

}  // namespace keyway::shard
