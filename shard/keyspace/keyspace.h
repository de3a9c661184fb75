// All databases of a shard.
//
// Each database is 16384 slot tables (see slot_table.h), in standalone mode too. Every change to a
// key passes Database's methods, the one place where watchers, trackers and slot moves will look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/slot/slot.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/environment.h"

namespace keyway::shard::keyspace {

class Keyspace {
 public:
  // `databases` at least 1.
  Keyspace(int databases, const Clock& clock, Random& random);
  ~Keyspace();

  int database_count() const { return static_cast<int>(databases_.size()); }
  Database& database(int index) { return *databases_[static_cast<size_t>(index)]; }

  // SWAPDB: what was in one is in the other. References to both stay valid.
  void Swap(int first, int second);
  // FLUSHALL. `async`: memory is freed on a side thread. Returns how many keys there were.
  size_t FlushAll(bool async);

  // Databases for a data set that is loaded beside this one: as many as there are, empty. Whoever
  // gets them hands them back to one of the two calls that follow.
  using Spare = std::vector<std::unique_ptr<Database>>;
  Spare MakeSpare();
  // What was loaded takes the place of what is there, whose memory is freed on a side thread. Counts
  // as no change.
  void ReplaceBy(Spare loaded);
  // It is not wanted.
  void Discard(Spare loaded);

  // To be called at the start and when one of the directives changes.
  void set_options(const KeyspaceOptions& options) { environment_.options = options; }
  const KeyspaceOptions& options() const { return environment_.options; }
  // While a data set is being loaded no key expires: what came later may refer to it.
  void set_keep_expired(bool keep) {
    loading_ = keep;
    ApplyExpiredKeys();
  }
  // This server is a replica now, or no longer: keys that have expired are hidden, unless a call
  // says otherwise, and no key is deleted at once because its new expiry is past.
  void set_follows(bool follows) {
    environment_.follows = follows;
    ApplyExpiredKeys();
  }
  // What holds for the call at hand (kDelete for one of a client of a writable replica that writes,
  // kKeep for the primary's, kHide during a pause); nullopt: what holds outside of calls. To be put
  // back to what in_call was before.
  void set_in_call(std::optional<ExpiredKeys> expired_keys) {
    in_call_ = expired_keys;
    ApplyExpiredKeys();
  }
  std::optional<ExpiredKeys> in_call() const { return in_call_; }
  ExpiredKeys expired_keys() const { return environment_.expired_keys; }
  // Who wants to know of changes, in the order in which they were added. A listener is added once
  // and removed before it dies, neither from within one of its calls.
  void AddListener(KeyChangeListener& listener);
  void RemoveListener(KeyChangeListener& listener);

  LazyFree& lazy_free() { return environment_.lazy_free; }

  // Over all databases.
  size_t KeyCount() const;
  size_t CountInSlot(Slot slot) const;
  // Up to `limit` keys of the slot in database 0 first, then the others. `visit` must not change
  // keys.
  void KeysInSlot(Slot slot, size_t limit,
                  const std::function<void(std::string_view)>& visit) const;

  // One round of active expiry, bounded by `budget_micros`. Called `hz` times a second (slow cycle)
  // and at the end of passes (fast cycle); `effort` is active-expire-effort (1 to 10).
  void ActiveExpire(int64_t budget_micros, int effort);

  // Up to date when called.
  KeyspaceStats& stats();
  // stats().changes, for those who ask before and after each command.
  uint64_t changes() const { return environment_.stats.changes; }
  // CONFIG RESETSTAT.
  void ResetStats();

 private:
  void ApplyExpiredKeys();
  bool ExpireIn(Database& database, int64_t deadline_micros, int effort);

  Environment environment_;
  bool loading_ = false;
  std::optional<ExpiredKeys> in_call_;
  std::vector<std::unique_ptr<Database>> databases_;
  const Clock& clock_;
  size_t next_to_expire_ = 0;
  // Of one call of ActiveExpire.
  size_t sampled_ = 0;
  size_t expired_ = 0;
};

}  // namespace keyway::shard::keyspace
