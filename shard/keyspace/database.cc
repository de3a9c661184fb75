#include "shard/keyspace/database.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "shard/keyspace/shared_memory.h"

namespace keyway::shard::keyspace {
namespace {

bool memory_shared = false;

constexpr size_t kLazyEffort = 64;  // less is freed at once, whatever was asked for
constexpr int kPositionBits = SlotTable::kPositionBits;
constexpr Database::Cursor kPositionMask = (Database::Cursor{1} << kPositionBits) - 1;

class RecordGarbage : public Garbage {
 public:
  explicit RecordGarbage(Record* record) : Garbage(1), record_(record) {}
  ~RecordGarbage() override { Record::Free(record_); }

 private:
  Record* record_;
};

class ValueGarbage : public Garbage {
 public:
  explicit ValueGarbage(Value value) : Garbage(1), value_(std::move(value)) {}

 private:
  Value value_;
};

class TablesGarbage : public Garbage {
 public:
  explicit TablesGarbage(std::unique_ptr<SlotTables> tables)
      : Garbage(tables->size()), tables_(std::move(tables)) {}

 private:
  std::unique_ptr<SlotTables> tables_;
};

}  // namespace

void SetMemoryShared(bool shared) {
  memory_shared = shared;
}

Database::Database(int index, Environment& environment)
    : index_(index), environment_(environment) {}

Database::~Database() = default;

SlotTables& Database::Tables() {
  if (tables_ == nullptr) tables_ = std::make_unique<SlotTables>();
  return *tables_;
}

size_t Database::size() const {
  return tables_ == nullptr ? 0 : tables_->size();
}

size_t Database::expires() const {
  return tables_ == nullptr ? 0 : tables_->with_expiry();
}

size_t Database::CountInSlot(Slot slot) const {
  return tables_ == nullptr ? 0 : tables_->slot(slot).size();
}

size_t Database::TableBytes() const {
  if (tables_ == nullptr) return 0;
  size_t bytes = sizeof(SlotTables);
  for (int slot = tables_->NextWithKeys(0); slot < kSlotCount;
       slot = tables_->NextWithKeys(slot + 1)) {
    bytes += tables_->slot(static_cast<Slot>(slot)).AllocatedBytes();
  }
  return bytes;
}

void Database::Notify(const Key& key, Event event) {
  for (KeyChangeListener* listener : environment_.listeners) listener->AfterChange(*this, key, event);
}

void Database::BeforeChange(const Key& key, const Record& record) {
  for (KeyChangeListener* listener : environment_.listeners) {
    listener->BeforeChange(*this, key.slot, record);
  }
}

void Database::CountChange(const Key& key, Event event, uint64_t changes) {
  environment_.stats.changes += changes;
  Notify(key, event);
}

void Database::FreeRecord(Record* record, Reclaim reclaim) {
  if (reclaim == Reclaim::kLater && record->encoding() != Encoding::kEmbstr &&
      FreeEffort(record->type(), record->encoding(), record->word()) > kLazyEffort) {
    environment_.lazy_free.Free(std::make_unique<RecordGarbage>(record));
  } else {
    Record::Free(record);
  }
}

void Database::FreeValue(Value value, Reclaim reclaim) {
  if (reclaim == Reclaim::kLater && !value.embedded() &&
      FreeEffort(value.type(), value.encoding(), value.word()) > kLazyEffort) {
    environment_.lazy_free.Free(std::make_unique<ValueGarbage>(std::move(value)));
  }
}

Record* Database::RemoveRecord(const Key& key) {
  Record* record = tables_->slot(key.slot).Remove(key.hash, key.text);
  CHECK(record != nullptr);
  tables_->CountRemoved(key.slot, record->has_expiry());
  return record;
}

void Database::InsertRecord(const Key& key, Record* record) {
  Tables().slot(key.slot).Insert(key.hash, record);
  tables_->CountAdded(key.slot, record->has_expiry());
}

// `key` may be a view into the record: it is freed last.
void Database::DeleteExpired(const Key& key, const Record& record) {
  BeforeChange(key, record);
  Record* removed = RemoveRecord(key);
  ++environment_.stats.expired_keys;
  Notify(key, Event::kExpired);
  FreeRecord(removed, environment_.options.lazy_expire ? Reclaim::kLater : Reclaim::kNow);
}

// The record of `key`, unless it has expired, which is the end of it.
Record* Database::Lookup(const Key& key, int64_t now_ms) {
  if (tables_ == nullptr) return nullptr;
  Record* record = tables_->slot(key.slot).Find(key.hash, key.text);
  if (record == nullptr || !HasExpired(*record, now_ms)) return record;
  if (environment_.expired_keys == ExpiredKeys::kDelete) DeleteExpired(key, *record);
  return nullptr;
}

// The same for a method after which there is another record in its place, or none: what is only
// hidden goes now.
Record* Database::LookupToReplace(const Key& key, int64_t now_ms) {
  Record* record = tables_ == nullptr ? nullptr : tables_->slot(key.slot).Find(key.hash, key.text);
  if (record == nullptr || !HasExpired(*record, now_ms)) return record;
  DeleteExpired(key, *record);
  return nullptr;
}

const Record* Database::Peek(const Key& key) const {
  return tables_ == nullptr ? nullptr : tables_->slot(key.slot).Find(key.hash, key.text);
}

const Record* Database::Find(const Key& key, int64_t now_ms, Access access) {
  Record* record = Lookup(key, now_ms);
  if (access == Access::kRead || access == Access::kPeek || access == Access::kLook) {
    ++(record == nullptr ? environment_.stats.misses : environment_.stats.hits);
    if (record == nullptr && access != Access::kLook) {
      for (KeyChangeListener* listener : environment_.listeners) listener->AfterMiss(*this, key);
    }
  }
  if (record != nullptr && (access == Access::kRead || access == Access::kWrite) &&
      !memory_shared) {
    const uint32_t next =
        NextAccess(environment_.options.access, record->access(), now_ms, environment_.random);
    if (next != record->access()) record->set_access(next);
  }
  return record;
}

bool Database::Load(const Key& key, Value value, int64_t expiry_ms, uint32_t access) {
  SlotTable& table = Tables().slot(key.slot);
  if (table.empty()) {
    table.Reserve(expected_in_slot_);
  } else if (table.Find(key.hash, key.text) != nullptr) {
    return false;
  }
  InsertRecord(key, Record::New(key.text, std::move(value), expiry_ms, access));
  return true;
}

void Database::Prefetch(const Key& key) const {
  if (tables_ != nullptr) tables_->slot(key.slot).Prefetch(key.hash);
}

void Database::Set(const Key& key, Value value, int64_t expiry_ms, int64_t now_ms, Event event) {
  const KeyspaceOptions& options = environment_.options;
  Value old_value = Value::Integer(0);
  bool is_new = false;
  bool had_expiry = false;
  SlotTables& tables = Tables();
  Record* stored = tables.slot(key.slot).Replace(key.hash, key.text, [&](Record* record) {
    BeforeChange(key, *record);
    had_expiry = record->has_expiry();
    is_new = HasExpired(*record, now_ms);
    uint32_t access = record->access();
    if (is_new) {
      if (event != Event::kRestore) {
        ++environment_.stats.expired_keys;
        Notify(key, Event::kExpired);
      }
      access = FirstAccess(options.access, now_ms);
    } else {
      access = NextAccess(options.access, access, now_ms, environment_.random);
    }
    int64_t expiry = expiry_ms;
    if (expiry == kKeepExpiry) expiry = is_new ? kNoExpiry : record->expiry_ms();
    if (had_expiry || expiry != kNoExpiry) record = Record::SetExpiry(record, expiry);
    record = Record::SetValue(record, std::move(value), &old_value);
    record->set_access(access);
    return record;
  });
  if (stored != nullptr) {
    tables.CountExpiry(key.slot, had_expiry, stored->has_expiry());
    FreeValue(std::move(old_value), options.lazy_server_delete ? Reclaim::kLater : Reclaim::kNow);
  } else {
    is_new = true;
    const int64_t expiry = expiry_ms == kKeepExpiry ? kNoExpiry : expiry_ms;
    InsertRecord(
        key, Record::New(key.text, std::move(value), expiry, FirstAccess(options.access, now_ms)));
  }
  // RESTORE of a key that is there deletes it first.
  if (is_new || event == Event::kRestore) Notify(key, Event::kNew);
  CountChange(key, event);
  if (expiry_ms >= 0 && event != Event::kRestore) Notify(key, Event::kExpire);
}

void Database::Unload(const Key& key) {
  if (Peek(key) != nullptr) FreeRecord(RemoveRecord(key), Reclaim::kNow);
}

void Database::Expect(size_t keys) {
  // A little more than the mean, as some slots get more than others.
  const size_t mean = keys / kSlotCount;
  expected_in_slot_ = mean + mean / 8;
}

void Database::SetExpiry(const Key& key, int64_t expiry_ms) {
  CHECK(tables_ != nullptr);
  bool had_expiry = false;
  Record* record = tables_->slot(key.slot).Replace(key.hash, key.text, [&](Record* before) {
    BeforeChange(key, *before);
    had_expiry = before->has_expiry();
    return Record::SetExpiry(before, expiry_ms);
  });
  CHECK(record != nullptr);
  tables_->CountExpiry(key.slot, had_expiry, record->has_expiry());
  CountChange(key, record->has_expiry() ? Event::kExpire : Event::kPersist);
}

void Database::Reencode(const Key& key, Value value) {
  CHECK(tables_ != nullptr);
  Value old_value = Value::Integer(0);
  Record* stored = tables_->slot(key.slot).Replace(key.hash, key.text, [&](Record* record) {
    BeforeChange(key, *record);
    return Record::SetValue(record, std::move(value), &old_value);
  });
  CHECK(stored != nullptr);
}

void Database::SetAccess(const Key& key, uint32_t access) {
  CHECK(tables_ != nullptr);
  Record* record = tables_->slot(key.slot).Find(key.hash, key.text);
  CHECK(record != nullptr);
  record->set_access(access);
}

bool Database::Delete(const Key& key, int64_t now_ms, Reclaim reclaim) {
  const Record* record = Lookup(key, now_ms);
  if (record == nullptr) return false;
  BeforeChange(key, *record);
  Record* removed = RemoveRecord(key);
  CountChange(key, Event::kDel);
  FreeRecord(removed, reclaim);
  return true;
}

void Database::DeleteEmptied(const Key& key) {
  Record* removed = RemoveRecord(key);
  Notify(key, Event::kDel);
  FreeRecord(removed, Reclaim::kNow);
}

// A key that is about to be replaced goes without an event of its own.
void Database::DropReplaced(const Key& key, int64_t now_ms) {
  const Record* record = LookupToReplace(key, now_ms);
  if (record == nullptr) return;
  BeforeChange(key, *record);
  FreeRecord(RemoveRecord(key),
             environment_.options.lazy_server_delete ? Reclaim::kLater : Reclaim::kNow);
}

void Database::Rename(const Key& from, const Key& to, int64_t now_ms) {
  DropReplaced(to, now_ms);
  const Record* record = Lookup(from, now_ms);
  CHECK(record != nullptr && from.text != to.text);
  BeforeChange(from, *record);
  InsertRecord(to, Record::SetKey(RemoveRecord(from), to.text));
  Notify(to, Event::kNew);
  CountChange(from, Event::kRenameFrom);
  Notify(to, Event::kRenameTo);
}

void Database::Move(const Key& key, Database& target) {
  CHECK(tables_ != nullptr && &target != this);
  const Record* record = tables_->slot(key.slot).Find(key.hash, key.text);
  CHECK(record != nullptr);
  // One that has expired, and was hidden from who has looked.
  if (const Record* there = target.Peek(key)) target.DeleteExpired(key, *there);
  BeforeChange(key, *record);
  target.InsertRecord(key, RemoveRecord(key));
  target.Notify(key, Event::kNew);
  CountChange(key, Event::kMoveFrom);
  target.Notify(key, Event::kMoveTo);
}

void Database::Copy(const Key& from, Database& target, const Key& to, int64_t now_ms) {
  target.DropReplaced(to, now_ms);
  const Record* record = Lookup(from, now_ms);
  CHECK(record != nullptr);
  target.InsertRecord(to, Record::Duplicate(*record, to.text, record->expiry_ms(),
                                            FirstAccess(environment_.options.access, now_ms)));
  target.Notify(to, Event::kNew);
  target.CountChange(to, Event::kCopyTo);
}

const Record* Database::RandomKey(int64_t now_ms) {
  constexpr int kMostHidden = 100;
  // Each turn but the last deletes a key, or is one of those.
  for (int hidden = 0; size() != 0;) {
    const Slot slot = tables_->SlotOfRank(environment_.random.Below(size()));
    const Record* record = tables_->slot(slot).RandomItem(environment_.random);
    if (!HasExpired(*record, now_ms)) return record;
    if (environment_.expired_keys == ExpiredKeys::kDelete) {
      DeleteExpired(Key(record->key(), slot), *record);
    } else if (++hidden == kMostHidden) {
      return expires() == size() ? record : NextKeyThatStays();
    }
  }
  return nullptr;
}

// From a place chosen at random on, the first key without an expiry, of which there is one.
const Record* Database::NextKeyThatStays() {
  const int first = tables_->SlotOfRank(environment_.random.Below(size()));
  for (int turn = 0, slot = first; turn < kSlotCount; ++turn) {
    const Record* found = nullptr;
    tables_->slot(static_cast<Slot>(slot)).ForEach([&found](const Record& record) {
      if (found == nullptr && !record.has_expiry()) found = &record;
    });
    if (found != nullptr) return found;
    slot = tables_->NextWithKeys(slot + 1);
    if (slot == kSlotCount) slot = tables_->NextWithKeys(0);
  }
  return nullptr;
}

std::optional<bool> Database::ExpireKey(const Key& key, int64_t now_ms) {
  const Record* record = Peek(key);
  if (record == nullptr || !record->has_expiry()) return std::nullopt;
  if (!record->IsExpired(now_ms)) return false;
  DeleteExpired(key, *record);
  return true;
}

void Database::Sample(size_t count, bool only_with_expiry, std::vector<const Record*>* found) {
  const size_t population = only_with_expiry ? expires() : size();
  if (population == 0) return;
  const size_t rank = environment_.random.Below(population);
  int slot = only_with_expiry ? tables_->SlotOfExpiryRank(rank) : tables_->SlotOfRank(rank);
  SlotTable::Walk walk{.position = environment_.random.Below(SlotTable::kEnd),
                       .only_flagged = only_with_expiry};
  // Goes on, round and round, where the slots that hold such keys follow each other: each step but
  // the first finds one at least.
  const size_t wanted = found->size() + std::min(count, population);
  while (found->size() < wanted) {
    walk.max_items = wanted - found->size();
    scratch_.clear();
    tables_->slot(static_cast<Slot>(slot)).Collect(&walk, &scratch_);
    found->insert(found->end(), scratch_.begin(), scratch_.end());
    if (walk.position != SlotTable::kEnd) continue;
    const auto next = [&](int from) {
      return only_with_expiry ? tables_->NextWithExpiry(from) : tables_->NextWithKeys(from);
    };
    slot = next(slot + 1);
    if (slot == kSlotCount) slot = next(0);
    walk.position = 0;
  }
}

bool Database::Evict(const Key& key, bool only_with_expiry, Reclaim reclaim) {
  if (tables_ == nullptr) return false;
  const Record* record = tables_->slot(key.slot).Find(key.hash, key.text);
  if (record == nullptr || (only_with_expiry && !record->has_expiry())) return false;
  BeforeChange(key, *record);
  Record* removed = RemoveRecord(key);
  ++environment_.stats.evicted_keys;
  Notify(key, Event::kEvicted);
  FreeRecord(removed, reclaim);
  return true;
}

Database::Cursor Database::Scan(Cursor cursor, size_t count,
                                std::vector<const Record*>* found) const {
  if (tables_ == nullptr || cursor >> kPositionBits >= kSlotCount) return 0;
  count = std::max<size_t>(count, 1);
  int slot = static_cast<int>(cursor >> kPositionBits);
  SlotTable::Walk walk{.position = cursor & kPositionMask};
  std::vector<Record*> step;
  for (size_t seen = 0; seen < count;) {
    walk.max_items = count - seen;
    step.clear();
    tables_->slot(static_cast<Slot>(slot)).Collect(&walk, &step);
    seen += step.size();
    found->insert(found->end(), step.begin(), step.end());
    if (walk.position == SlotTable::kEnd) {
      slot = tables_->NextWithKeys(slot + 1);
      if (slot == kSlotCount) return 0;
      walk.position = 0;
    }
  }
  return static_cast<Cursor>(slot) << kPositionBits | walk.position;
}

void Database::DeleteExpired(int64_t now_ms, std::vector<const Record*>* records) {
  std::erase_if(*records, [&](const Record* record) {
    if (!HasExpired(*record, now_ms)) return false;
    if (environment_.expired_keys == ExpiredKeys::kDelete) {
      DeleteExpired(Key(record->key()), *record);
    }
    return true;
  });
}

void Database::KeysInSlot(Slot slot, size_t limit, std::vector<const Record*>* found) const {
  if (tables_ == nullptr || limit == 0) return;
  SlotTable::Walk walk{.max_items = limit};
  std::vector<Record*> records;
  tables_->slot(slot).Collect(&walk, &records);
  if (records.size() > limit) records.resize(limit);
  found->insert(found->end(), records.begin(), records.end());
}

size_t Database::Flush(Reclaim reclaim) {
  const size_t keys = size();
  for (KeyChangeListener* listener : environment_.listeners) listener->BeforeFlush(*this);
  environment_.stats.changes += keys;
  if (reclaim == Reclaim::kLater && keys > kLazyEffort) {
    environment_.lazy_free.Free(std::make_unique<TablesGarbage>(std::move(tables_)));
  }
  tables_.reset();
  expire_slot_ = 0;
  expire_position_ = 0;
  average_ttl_ms_ = 0;
  return keys;
}

void Database::SwapContents(Database& other) {
  tables_.swap(other.tables_);
  std::swap(expire_slot_, other.expire_slot_);
  std::swap(expire_position_, other.expire_position_);
  std::swap(average_ttl_ms_, other.average_ttl_ms_);
}

Database::ExpireStep Database::ExpireSome(size_t max_keys, size_t max_cells, int64_t now_ms) {
  ExpireStep step;
  for (size_t cells = 0; step.sampled < max_keys && cells < max_cells;) {
    const int slot = tables_ == nullptr ? kSlotCount : tables_->NextWithExpiry(expire_slot_);
    if (slot != expire_slot_) expire_position_ = 0;
    if (slot == kSlotCount) {
      expire_slot_ = 0;
      step.finished_round = true;
      break;
    }
    expire_slot_ = slot;
    SlotTable::Walk walk{.position = expire_position_,
                         .max_items = max_keys - step.sampled,
                         .max_cells = max_cells - cells,
                         .only_flagged = true};
    scratch_.clear();
    tables_->slot(static_cast<Slot>(slot)).Collect(&walk, &scratch_);
    cells += walk.cells;
    expire_position_ = walk.position;
    if (walk.position == SlotTable::kEnd) {
      ++expire_slot_;
      expire_position_ = 0;
    }
    for (const Record* record : scratch_) {
      ++step.sampled;
      if (HasExpired(*record, now_ms)) {
        ++step.expired;
        DeleteExpired(Key(record->key(), static_cast<Slot>(slot)), *record);
      } else {
        ttl_sum_ms_ += static_cast<double>(record->expiry_ms() - now_ms);
        ++ttl_samples_;
      }
    }
  }
  return step;
}

void Database::UpdateAverageTtl() {
  if (ttl_samples_ != 0) {
    constexpr double kMax = 9e18;  // less than what int64_t holds
    const auto sampled =
        static_cast<int64_t>(std::min(kMax, ttl_sum_ms_ / static_cast<double>(ttl_samples_)));
    average_ttl_ms_ = average_ttl_ms_ == 0 ? sampled : average_ttl_ms_ / 50 * 49 + sampled / 50;
  }
  if (expires() == 0) average_ttl_ms_ = 0;
  ttl_sum_ms_ = 0;
  ttl_samples_ = 0;
}

}  // namespace keyway::shard::keyspace
