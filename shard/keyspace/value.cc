#include "shard/keyspace/value.h"

#include <bit>

#include <glog/logging.h>

#include "shard/types/encodings/field_table.h"
#include "shard/types/encodings/intset.h"
#include "shard/types/encodings/listpack.h"
#include "shard/types/encodings/quicklist.h"
#include "shard/types/encodings/set_table.h"
#include "shard/types/encodings/sorted_set.h"
#include "shard/types/encodings/stream.h"

namespace keyway::shard::keyspace {
namespace {

constexpr size_t kEffortUnitBytes = 64 * 1024;

// What can be done with an object without knowing what it is. All nullptr: there is none, the word
// is the value.
struct ObjectOperations {
  void (*destroy)(void* object) = nullptr;
  void* (*duplicate)(const void* object) = nullptr;
  size_t (*free_effort)(const void* object) = nullptr;
  size_t (*bytes)(const void* object) = nullptr;
};

// Of a class T with
//   std::unique_ptr<T> Duplicate() const;
//   size_t FreeEffort() const;      // roughly how many allocations it has
//   size_t AllocatedBytes() const;  // sizeof(T) included
template <typename T>
constexpr ObjectOperations OperationsOfClass() {
  return {.destroy = [](void* object) { delete static_cast<T*>(object); },
          .duplicate = [](const void* object) -> void* {
            return static_cast<const T*>(object)->Duplicate().release();
          },
          .free_effort = [](const void* object) { return static_cast<const T*>(object)->FreeEffort(); },
          .bytes = [](const void* object) { return static_cast<const T*>(object)->AllocatedBytes(); }};
}

// Of a block of memory: Listpack, Intset.
template <typename T>
constexpr ObjectOperations OperationsOfBlock() {
  return {.destroy = [](void* block) { T::FreeBlock(block); },
          .duplicate = [](const void* block) -> void* {
            T copy = T::Adopt(const_cast<void*>(block));
            void* duplicate = copy.Duplicate().Release();
            copy.Release();
            return duplicate;
          },
          .free_effort =
              [](const void* block) { return 1 + T::AllocatedBytes(block) / kEffortUnitBytes; },
          .bytes = [](const void* block) { return T::AllocatedBytes(block); }};
}

constexpr ObjectOperations kRawString = {
    .destroy = [](void* object) { RawString::Free(static_cast<RawString*>(object)); },
    .duplicate = [](const void* object) -> void* {
      return RawString::Copy(static_cast<const RawString*>(object)->view()).release();
    },
    .free_effort =
        [](const void* object) {
          return 1 + static_cast<const RawString*>(object)->AllocatedBytes() / kEffortUnitBytes;
        },
    .bytes = [](const void* object) {
      return static_cast<const RawString*>(object)->AllocatedBytes();
    }};

constexpr ObjectOperations kListpackOperations = OperationsOfBlock<types::Listpack>();
constexpr ObjectOperations kIntsetOperations = OperationsOfBlock<types::Intset>();
constexpr ObjectOperations kSortedSetOperations = OperationsOfClass<types::SortedSet>();
constexpr ObjectOperations kSetTableOperations = OperationsOfClass<types::SetTable>();
constexpr ObjectOperations kFieldTableOperations = OperationsOfClass<types::FieldTable>();
constexpr ObjectOperations kQuicklistOperations = OperationsOfClass<types::Quicklist>();
constexpr ObjectOperations kStreamOperations = OperationsOfClass<types::Stream>();
constexpr ObjectOperations kNoObject;

const ObjectOperations& OperationsOf(Type type, Encoding encoding) {
  switch (encoding) {
    case Encoding::kInt:
    case Encoding::kEmbstr:
      break;
    case Encoding::kRaw:
      return kRawString;
    case Encoding::kListpack:
      return kListpackOperations;
    case Encoding::kIntset:
      return kIntsetOperations;
    case Encoding::kHashtable:
      return type == Type::kSet ? kSetTableOperations : kFieldTableOperations;
    case Encoding::kSkiplist:
      return kSortedSetOperations;
    case Encoding::kQuicklist:
      return kQuicklistOperations;
    case Encoding::kStream:
      return kStreamOperations;
  }
  return kNoObject;
}

void* Pointer(uint64_t word) {
  return std::bit_cast<void*>(word);
}

}  // namespace

std::string_view TypeName(Type type) {
  constexpr std::string_view kNames[] = {"string", "list", "set", "zset", "hash", "stream"};
  return kNames[static_cast<size_t>(type)];
}

std::string_view EncodingName(Encoding encoding) {
  constexpr std::string_view kNames[] = {"int",    "embstr",    "raw",      "listpack", "quicklist",
                                         "intset", "hashtable", "skiplist", "stream"};
  return kNames[static_cast<size_t>(encoding)];
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
  const ObjectOperations& operations = OperationsOf(type, encoding);
  if (operations.destroy != nullptr) operations.destroy(Pointer(word));
}

uint64_t DuplicateObject(Type type, Encoding encoding, uint64_t word) {
  const ObjectOperations& operations = OperationsOf(type, encoding);
  if (operations.duplicate == nullptr) return word;
  return std::bit_cast<uint64_t>(operations.duplicate(Pointer(word)));
}

size_t FreeEffort(Type type, Encoding encoding, uint64_t word) {
  const ObjectOperations& operations = OperationsOf(type, encoding);
  return operations.free_effort == nullptr ? 1 : operations.free_effort(Pointer(word));
}

size_t ObjectBytes(Type type, Encoding encoding, uint64_t word) {
  const ObjectOperations& operations = OperationsOf(type, encoding);
  return operations.bytes == nullptr ? 0 : operations.bytes(Pointer(word));
}

}  // namespace keyway::shard::keyspace
