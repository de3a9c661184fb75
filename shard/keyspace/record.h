// One key and what it holds, in one allocation.
//
//   offset  bytes  what
//   0       4      type (3 bits), has an expiry (1), encoding (4), access clock (24)
//   4       4      key length (26 bits; all ones: it is in its own field), value length (6; if the
//                  value is not embedded: 1 for a duplicate, else 0)
//   8       8      expiry, wall-clock ms      only if there is one
//           8      key length                 only if it does not fit in 26 bits
//           8      the integer, or the object's address      not of an embedded string
//           n      key
//           n      value, at most 44 bytes                   only of an embedded string
//
// rounded up to 16 bytes, as the allocator would do. A 16-byte key with a 16-byte value takes 48
// bytes, with an expiry too.
//
// The table that holds a record points to it, so whatever may move a record (SetExpiry, SetValue)
// returns where it is now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shard/keyspace/raw_string.h"
#include "shard/keyspace/value.h"

namespace keyway::shard::keyspace {

// Instead of an expiry, which is never negative.
inline constexpr int64_t kNoExpiry = -1;

class Record {
 public:
  // Takes the object of `value`. `access` is 24 bits.
  static Record* New(std::string_view key, Value value, int64_t expiry_ms, uint32_t access);
  // With what it holds.
  static void Free(Record* record);

  // Replaces the value, whose old object is returned. `value` must not be a view into `record`.
  static Record* SetValue(Record* record, Value value, Value* old_value);
  static Record* SetExpiry(Record* record, int64_t expiry_ms);
  // A record of another key with all that `record` has. Frees `record`.
  static Record* SetKey(Record* record, std::string_view key);
  // A record of `key` with an equal value.
  static Record* Duplicate(const Record& record, std::string_view key, int64_t expiry_ms,
                           uint32_t access);

  Type type() const { return static_cast<Type>(type_); }
  Encoding encoding() const { return static_cast<Encoding>(encoding_); }
  std::string_view key() const;
  bool has_expiry() const { return has_expiry_ != 0; }
  int64_t expiry_ms() const;  // kNoExpiry if it has none
  bool IsExpired(int64_t now_ms) const { return has_expiry_ != 0 && expiry_ms() < now_ms; }
  // LRU: seconds; LFU: minutes and a counter. See access_clock.h.
  uint32_t access() const { return access_; }
  void set_access(uint32_t access) { access_ = access & 0xffffff; }

  // Made by Duplicate, and not set since. OBJECT REFCOUNT tells it from a small integer that Redis
  // would share.
  bool is_duplicate() const { return !is_embedded() && value_length_ != 0; }

  int64_t integer() const { return static_cast<int64_t>(word()); }  // kInt
  std::string_view embedded() const;                                // kEmbstr
  const RawString& raw() const;                                     // kRaw

  // What is neither embedded nor an integer: the object of a collection's encoding.
  void* object() const { return reinterpret_cast<void*>(word()); }
  // The object has moved, or has been replaced by one of another encoding. The old one is the
  // caller's. The record must hold an object already.
  void set_object(Encoding encoding, void* object);

  void set_integer(int64_t integer);
  // The record lends its string, to be given back by set_raw before anyone looks.
  RawString::Ptr TakeRaw();
  void set_raw(RawString::Ptr string);

  // The integer or the address; not of an embedded string.
  uint64_t word() const;

  // Of the record and of what it points to.
  size_t AllocatedBytes() const;

  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

 private:
  struct Layout;

  Record() = default;
  ~Record() = default;

  Layout layout() const;
  static Record* Allocate(const Layout& layout);
  static void Release(Record* record, const Layout& layout);
  Value TakeValue();
  void WriteValue(const Layout& layout, Value value);
  void set_word(uint64_t word);
  char* at(size_t offset) { return reinterpret_cast<char*>(this) + offset; }
  const char* at(size_t offset) const { return reinterpret_cast<const char*>(this) + offset; }
  bool is_embedded() const { return encoding() == Encoding::kEmbstr; }

  uint32_t type_ : 3;
  uint32_t has_expiry_ : 1;
  uint32_t encoding_ : 4;
  uint32_t access_ : 24;
  uint32_t key_length_ : 26;
  uint32_t value_length_ : 6;
};

static_assert(sizeof(Record) == 8);

}  // namespace keyway::shard::keyspace
