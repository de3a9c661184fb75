#include "shard/types/hash.h"

#include <charconv>
#include <cmath>
#include <memory>

#include "shard/types/integer.h"
#include "shard/types/long_double.h"

namespace keyway::shard::types {

using keyspace::Access;
using keyspace::Database;
using keyspace::Encoding;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;
using keyspace::Type;
using keyspace::Value;

namespace {

// Of the fields of a listpack every second entry is one.
ListpackView::Position FindField(const ListpackView& listpack, std::string_view field) {
  return listpack.Find(listpack.First(), field, 1);
}

bool HasField(const Record& record, std::string_view field) {
  if (record.encoding() == Encoding::kHashtable) {
    return static_cast<const FieldTable*>(record.object())->Find(field) != nullptr;
  }
  return FindField(ListpackView(record.object()), field) != ListpackView::kNone;
}

// `record` is what the key holds: a hash, or nothing.
size_t SetPairs(Database& database, const Key& key, const Record* record,
                std::span<const std::string_view> pairs, const HashLimits& limits, Event event,
                int64_t now_ms) {
  const auto set_all = [pairs](HashBuilder& hash) {
    size_t created = 0;
    hash.Expect(pairs);
    for (size_t i = 0; i < pairs.size(); i += 2)
      created += hash.Set(pairs[i], pairs[i + 1]) ? 1 : 0;
    return created;
  };
  if (record == nullptr) {
    HashBuilder hash(limits);
    const size_t created = set_all(hash);
    database.Set(key, hash.Release(), keyspace::kNoExpiry, now_ms, event);
    database.CountMoreChanges(pairs.size() / 2 - 1);
    return created;
  }
  Record& changed = database.BeginChange(key, record);
  HashBuilder hash(limits, changed);
  const size_t created = set_all(hash);
  hash.PutBack(changed);
  database.EndChange(key, event, pairs.size() / 2);
  return created;
}

}  // namespace

size_t HashSize(const Record& record) {
  if (record.encoding() == Encoding::kHashtable) {
    return static_cast<const FieldTable*>(record.object())->size();
  }
  return ListpackView(record.object()).size() / 2;
}

std::optional<std::string_view> HashGet(const Record& record, std::string_view field,
                                        Digits& digits) {
  if (record.encoding() == Encoding::kHashtable) {
    const Field* found = static_cast<const FieldTable*>(record.object())->Find(field);
    if (found == nullptr) return std::nullopt;
    return found->value();
  }
  const ListpackView listpack(record.object());
  const auto at = FindField(listpack, field);
  if (at == ListpackView::kNone) return std::nullopt;
  return listpack.At(listpack.Next(at)).Text(digits);
}

Expected<size_t, HashError> HashSet(Database& database, const Key& key,
                                    std::span<const std::string_view> pairs,
                                    const HashLimits& limits, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  if (record != nullptr && record->type() != Type::kHash) return HashError::kWrongType;
  return SetPairs(database, key, record, pairs, limits, Event::kHSet, now_ms);
}

Expected<bool, HashError> HashSetNew(Database& database, const Key& key, std::string_view field,
                                     std::string_view value, const HashLimits& limits,
                                     int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  if (record != nullptr) {
    if (record->type() != Type::kHash) return HashError::kWrongType;
    if (HasField(*record, field)) return false;
  }
  const std::string_view pair[] = {field, value};
  SetPairs(database, key, record, pair, limits, Event::kHSet, now_ms);
  return true;
}

Expected<size_t, HashError> HashDelete(Database& database, const Key& key,
                                       std::span<const std::string_view> fields, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  if (record == nullptr) return size_t{0};
  if (record->type() != Type::kHash) return HashError::kWrongType;
  while (!fields.empty() && !HasField(*record, fields.front())) fields = fields.subspan(1);
  if (fields.empty()) return size_t{0};
  Record& changed = database.BeginChange(key, record);
  HashBuilder hash(HashLimits{}, changed);
  size_t removed = 0;
  for (const std::string_view field : fields) {
    if (hash.Remove(field)) ++removed;
    if (hash.size() == 0) break;
  }
  const bool emptied = hash.size() == 0;
  hash.PutBack(changed);
  database.EndChange(key, Event::kHDel, removed);
  if (emptied) database.DeleteEmptied(key);
  return removed;
}

Expected<int64_t, HashError> HashIncrementBy(Database& database, const Key& key,
                                             std::string_view field, int64_t increment,
                                             const HashLimits& limits, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  int64_t value = 0;
  if (record != nullptr) {
    if (record->type() != Type::kHash) return HashError::kWrongType;
    Digits digits;
    const auto text = HashGet(*record, field, digits);
    if (text.has_value() && !ParseInteger(*text, &value)) return HashError::kNotInteger;
  }
  int64_t sum;
  if (__builtin_add_overflow(value, increment, &sum)) return HashError::kOverflow;
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof(digits), sum).ptr;
  const std::string_view pair[] = {field, {digits, static_cast<size_t>(end - digits)}};
  SetPairs(database, key, record, pair, limits, Event::kHIncrBy, now_ms);
  return sum;
}

Expected<std::string, HashError> HashIncrementByFloat(Database& database, const Key& key,
                                                      std::string_view field, long double increment,
                                                      const HashLimits& limits, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  long double value = 0;
  if (record != nullptr) {
    if (record->type() != Type::kHash) return HashError::kWrongType;
    Digits digits;
    const auto text = HashGet(*record, field, digits);
    if (text.has_value() && !ParseLongDouble(*text, &value)) return HashError::kNotFloat;
  }
  value += increment;
  if (std::isnan(value) || std::isinf(value)) return HashError::kNanOrInfinity;
  std::string text = FormatLongDouble(value);
  const std::string_view pair[] = {field, text};
  SetPairs(database, key, record, pair, limits, Event::kHIncrByFloat, now_ms);
  return text;
}

HashBuilder::HashBuilder(const HashLimits& limits, const Record& record) : limits_(limits) {
  if (record.encoding() == Encoding::kHashtable) {
    table_.reset(static_cast<FieldTable*>(record.object()));
  } else {
    listpack_ = Listpack::Adopt(record.object());
  }
}

size_t HashBuilder::size() const {
  return table_ != nullptr ? table_->size() : listpack_->size() / 2;
}

bool HashBuilder::Set(std::string_view field, std::string_view value) {
  if (table_ != nullptr) return table_->Set(field, value);
  const auto at = FindField(*listpack_, field);
  const bool created = at == ListpackView::kNone;
  if (created) {
    listpack_->Append(field);
    listpack_->Append(value);
  } else {
    listpack_->Replace(listpack_->Next(at), value);
  }
  if (size() > limits_.max_fields) MakeLarge();
  return created;
}

bool HashBuilder::Remove(std::string_view field) {
  if (table_ != nullptr) return table_->Remove(field);
  const auto at = FindField(*listpack_, field);
  if (at == ListpackView::kNone) return false;
  listpack_->Delete(at, 2);
  return true;
}

void HashBuilder::Expect(std::span<const std::string_view> texts) {
  if (table_ != nullptr) return;
  size_t sum = listpack_->bytes();
  for (const std::string_view text : texts) {
    sum += text.size();
    if (text.size() > limits_.max_bytes || sum > Listpack::kMaxBytes) return MakeLarge();
  }
}

void HashBuilder::MakeLarge() {
  auto table = std::make_unique<FieldTable>();
  table->Reserve(size());
  Digits field_digits;
  Digits value_digits;
  for (auto at = listpack_->First(); at != ListpackView::kNone;) {
    const auto value = listpack_->Next(at);
    table->Set(listpack_->At(at).Text(field_digits), listpack_->At(value).Text(value_digits));
    at = listpack_->Next(value);
  }
  table_ = std::move(table);
  listpack_.reset();
}

std::pair<Encoding, void*> HashBuilder::ReleaseObject() {
  if (table_ != nullptr) return {Encoding::kHashtable, table_.release()};
  void* block = listpack_->Release();
  listpack_.reset();
  return {Encoding::kListpack, block};
}

Value HashBuilder::Release() {
  const auto [encoding, object] = ReleaseObject();
  return Value::Object(Type::kHash, encoding, object);
}

void HashBuilder::PutBack(Record& record) {
  const auto [encoding, object] = ReleaseObject();
  record.set_object(encoding, object);
}

}  // namespace keyway::shard::types
