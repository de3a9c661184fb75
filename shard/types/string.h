// Strings: what the string commands do to a key, without the protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/key.h"
#include "shard/keyspace/record.h"

namespace keyway::shard::types {

enum class StringError : uint8_t {
  kWrongType,
  kNotInteger,     // the value is no integer
  kOverflow,       // the result is none
  kNotFloat,       // the value is no number
  kNanOrInfinity,  // the result is none
  kTooLong,        // the result would be longer than allowed
};

// The value as Redis would store it: an integer if it reads as one, in the record if it is short.
// `bytes` must live until the value is stored.
keyspace::Value EncodeString(std::string_view bytes);

// The bytes of a string, whatever its encoding. Valid until the key is changed; the record must be
// a string.
class StringBytes {
 public:
  explicit StringBytes(const keyspace::Record& record);
  StringBytes(const StringBytes&) = delete;
  StringBytes& operator=(const StringBytes&) = delete;

  std::string_view view() const { return view_; }

 private:
  char digits_[20];
  std::string_view view_;
};

// Without looking at the bytes.
size_t StringLength(const keyspace::Record& record);

// The part from `start` to `end`, both included, negative ones counted from the end.
std::string_view Substring(std::string_view bytes, int64_t start, int64_t end);

// INCRBY: a key that is missing counts as 0. Returns the new value. The expiry stays.
Expected<int64_t, StringError> IncrementBy(keyspace::Database& database, const keyspace::Key& key,
                                           int64_t increment, int64_t now_ms);
// INCRBYFLOAT. Returns the new value as it is stored.
Expected<std::string, StringError> IncrementByFloat(keyspace::Database& database,
                                                    const keyspace::Key& key, long double increment,
                                                    int64_t now_ms);
// APPEND. Returns the new length, which is at most `max_bytes`.
Expected<size_t, StringError> Append(keyspace::Database& database, const keyspace::Key& key,
                                     std::string_view bytes, size_t max_bytes, int64_t now_ms);
// SETRANGE: what is missing before `offset` is filled with zero bytes. With nothing to write
// nothing changes. Returns the length, at most `max_bytes` if something was written.
Expected<size_t, StringError> SetRange(keyspace::Database& database, const keyspace::Key& key,
                                       size_t offset, std::string_view bytes, size_t max_bytes,
                                       int64_t now_ms);

}  // namespace keyway::shard::types
