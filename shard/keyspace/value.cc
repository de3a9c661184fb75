#include "shard/keyspace/value.h"

#include <bit>

#include <glog/logging.h>

namespace keyway::shard::keyspace {
namespace {

constexpr size_t kEffortUnitBytes = 64 * 1024;

RawString* AsRaw(uint64_t word) {
  return std::bit_cast<RawString*>(word);
}

}  // namespace

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kString:
      return "string";
  }
  return "none";
}

std::string_view EncodingName(Encoding encoding) {
  switch (encoding) {
    case Encoding::kInt:
      return "int";
    case Encoding::kEmbstr:
      return "embstr";
    case Encoding::kRaw:
      return "raw";
  }
  return "unknown";
}

Value Value::Integer(int64_t integer) {
  return Value(Type::kString, Encoding::kInt, static_cast<uint64_t>(integer));
}

Value Value::Embedded(std::string_view bytes) {
  CHECK_LE(bytes.size(), kMaxEmbeddedBytes);
  Value value(Type::kString, Encoding::kEmbstr, 0);
  value.bytes_ = bytes;
  return value;
}

Value Value::Raw(RawString::Ptr string) {
  return Object(Type::kString, Encoding::kRaw, string.release());
}

Value Value::Object(Type type, Encoding encoding, void* object) {
  return Value(type, encoding, std::bit_cast<uint64_t>(object));
}

Value::Value(Value&& other) noexcept
    : bytes_(other.bytes_), word_(other.word_), type_(other.type_), encoding_(other.encoding_) {
  other.ReleaseWord();
}

Value& Value::operator=(Value&& other) noexcept {
  if (this == &other) return *this;
  DestroyObject(type_, encoding_, word_);
  bytes_ = other.bytes_;
  type_ = other.type_;
  encoding_ = other.encoding_;
  word_ = other.ReleaseWord();
  return *this;
}

Value::~Value() {
  DestroyObject(type_, encoding_, word_);
}

uint64_t Value::ReleaseWord() {
  const uint64_t word = word_;
  // An integer owns nothing, whatever it is.
  type_ = Type::kString;
  encoding_ = Encoding::kInt;
  word_ = 0;
  return word;
}

void DestroyObject(Type type, Encoding encoding, uint64_t word) {
  switch (type) {
    case Type::kString:
      if (encoding == Encoding::kRaw) RawString::Free(AsRaw(word));
  }
}

size_t FreeEffort(Type type, Encoding encoding, uint64_t word) {
  switch (type) {
    case Type::kString:
      if (encoding != Encoding::kRaw) return 1;
      return 1 + AsRaw(word)->AllocatedBytes() / kEffortUnitBytes;
  }
  return 1;
}

}  // namespace keyway::shard::keyspace
