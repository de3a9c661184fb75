// HyperLogLogs at keys: PFADD, PFCOUNT, PFMERGE and PFDEBUG without the protocol.
#include <cstring>
#include <utility>

#include "shard/types/hyperloglog.h"
#include "shard/types/string.h"

namespace keyway::shard::types {

using keyspace::Access;
using keyspace::Database;
using keyspace::Encoding;
using keyspace::Event;
using keyspace::Key;
using keyspace::RawString;
using keyspace::Record;
using keyspace::Value;

namespace {

using Error = HyperLogLogError;

Value RawCopy(std::string_view bytes) {
  return Value::Raw(RawString::Copy(bytes));
}

Expected<void, Error> Check(const Record& record) {
  if (record.type() != keyspace::Type::kString) return Error::kWrongType;
  if (record.encoding() == Encoding::kInt) return Error::kNotOne;
  if (!HyperLogLog::IsValid(StringBytes(record).view())) return Error::kNotOne;
  return {};
}

// Writes what has been computed elsewhere to a string, with an event.
void Store(Database& database, const Key& key, const Record* record, std::string_view bytes,
           Event event, int64_t now_ms) {
  if (record == nullptr || record->encoding() != Encoding::kRaw) {
    database.Set(key, RawCopy(bytes), keyspace::kKeepExpiry, now_ms, event);
    return;
  }
  database.ChangeInPlace(key, record, event, [bytes](Record& changed) {
    RawString::Ptr string = changed.TakeRaw();
    if (string->length() != bytes.size()) {
      string = RawString::Copy(bytes);
    } else {
      std::memcpy(string->data(), bytes.data(), bytes.size());
    }
    changed.set_raw(std::move(string));
  });
}

// A small one that was stored by SET lives in its record; Redis moves it out to work on it.
const Record* MoveOut(Database& database, const Key& key, const Record* record, int64_t now_ms) {
  if (record->encoding() != Encoding::kEmbstr) return record;
  database.Reencode(key, RawCopy(record->embedded()));
  return database.Find(key, now_ms, Access::kNone);
}

}  // namespace

Expected<bool, Error> AddToHyperLogLog(Database& database, const Key& key,
                                       std::span<const std::string_view> elements,
                                       size_t sparse_limit, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  if (record != nullptr) {
    const auto valid = Check(*record);
    if (!valid.ok()) return valid.error();
    record = MoveOut(database, key, record, now_ms);
  }
  uint64_t changes = record == nullptr ? 1 : 0;
  if (record != nullptr && !HyperLogLog::IsSparse(record->raw().view())) {
    Record& changed = database.BeginChange(key, record);
    RawString::Ptr string = changed.TakeRaw();
    for (std::string_view element : elements) {
      if (HyperLogLog::AddToDense(string->data(), element)) ++changes;
    }
    if (changes != 0) HyperLogLog::InvalidateCount(string->data());
    changed.set_raw(std::move(string));
    if (changes != 0) database.EndChange(key, Event::kPfAdd, changes);
    return changes != 0;
  }
  std::string bytes =
      record == nullptr ? HyperLogLog::Empty() : std::string(record->raw().view());
  bool corrupted = false;
  for (std::string_view element : elements) {
    const int result = HyperLogLog::Add(&bytes, sparse_limit, element);
    corrupted = result < 0;
    if (corrupted) break;
    changes += static_cast<uint64_t>(result);
  }
  if (corrupted) {
    // What came before the element that failed stays, without a word, as with Redis.
    database.Reencode(key, RawCopy(bytes));
    return Error::kCorrupted;
  }
  if (changes == 0) return false;
  HyperLogLog::InvalidateCount(bytes.data());
  Store(database, key, record, bytes, Event::kPfAdd, now_ms);
  if (changes > 1) database.CountMoreChanges(changes - 1);
  return true;
}

Expected<uint64_t, Error> CountHyperLogLog(Database& database, const Key& key, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kRead);
  if (record == nullptr) return uint64_t{0};
  const auto valid = Check(*record);
  if (!valid.ok()) return valid.error();
  record = MoveOut(database, key, record, now_ms);
  const std::string_view bytes = record->raw().view();
  if (const auto cached = HyperLogLog::CachedCount(bytes)) return *cached;
  const auto count = HyperLogLog::Count(bytes);
  if (!count.has_value()) return Error::kCorrupted;
  database.ChangeInPlace(key, record, Event::kPfCount, [&](Record& changed) {
    RawString::Ptr string = changed.TakeRaw();
    HyperLogLog::SetCachedCount(string->data(), *count);
    changed.set_raw(std::move(string));
  });
  return *count;
}

Expected<uint64_t, Error> CountHyperLogLogs(Database& database,
                                            std::span<const std::string_view> keys,
                                            int64_t now_ms) {
  HyperLogLog::Registers registers{};
  for (std::string_view name : keys) {
    const Record* record = database.Find(Key(name), now_ms, Access::kRead);
    if (record == nullptr) continue;
    const auto valid = Check(*record);
    if (!valid.ok()) return valid.error();
    if (!HyperLogLog::MergeInto(StringBytes(*record).view(), &registers)) return Error::kCorrupted;
  }
  return HyperLogLog::Count(registers);
}

Expected<void, Error> MergeHyperLogLogs(Database& database, std::span<const std::string_view> keys,
                                        size_t sparse_limit, int64_t now_ms) {
  HyperLogLog::Registers registers{};
  bool dense = false;
  for (std::string_view name : keys) {
    const Record* record = database.Find(Key(name), now_ms, Access::kRead);
    if (record == nullptr) continue;
    const auto valid = Check(*record);
    if (!valid.ok()) return valid.error();
    const StringBytes string(*record);
    dense = dense || !HyperLogLog::IsSparse(string.view());
    if (!HyperLogLog::MergeInto(string.view(), &registers)) return Error::kCorrupted;
  }
  const Key target(keys.front());
  const Record* record = database.Find(target, now_ms, Access::kWrite);
  std::string bytes =
      record == nullptr ? HyperLogLog::Empty() : std::string(StringBytes(*record).view());
  if (dense) HyperLogLog::MakeDense(&bytes);
  for (size_t i = 0; i < registers.size(); ++i) {
    if (registers[i] != 0) HyperLogLog::Raise(&bytes, sparse_limit, i, registers[i]);
  }
  HyperLogLog::InvalidateCount(bytes.data());
  Store(database, target, record, bytes, Event::kPfAdd, now_ms);
  return {};
}

Expected<std::string, Error> LoadHyperLogLog(Database& database, const Key& key, bool make_dense,
                                             int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  if (record == nullptr) return Error::kNotOne;
  const auto valid = Check(*record);
  if (!valid.ok()) return valid.error();
  record = MoveOut(database, key, record, now_ms);
  std::string bytes(record->raw().view());
  if (make_dense && HyperLogLog::IsSparse(bytes)) {
    if (!HyperLogLog::MakeDense(&bytes)) return Error::kCorrupted;
    Store(database, key, record, bytes, Event::kPfCount, now_ms);
  }
  return bytes;
}

}  // namespace keyway::shard::types
