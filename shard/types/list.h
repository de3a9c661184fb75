// Lists: what the list commands do to a key, without the protocol.
//
// A `record` is what Database::Find returned for `key`, and holds a list; where it says so it may
// be nullptr. A list that becomes empty is deleted with its key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "shard/keyspace/database.h"
#include "shard/keyspace/key.h"
#include "shard/keyspace/record.h"
#include "shard/types/encodings/quicklist.h"

namespace keyway::shard::types {

using ListEnd = Quicklist::End;

inline const Quicklist& ListOf(const keyspace::Record& record) {
  return *static_cast<const Quicklist*>(record.object());
}

// Makes `key`, whatever it holds, a list of these elements, of which there must be some.
void StoreList(keyspace::Database& database, const keyspace::Key& key,
               std::unique_ptr<Quicklist> list, int64_t now_ms, keyspace::Event event);

// LPUSH, RPUSH. `record` may be nullptr: `options` are those of a new list. Returns the new length.
size_t PushToList(keyspace::Database& database, const keyspace::Key& key,
                  const keyspace::Record* record, ListEnd end,
                  std::span<const std::string_view> values, const Quicklist::Options& options,
                  int64_t now_ms);

// Removes the first `count` elements seen from `end`, or as many as there are. Read them before.
void PopFromList(keyspace::Database& database, const keyspace::Key& key,
                 const keyspace::Record& record, ListEnd end, size_t count);

// Moves one element from the `from` end of one list to the `to` end of another or the same.
// `destination` may be nullptr, and is `source` if they are the same. Read the element before.
struct ListMove {
  const keyspace::Key& source_key;
  const keyspace::Record& source;
  ListEnd from;
  const keyspace::Key& destination_key;
  const keyspace::Record* destination;
  ListEnd to;
};
void MoveInList(keyspace::Database& database, const ListMove& move,
                const Quicklist::Options& options, int64_t now_ms);

// LSET. Returns false if there is no element with that number.
bool SetInList(keyspace::Database& database, const keyspace::Key& key,
               const keyspace::Record& record, int64_t index, std::string_view value);

// LINSERT: beside the first element that equals `pivot`. Returns false if none does.
bool InsertIntoList(keyspace::Database& database, const keyspace::Key& key,
                    const keyspace::Record& record, std::string_view pivot, bool after,
                    std::string_view value);

// LREM: elements that equal `value`, the first `count`, the last -count, or all if it is 0. Returns
// how many there were.
size_t RemoveFromList(keyspace::Database& database, const keyspace::Key& key,
                      const keyspace::Record& record, int64_t count, std::string_view value);

// The part of `size` elements from `start` to `end`, both included, negative ones counted from the
// end.
struct ListRange {
  size_t first = 0;
  size_t count = 0;
};
ListRange ClampToList(int64_t start, int64_t end, size_t size);

// LTRIM: keeps only the range.
void TrimList(keyspace::Database& database, const keyspace::Key& key,
              const keyspace::Record& record, int64_t start, int64_t end);

// LPOS: walks to the elements that equal `value`.
class ListSearch {
 public:
  // `rank` is not 0: 1 for the first match and those behind it, 2 from the second on; -1 for the
  // last and those before it. Looks at `max_compared` elements at most. `list` must not change.
  ListSearch(const Quicklist& list, std::string_view value, int64_t rank, size_t max_compared);

  // The number of the next match, counted from the start of the list.
  std::optional<size_t> Next();

 private:
  const Quicklist& list_;
  std::string_view value_;
  ListEnd end_;
  uint64_t to_skip_;
  size_t left_;
  size_t passed_ = 0;
  Quicklist::Cursor cursor_;
};

}  // namespace keyway::shard::types
