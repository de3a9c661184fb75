#include "shard/keyspace/raw_string.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace keyway::shard::keyspace {
namespace {

constexpr size_t kMaxSpareBytes = 1024 * 1024;

}  // namespace

RawString::Ptr RawString::New(size_t length, size_t capacity) {
  void* memory = ::operator new(sizeof(RawString) + capacity);
  return Ptr(new (memory) RawString(length, capacity));
}

RawString::Ptr RawString::Copy(std::string_view bytes) {
  Ptr string = New(bytes.size(), bytes.size());
  if (!bytes.empty()) std::memcpy(string->data(), bytes.data(), bytes.size());
  return string;
}

RawString::Ptr RawString::Zeros(size_t length) {
  Ptr string = New(length, length);
  std::memset(string->data(), 0, length);
  return string;
}

RawString::Ptr RawString::Extend(Ptr string, size_t length) {
  const size_t old_length = string->length_;
  if (length > string->capacity_) {
    Ptr larger = New(length, length + std::min(length, kMaxSpareBytes));
    std::memcpy(larger->data(), string->data(), old_length);
    string = std::move(larger);
  }
  std::memset(string->data() + old_length, 0, length - old_length);
  string->length_ = length;
  return string;
}

void RawString::Free(RawString* string) {
  if (string == nullptr) return;
  const size_t bytes = string->AllocatedBytes();
  string->~RawString();
  ::operator delete(string, bytes);
}

}  // namespace keyway::shard::keyspace
