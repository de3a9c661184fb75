#include "shard/types/set.h"

#include <algorithm>

#include "shard/types/integer.h"

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

// What an Intset is never larger than, as Redis has it.
constexpr size_t kMaxIntegers = size_t{1} << 30;
// SPOP takes what stays, not what goes, if less than one in so many stays.
constexpr size_t kFewRemain = 5;

}  // namespace

SetView::SetView(const Record& record) {
  if (record.encoding() == Encoding::kIntset) {
    intset_ = record.object();
  } else {
    table_ = static_cast<const SetTable*>(record.object());
  }
}

bool SetView::Contains(std::string_view member) const {
  if (table_ != nullptr) return table_->Contains(member);
  int64_t integer = 0;
  return ParseInteger(member, &integer) && integers().Contains(integer);
}

bool SetView::Contains(const SetElement& element) const {
  if (table_ == nullptr && element.is_integer) return integers().Contains(element.integer);
  return Contains(element.text);
}

SetElement SetView::RandomMember(Random& random, IntegerText& text) const {
  if (table_ != nullptr) return {.text = table_->RandomMember(random)};
  return text.Format(integers().At(random.Below(size())));
}

SetBuilder::SetBuilder(const SetLimits& limits, const Record& record) : limits_(limits) {
  if (record.encoding() == Encoding::kIntset) {
    integers_ = Intset::Adopt(record.object());
  } else {
    table_.reset(static_cast<SetTable*>(record.object()));
  }
}

bool SetBuilder::AddInteger(int64_t integer) {
  if (!integers_->Add(integer)) return false;
  if (integers_->size() > std::min(limits_.max_integers, kMaxIntegers)) MakeLarge();
  return true;
}

bool SetBuilder::Add(std::string_view member) {
  if (table_ == nullptr) {
    int64_t integer = 0;
    if (ParseInteger(member, &integer)) return AddInteger(integer);
    MakeLarge();
  }
  return table_->Add(member);
}

bool SetBuilder::Add(const SetElement& element) {
  if (table_ == nullptr && element.is_integer) return AddInteger(element.integer);
  return Add(element.text);
}

bool SetBuilder::Remove(std::string_view member) {
  if (table_ != nullptr) return table_->Remove(member);
  int64_t integer = 0;
  return ParseInteger(member, &integer) && integers_->Remove(integer);
}

bool SetBuilder::Remove(const SetElement& element) {
  if (table_ == nullptr && element.is_integer) return integers_->Remove(element.integer);
  return Remove(element.text);
}

void SetBuilder::MakeLarge() {
  auto table = std::make_unique<SetTable>();
  table->Reserve(integers_->size());
  SetView(*integers_).ForEach([&table](const SetElement& element) { table->Add(element.text); });
  table_ = std::move(table);
  integers_.reset();
}

std::pair<Encoding, void*> SetBuilder::ReleaseObject() {
  if (table_ != nullptr) return {Encoding::kHashtable, table_.release()};
  void* block = integers_->Release();
  integers_.reset();
  return {Encoding::kIntset, block};
}

Value SetBuilder::Release() {
  const auto [encoding, object] = ReleaseObject();
  return Value::Object(Type::kSet, encoding, object);
}

void SetBuilder::PutBack(Record& record) {
  const auto [encoding, object] = ReleaseObject();
  record.set_object(encoding, object);
}

Expected<size_t, SetError> SetAdd(Database& database, const Key& key,
                                  std::span<const std::string_view> members,
                                  const SetLimits& limits, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  size_t added = 0;
  if (record == nullptr) {
    SetBuilder set(limits);
    for (const std::string_view member : members) added += set.Add(member) ? 1 : 0;
    database.Set(key, set.Release(), keyspace::kNoExpiry, now_ms, Event::kSAdd);
    database.CountMoreChanges(added - 1);
    return added;
  }
  if (record->type() != Type::kSet) return SetError::kWrongType;
  // Nothing is announced unless there is something to add.
  const SetView before(*record);
  while (!members.empty() && before.Contains(members.front())) members = members.subspan(1);
  if (members.empty()) return size_t{0};
  Record& changed = database.BeginChange(key, record);
  SetBuilder set(limits, changed);
  for (const std::string_view member : members) added += set.Add(member) ? 1 : 0;
  set.PutBack(changed);
  database.EndChange(key, Event::kSAdd, added);
  return added;
}

Expected<size_t, SetError> SetRemove(Database& database, const Key& key,
                                     std::span<const std::string_view> members, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  if (record == nullptr) return size_t{0};
  if (record->type() != Type::kSet) return SetError::kWrongType;
  const SetView before(*record);
  while (!members.empty() && !before.Contains(members.front())) members = members.subspan(1);
  if (members.empty()) return size_t{0};
  Record& changed = database.BeginChange(key, record);
  SetBuilder set(SetLimits{}, changed);
  size_t removed = 0;
  for (const std::string_view member : members) {
    if (set.Remove(member)) ++removed;
    if (set.size() == 0) break;
  }
  const bool emptied = set.size() == 0;
  set.PutBack(changed);
  database.EndChange(key, Event::kSRem, removed);
  if (emptied) database.DeleteEmptied(key);
  return removed;
}

Expected<bool, SetError> SetMove(Database& database, const Key& from, const Key& to,
                                 std::string_view member, const SetLimits& limits, int64_t now_ms) {
  const Record* source = database.Find(from, now_ms, Access::kNone);
  const Record* target = database.Find(to, now_ms, Access::kNone);
  if (source == nullptr) return false;
  if (source->type() != Type::kSet) return SetError::kWrongType;
  if (target != nullptr && target->type() != Type::kSet) return SetError::kWrongType;
  if (source == target) return SetView(*source).Contains(member);
  const std::string_view members[] = {member};
  const auto removed = SetRemove(database, from, members, now_ms);
  if (!removed.ok() || *removed == 0) return false;
  const auto added = SetAdd(database, to, members, limits, now_ms);
  if (!added.ok()) return added.error();
  return true;
}

void SetPop(Database& database, const Key& key, const Record* record, size_t count, Random& random,
            const SetLimits& limits, const std::function<void(const SetElement&)>& visit) {
  const size_t size = SetView(*record).size();
  Record& changed = database.BeginChange(key, record);
  if (count >= size) {
    SetView(changed).ForEach(visit);
    database.EndChange(key, Event::kSPop, size);
    database.DeleteEmptied(key);
    return;
  }
  SetBuilder set(limits, changed);
  IntegerText text;
  const size_t remaining = size - count;
  if (remaining * kFewRemain > count) {
    for (size_t i = 0; i < count; ++i) {
      const SetElement element = set.view().RandomMember(random, text);
      visit(element);
      set.Remove(element);
    }
    set.PutBack(changed);
  } else {
    // As in Redis, what stays is a new set, which may be an Intset again.
    SetBuilder kept(limits);
    while (kept.size() < remaining) {
      const SetElement element = set.view().RandomMember(random, text);
      kept.Add(element);
      set.Remove(element);
    }
    set.view().ForEach(visit);
    kept.PutBack(changed);
  }
  database.EndChange(key, Event::kSPop, count);
}

}  // namespace keyway::shard::types
