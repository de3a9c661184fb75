#include "shard/types/list.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace keyway::shard::types {

using keyspace::Database;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;

namespace {

Quicklist& MutableListOf(const Record& record) {
  return *static_cast<Quicklist*>(record.object());
}

Event PushEvent(ListEnd end) {
  return end == ListEnd::kHead ? Event::kLPush : Event::kRPush;
}

Event PopEvent(ListEnd end) {
  return end == ListEnd::kHead ? Event::kLPop : Event::kRPop;
}

void DeleteIfEmpty(Database& database, const Key& key, const Quicklist& list) {
  if (list.empty()) database.DeleteEmptied(key);
}

// Moves within one list; the element leaves before it comes back, as nodes show.
void Rotate(Database& database, const ListMove& move) {
  Quicklist& list = MutableListOf(database.BeginChange(move.source_key, &move.source));
  const Quicklist::Cursor cursor = list.Begin(move.from);
  ListpackView::Element::Digits digits;
  const std::string text(list.At(cursor).Text(digits));
  list.Delete(cursor);
  list.Push(move.to, text);
  database.EndChange(move.destination_key, PushEvent(move.to));
  database.BeginChange(move.source_key, &move.source);
  database.EndChange(move.source_key, PopEvent(move.from), 0);
}

}  // namespace

void StoreList(Database& database, const Key& key, std::unique_ptr<Quicklist> list, int64_t now_ms,
               Event event) {
  const size_t size = list->size();
  database.Set(key,
               keyspace::Value::Object(keyspace::Type::kList, keyspace::Encoding::kQuicklist,
                                       list.release()),
               keyspace::kNoExpiry, now_ms, event);
  database.CountMoreChanges(size - 1);
}

size_t PushToList(Database& database, const Key& key, const Record* record, ListEnd end,
                  std::span<const std::string_view> values, const Quicklist::Options& options,
                  int64_t now_ms) {
  if (record == nullptr) {
    auto list = std::make_unique<Quicklist>(options);
    for (const std::string_view value : values) list->Push(end, value);
    StoreList(database, key, std::move(list), now_ms, PushEvent(end));
    return values.size();
  }
  Quicklist& list = MutableListOf(database.BeginChange(key, record));
  for (const std::string_view value : values) list.Push(end, value);
  // The listeners may do anything with the key.
  const size_t size = list.size();
  database.EndChange(key, PushEvent(end), values.size());
  return size;
}

void PopFromList(Database& database, const Key& key, const Record& record, ListEnd end,
                 size_t count) {
  Quicklist& list = MutableListOf(database.BeginChange(key, &record));
  count = std::min(count, list.size());
  if (count == 1) {
    list.Delete(list.Begin(end));
  } else {
    list.DeleteRange(end == ListEnd::kHead ? 0 : list.size() - count, count);
  }
  database.EndChange(key, PopEvent(end), count);
  DeleteIfEmpty(database, key, list);
}

void MoveInList(Database& database, const ListMove& move, const Quicklist::Options& options,
                int64_t now_ms) {
  if (move.destination == &move.source) return Rotate(database, move);
  const Quicklist::Cursor cursor = ListOf(move.source).Begin(move.from);
  ListpackView::Element::Digits digits;
  const std::string_view text = ListOf(move.source).At(cursor).Text(digits);
  PushToList(database, move.destination_key, move.destination, move.to, {&text, 1}, options,
             now_ms);
  Quicklist& source = MutableListOf(database.BeginChange(move.source_key, &move.source));
  source.Delete(source.Begin(move.from));
  database.EndChange(move.source_key, PopEvent(move.from), 0);
  DeleteIfEmpty(database, move.source_key, source);
}

bool SetInList(Database& database, const Key& key, const Record& record, int64_t index,
               std::string_view value) {
  const Quicklist::Cursor cursor = ListOf(record).Seek(index);
  if (!cursor) return false;
  MutableListOf(database.BeginChange(key, &record)).Replace(cursor, value);
  database.EndChange(key, Event::kLSet);
  return true;
}

bool InsertIntoList(Database& database, const Key& key, const Record& record,
                    std::string_view pivot, bool after, std::string_view value) {
  const Quicklist& list = ListOf(record);
  Quicklist::Cursor cursor = list.Begin(ListEnd::kHead);
  while (cursor && !list.At(cursor).Equals(pivot)) cursor = list.Next(cursor);
  if (!cursor) return false;
  Quicklist& changed = MutableListOf(database.BeginChange(key, &record));
  after ? changed.InsertAfter(cursor, value) : changed.InsertBefore(cursor, value);
  database.EndChange(key, Event::kLInsert);
  return true;
}

size_t RemoveFromList(Database& database, const Key& key, const Record& record, int64_t count,
                      std::string_view value) {
  const ListEnd end = count < 0 ? ListEnd::kTail : ListEnd::kHead;
  const uint64_t most = count == 0  ? UINT64_MAX
                        : count < 0 ? -static_cast<uint64_t>(count)
                                    : static_cast<uint64_t>(count);
  const Quicklist& list = ListOf(record);
  Quicklist::Cursor cursor = list.Begin(end);
  while (cursor && !list.At(cursor).Equals(value)) cursor = list.Step(cursor, end);
  if (!cursor) return 0;

  Quicklist& changed = MutableListOf(database.BeginChange(key, &record));
  size_t removed = 0;
  while (cursor && removed < most) {
    if (!changed.At(cursor).Equals(value)) {
      cursor = changed.Step(cursor, end);
      continue;
    }
    if (end == ListEnd::kHead) {
      cursor = changed.Delete(cursor);
    } else {
      changed.Delete(std::exchange(cursor, changed.Previous(cursor)));
    }
    ++removed;
  }
  database.EndChange(key, Event::kLRem, removed);
  DeleteIfEmpty(database, key, changed);
  return removed;
}

ListRange ClampToList(int64_t start, int64_t end, size_t size) {
  const auto signed_size = static_cast<int64_t>(size);
  if (start < 0) start = std::max<int64_t>(start + signed_size, 0);
  if (end < 0) end += signed_size;
  if (start > end || start >= signed_size) return {};
  end = std::min(end, signed_size - 1);
  return {static_cast<size_t>(start), static_cast<size_t>(end - start + 1)};
}

void TrimList(Database& database, const Key& key, const Record& record, int64_t start,
              int64_t end) {
  Quicklist& list = MutableListOf(database.BeginChange(key, &record));
  const size_t old_size = list.size();
  const ListRange range = ClampToList(start, end, old_size);
  list.DeleteRange(range.first + range.count, old_size);
  list.DeleteRange(0, range.first);
  database.EndChange(key, Event::kLTrim, old_size - range.count);
  DeleteIfEmpty(database, key, list);
}

ListSearch::ListSearch(const Quicklist& list, std::string_view value, int64_t rank,
                       size_t max_compared)
    : list_(list),
      value_(value),
      end_(rank < 0 ? ListEnd::kTail : ListEnd::kHead),
      to_skip_((rank < 0 ? -static_cast<uint64_t>(rank) : static_cast<uint64_t>(rank)) - 1),
      left_(max_compared),
      cursor_(list.Begin(end_)) {}

std::optional<size_t> ListSearch::Next() {
  while (cursor_ && left_ > 0) {
    const bool matches = list_.At(cursor_).Equals(value_);
    cursor_ = list_.Step(cursor_, end_);
    --left_;
    const size_t index = passed_++;
    if (!matches) continue;
    if (to_skip_ == 0) return end_ == ListEnd::kHead ? index : list_.size() - 1 - index;
    --to_skip_;
  }
  return std::nullopt;
}

}  // namespace keyway::shard::types
