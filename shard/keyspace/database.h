// One database: keys, their values and expiries. Every change to a key passes a method of this
// class, which keeps the counts right and tells the KeyChangeListener.
//
// Time comes in as `now_ms`, the wall clock when the command started, so that all keys of a command
// see one time. A key whose expiry lies before it is deleted when a method comes across it, and
// is as good as absent to the caller; on a replica, and in other cases, it stays (ExpiredKeys).
//
// Records are handed out as pointers that are valid until the next change to the same key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "common/slot/slot.h"
#include "shard/keyspace/environment.h"
#include "shard/keyspace/key.h"
#include "shard/keyspace/record.h"
#include "shard/keyspace/records_ahead.h"
#include "shard/keyspace/slot_tables.h"

namespace keyway::shard::keyspace {

// For Set: the expiry that the key has, if it has one, stays.
inline constexpr int64_t kKeepExpiry = -2;
// For Delete, as the time: a key that has expired is deleted like any other. So Redis does with the
// destination of a command that has nothing to store.
inline constexpr int64_t kEvenIfExpired = std::numeric_limits<int64_t>::min();

// How a lookup leaves its traces.
enum class Access : uint8_t {
  kRead,   // counts as a hit or a miss and as a use
  kPeek,   // counts as a hit or a miss, but not as a use
  kLook,   // the same, and nobody is told of a miss: OBJECT
  kWrite,  // counts as a use
  kNone,
};

// Whether the memory of what is deleted is freed at once, or, if it is much, on a side thread.
enum class Reclaim : uint8_t { kNow, kLater };

class Database {
 public:
  // `environment` must outlive the database.
  Database(int index, Environment& environment);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  int index() const { return index_; }
  // Keys, and keys with an expiry, those included that have expired but were not come across yet.
  size_t size() const;
  size_t expires() const;
  size_t CountInSlot(Slot slot) const;
  // Memory of the tables themselves, without keys and values. Looks at each of them.
  size_t TableBytes() const;
  // Of the keys with an expiry, as seen by active expiry lately.
  int64_t average_ttl_ms() const { return average_ttl_ms_; }

  // nullptr when there is no such key.
  const Record* Find(const Key& key, int64_t now_ms, Access access);
  // As it lies there, expired or not, without a trace: for who listens to changes.
  const Record* Peek(const Key& key) const;

  // For a loader: stores a key that is not there yet. False: it is there, expired or not, and stays
  // as it is. Nobody is told, and it counts as no change. `access` is 24 bits, see access_clock.h.
  bool Load(const Key& key, Value value, int64_t expiry_ms, uint32_t access);
  // Removes a key, if it is there, likewise without a trace.
  void Unload(const Key& key);
  // So many keys, or more, are about to be loaded: a slot that gets its first one makes room for its
  // part of them. 0: they are done.
  void Expect(size_t keys);
  // Asks for the memory in which Load (or another method) will look for `key` soon.
  void Prefetch(const Key& key) const;
  // All keys, for a snapshot: calls visit(record), which must not change keys, in the order in which
  // the tables lie in memory. Writes to nothing that a forked process shares with its parent.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    if (tables_ == nullptr) return;
    RecordsAhead<Visit> ahead(visit);
    for (int slot = tables_->NextWithKeys(0); slot < kSlotCount;
         slot = tables_->NextWithKeys(slot + 1)) {
      tables_->slot(static_cast<Slot>(slot)).ForEach([&](const Record& record) {
        ahead.Push(record);
      });
    }
    ahead.Finish();
  }

  // Makes `key` hold `value`, whatever it was. `expiry_ms`: kNoExpiry, kKeepExpiry or the time.
  void Set(const Key& key, Value value, int64_t expiry_ms, int64_t now_ms, Event event);
  // Whether a key that gets this expiry is to be deleted instead. Not while a data set is loaded, nor
  // on a replica.
  bool IsPast(int64_t expiry_ms, int64_t now_ms) const {
    return expiry_ms <= now_ms && environment_.expired_keys != ExpiredKeys::kKeep &&
           !environment_.follows;
  }
  // Calls `change` with `record`, which Find returned for `key`, to change its value where it is
  // (set_integer, set_raw, set_object). `changes`: how many changes that is for
  // rdb_changes_since_last_save; SADD of three members makes three.
  template <typename Change>
  void ChangeInPlace(const Key& key, const Record* record, Event event, Change&& change,
                     uint64_t changes = 1) {
    BeforeChange(key, *record);
    change(*const_cast<Record*>(record));
    CountChange(key, event, changes);
  }
  // The same in two steps, for a command that knows only afterwards what it has changed: nothing may
  // be changed before the first call, nobody else looks before the second.
  Record& BeginChange(const Key& key, const Record* record) {
    BeforeChange(key, *record);
    return *const_cast<Record*>(record);
  }
  void EndChange(const Key& key, Event event, uint64_t changes = 1) {
    CountChange(key, event, changes);
  }
  // The key must exist: `value` is what it holds already, encoded in another way. To clients that is
  // no change: nobody is told.
  void Reencode(const Key& key, Value value);
  // More changes by the same command: Set counts one.
  void CountMoreChanges(uint64_t changes) { environment_.stats.changes += changes; }
  // The key holds a collection whose last element ChangeInPlace has just removed, of which no record
  // must remain: removes it, with the event kDel.
  void DeleteEmptied(const Key& key);
  // The key must exist: RESTORE with IDLETIME or FREQ. 24 bits, see access_clock.h.
  void SetAccess(const Key& key, uint32_t access);
  // The key must exist. kNoExpiry removes the expiry.
  void SetExpiry(const Key& key, int64_t expiry_ms);
  // Whether the key was there.
  bool Delete(const Key& key, int64_t now_ms, Reclaim reclaim);

  // `from` must exist and be another key than `to`, which is replaced.
  void Rename(const Key& from, const Key& to, int64_t now_ms);
  // The key must exist here and not in `target`, another database.
  void Move(const Key& key, Database& target);
  // `from` must exist and be another key, or in another database, than `to`, which is replaced.
  void Copy(const Key& from, Database& target, const Key& to, int64_t now_ms);

  // Any key with the same probability; nullptr when there is none. Where those that have expired are
  // hidden it may be one of them, if there is hardly any other.
  const Record* RandomKey(int64_t now_ms);

  // Appends some keys from a place chosen at random, for eviction: `count`, or a few more, or all that
  // there are; with `only_with_expiry` only such. Those included that have expired.
  void Sample(size_t count, bool only_with_expiry, std::vector<const Record*>* found);
  // Deletes `key` to make room, though it may have expired, with the event kEvicted. False: there is
  // no such key, or, with `only_with_expiry`, it has none. `key` may be a view into the record.
  bool Evict(const Key& key, bool only_with_expiry, Reclaim reclaim);

  // One step of a walk over all keys. 0 starts it, and is returned at the end. Appends to `found`
  // `count` keys, or a few more (fewer at the end), those included that have expired. A key that is
  // there from the start of the walk to its end is found, once, whatever happens to others
  // meanwhile. Cursors have 48 bits (slot, position in the slot's table); one with more is a walk
  // that is over.
  using Cursor = uint64_t;
  Cursor Scan(Cursor cursor, size_t count, std::vector<const Record*>* found) const;
  // Deletes those of the keys that have expired, unless they are only hidden, and takes them off the
  // list.
  void DeleteExpired(int64_t now_ms, std::vector<const Record*>* records);
  // Appends up to `limit` keys of the slot.
  void KeysInSlot(Slot slot, size_t limit, std::vector<const Record*>* found) const;

  // Deletes all keys; kLater: the memory is freed on a side thread. Returns how many there were.
  size_t Flush(Reclaim reclaim);
  // SWAPDB.
  void SwapContents(Database& other);

  // One step of active expiry: looks at the next `max_keys` keys that have an expiry, or at as many
  // as it finds while it looks at `max_cells` cells of tables, and deletes those that have expired.
  struct ExpireStep {
    size_t sampled = 0;
    size_t expired = 0;
    bool finished_round = false;  // the walk came to the end; the next step starts it anew
  };
  // One key: deletes it if it has expired, whatever ExpiredKeys says. Whether it has; nullopt: it is
  // not there, or has no expiry.
  std::optional<bool> ExpireKey(const Key& key, int64_t now_ms);
  ExpireStep ExpireSome(size_t max_keys, size_t max_cells, int64_t now_ms);
  // To be called after the steps of one round: averages the time to live of what they looked at.
  void UpdateAverageTtl();

 private:
  SlotTables& Tables();
  bool HasExpired(const Record& record, int64_t now_ms) const {
    return record.IsExpired(now_ms) && environment_.expired_keys != ExpiredKeys::kKeep;
  }
  Record* Lookup(const Key& key, int64_t now_ms);
  Record* LookupToReplace(const Key& key, int64_t now_ms);
  const Record* NextKeyThatStays();
  void DeleteExpired(const Key& key, const Record& record);
  void DropReplaced(const Key& key, int64_t now_ms);
  void FreeRecord(Record* record, Reclaim reclaim);
  void FreeValue(Value value, Reclaim reclaim);
  void InsertRecord(const Key& key, Record* record);
  Record* RemoveRecord(const Key& key);
  void BeforeChange(const Key& key, const Record& record);
  void CountChange(const Key& key, Event event, uint64_t changes = 1);
  void Notify(const Key& key, Event event);

  int index_;
  Environment& environment_;
  std::unique_ptr<SlotTables> tables_;  // nullptr until there is a key

  size_t expected_in_slot_ = 0;

  // Active expiry: where it goes on, and what it saw since the last UpdateAverageTtl.
  int expire_slot_ = 0;
  SlotTable::Position expire_position_ = 0;
  double ttl_sum_ms_ = 0;
  int64_t ttl_samples_ = 0;
  int64_t average_ttl_ms_ = 0;
  std::vector<Record*> scratch_;
};

}  // namespace keyway::shard::keyspace
