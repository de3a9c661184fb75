// Bytes behind their length, as the items of SetTable and FieldTable are laid out:
//
//   length (1; 255: the 8 bytes that follow it, little endian) | bytes
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace keyway::shard::types::internal {

inline constexpr uint8_t kLongLength = 255;

// With the length.
inline size_t CountedBytes(std::string_view bytes) {
  return bytes.size() + (bytes.size() < kLongLength ? 1 : 1 + sizeof(uint64_t));
}

// Returns where they end.
inline char* WriteCounted(char* to, std::string_view bytes) {
  if (bytes.size() < kLongLength) {
    *to++ = static_cast<char>(bytes.size());
  } else {
    *to++ = static_cast<char>(kLongLength);
    const uint64_t length = bytes.size();
    std::memcpy(to, &length, sizeof(length));
    to += sizeof(length);
  }
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

inline std::string_view ReadCounted(const char* from) {
  const auto length = static_cast<uint8_t>(*from++);
  if (length != kLongLength) return {from, length};
  uint64_t long_length;
  std::memcpy(&long_length, from, sizeof(long_length));
  return {from + sizeof(long_length), long_length};
}

}  // namespace keyway::shard::types::internal
