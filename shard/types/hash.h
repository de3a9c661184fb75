// Hashes: what the hash commands do to a key, without the protocol.
//
// A small hash is a Listpack (field, value, field, value, ... in the order in which the fields
// came), a large one a FieldTable. A hash becomes large when it has too many fields or one that is
// too long, as HashLimits says, and never small again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/expected.h"
#include "common/base/random.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/key.h"
#include "shard/keyspace/record.h"
#include "shard/types/encodings/field_table.h"
#include "shard/types/encodings/listpack.h"
#include "shard/types/sampling.h"

namespace keyway::shard::types {

// hash-max-listpack-entries, hash-max-listpack-value.
struct HashLimits {
  size_t max_fields = 512;
  size_t max_bytes = 64;  // of a field or a value
};

enum class HashError : uint8_t {
  kWrongType,
  kNotInteger,     // the value is no integer
  kOverflow,       // the result is none
  kNotFloat,       // the value is no number
  kNanOrInfinity,  // the result is none
};

// --- Reading. The record is a hash; what is returned is valid until the key is changed (a number
// in a listpack: as long as its digits).

using Digits = ListpackView::Element::Digits;

size_t HashSize(const keyspace::Record& record);
std::optional<std::string_view> HashGet(const keyspace::Record& record, std::string_view field,
                                        Digits& digits);

// Calls `visit(std::string_view field, std::string_view value)` for every field.
template <typename Visit>
void ForEachField(const keyspace::Record& record, Visit&& visit) {
  if (record.encoding() == keyspace::Encoding::kHashtable) {
    static_cast<const FieldTable*>(record.object())->ForEach([&visit](const Field& field) {
      visit(field.name(), field.value());
    });
    return;
  }
  const ListpackView listpack(record.object());
  Digits field_digits;
  Digits value_digits;
  for (auto at = listpack.First(); at != ListpackView::kNone;) {
    const auto value = listpack.Next(at);
    visit(listpack.At(at).Text(field_digits), listpack.At(value).Text(value_digits));
    at = listpack.Next(value);
  }
}

// Calls `visit` for a field that is chosen at random.
template <typename Visit>
void RandomField(const keyspace::Record& record, Random& random, Visit&& visit) {
  if (record.encoding() == keyspace::Encoding::kHashtable) {
    const Field& field = static_cast<const FieldTable*>(record.object())->RandomField(random);
    visit(field.name(), field.value());
    return;
  }
  const ListpackView listpack(record.object());
  Digits field_digits;
  Digits value_digits;
  const auto at = listpack.Seek(static_cast<int64_t>(random.Below(listpack.size() / 2) * 2));
  visit(listpack.At(at).Text(field_digits), listpack.At(listpack.Next(at)).Text(value_digits));
}

// Calls `visit` for `count` different fields chosen at random; `count` at most HashSize.
template <typename Visit>
void SampleFields(const keyspace::Record& record, Random& random, size_t count, Visit&& visit) {
  if (record.encoding() == keyspace::Encoding::kHashtable) {
    const auto* table = static_cast<const FieldTable*>(record.object());
    for (const Field* field : SampleItems(table->table(), random, count)) {
      visit(field->name(), field->value());
    }
    return;
  }
  const std::vector<size_t> ranks = SampleRanks(random, HashSize(record), count);
  size_t rank = 0;
  size_t taken = 0;
  ForEachField(record, [&](std::string_view field, std::string_view value) {
    if (taken == ranks.size() || rank++ != ranks[taken]) return;
    ++taken;
    visit(field, value);
  });
}

// --- Changing. A key that is missing is an empty hash; a hash without fields does not exist.

// HSET: `pairs` are field, value, field, value, ...; returns how many fields are new.
Expected<size_t, HashError> HashSet(keyspace::Database& database, const keyspace::Key& key,
                                    std::span<const std::string_view> pairs,
                                    const HashLimits& limits, int64_t now_ms);
// HSETNX: whether there was no such field.
Expected<bool, HashError> HashSetNew(keyspace::Database& database, const keyspace::Key& key,
                                     std::string_view field, std::string_view value,
                                     const HashLimits& limits, int64_t now_ms);
// HDEL: returns how many fields were there.
Expected<size_t, HashError> HashDelete(keyspace::Database& database, const keyspace::Key& key,
                                       std::span<const std::string_view> fields, int64_t now_ms);
// HINCRBY: a field that is missing counts as 0. Returns the new value.
Expected<int64_t, HashError> HashIncrementBy(keyspace::Database& database, const keyspace::Key& key,
                                             std::string_view field, int64_t increment,
                                             const HashLimits& limits, int64_t now_ms);
// HINCRBYFLOAT, likewise. Returns the new value as it is stored.
Expected<std::string, HashError> HashIncrementByFloat(keyspace::Database& database,
                                                      const keyspace::Key& key,
                                                      std::string_view field, long double increment,
                                                      const HashLimits& limits, int64_t now_ms);

// Builds a hash from its fields, in their order: RESTORE and others that make one without HSET.
class HashBuilder {
 public:
  // An empty one.
  explicit HashBuilder(const HashLimits& limits) : limits_(limits), listpack_(Listpack()) {}
  // Works on the object of `record`, a hash, until PutBack.
  HashBuilder(const HashLimits& limits, const keyspace::Record& record);

  size_t size() const;
  // Whether the field is new.
  bool Set(std::string_view field, std::string_view value);
  // Whether it was there.
  bool Remove(std::string_view field);
  // `texts` are about to be set as fields or values: the hash becomes large if they are too long.
  void Expect(std::span<const std::string_view> texts);

  keyspace::Value Release();
  void PutBack(keyspace::Record& record);

 private:
  void MakeLarge();
  std::pair<keyspace::Encoding, void*> ReleaseObject();

  HashLimits limits_;
  std::optional<Listpack> listpack_;  // one of the two
  std::unique_ptr<FieldTable> table_;
};

}  // namespace keyway::shard::types
