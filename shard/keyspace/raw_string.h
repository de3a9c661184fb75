// The bytes of a string value that does not live inside its record: a length, a capacity and the
// bytes in one allocation, with room at the end so that APPEND is cheap.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace keyway::shard::keyspace {

class RawString {
 public:
  struct Deleter {
    void operator()(RawString* string) const { RawString::Free(string); }
  };
  using Ptr = std::unique_ptr<RawString, Deleter>;

  // A copy of `bytes`, without room at the end.
  static Ptr Copy(std::string_view bytes);
  // `length` zero bytes.
  static Ptr Zeros(size_t length);
  // Makes `string` `length` bytes long, not less than it is; what is new is zero. Takes `string`
  // and returns what replaces it, with room for as much again up to 1 MB.
  static Ptr Extend(Ptr string, size_t length);
  static void Free(RawString* string);

  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  size_t length() const { return length_; }
  std::string_view view() const { return {data(), length_}; }
  // Of the whole allocation.
  size_t AllocatedBytes() const { return sizeof(RawString) + capacity_; }

  RawString(const RawString&) = delete;
  RawString& operator=(const RawString&) = delete;

 private:
  RawString(size_t length, size_t capacity) : length_(length), capacity_(capacity) {}
  ~RawString() = default;
  static Ptr New(size_t length, size_t capacity);

  size_t length_;
  size_t capacity_;
};

}  // namespace keyway::shard::keyspace
