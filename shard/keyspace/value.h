// What a key holds: its type, its encoding, and the value itself.
//
// A Value is a value on its way into or out of a record. What an encoding's object is, and how it is
// destroyed, duplicated and measured, says the table in value.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "shard/keyspace/raw_string.h"

namespace keyway::shard::keyspace {

// At most 8: a record keeps it in 3 bits.
enum class Type : uint8_t { kString, kList, kSet, kZset, kHash, kStream };
// At most 16: a record keeps it in 4 bits.
enum class Encoding : uint8_t {
  kInt,     // a string that is a 64-bit integer
  kEmbstr,  // a string whose bytes are in the record
  kRaw,     // a string in a RawString
  kListpack,   // a small hash or sorted set in a types::Listpack: field, value, ... or member, score, ...
  kQuicklist,  // a list in a types::Quicklist
  kIntset,     // a set of integers in a types::Intset
  kHashtable,  // a set in a types::SetTable, a hash in a types::FieldTable
  kSkiplist,   // a sorted set in a types::SortedSet
  kStream,     // a types::Stream
};

// As TYPE and OBJECT ENCODING print them.
std::string_view TypeName(Type type);
std::string_view EncodingName(Encoding encoding);

// The longest string that is stored in its record.
inline constexpr size_t kMaxEmbeddedBytes = 44;

// Owns the object it points to, if it points to one.
class Value {
 public:
  static Value Integer(int64_t integer);
  // `bytes`, at most kMaxEmbeddedBytes, must live until the value is stored.
  static Value Embedded(std::string_view bytes);
  static Value Raw(RawString::Ptr string);
  // Takes the object.
  static Value Object(Type type, Encoding encoding, void* object);

  Value(Value&& other) noexcept;
  Value& operator=(Value&& other) noexcept;
  ~Value();

  Type type() const { return type_; }
  Encoding encoding() const { return encoding_; }
  bool embedded() const { return encoding_ == Encoding::kEmbstr; }
  std::string_view bytes() const { return bytes_; }
  // The 8 bytes a record keeps of a value that is not embedded: the integer or the pointer.
  uint64_t word() const { return word_; }
  // The object belongs to the caller from now on.
  uint64_t ReleaseWord();

 private:
  Value(Type type, Encoding encoding, uint64_t word)
      : word_(word), type_(type), encoding_(encoding) {}

  std::string_view bytes_;
  uint64_t word_;
  Type type_;
  Encoding encoding_;
};

// Of what a record's word holds; not of an embedded string.
void DestroyObject(Type type, Encoding encoding, uint64_t word);
// An equal object.
uint64_t DuplicateObject(Type type, Encoding encoding, uint64_t word);
// Roughly how many allocations must be freed, or, for one large one, its size in units of 64 KB.
size_t FreeEffort(Type type, Encoding encoding, uint64_t word);
// Of the object, without the record.
size_t ObjectBytes(Type type, Encoding encoding, uint64_t word);

}  // namespace keyway::shard::keyspace
