// Numbers of the RDB format, version 10
// (https://rdb.fnordig.de/file_format.html; checked against redis-server 7.0.15).
//
//   value     = type (1 byte) | object
//   length    = 00xxxxxx                     6 bits
//             | 01xxxxxx xxxxxxxx            14 bits
//             | 0x80 | 4 bytes, big endian
//             | 0x81 | 8 bytes, big endian
//   string    = length | bytes
//             | 0xc0 | int8 | 0xc1 | int16 | 0xc2 | int32              (little endian; its digits)
//             | 0xc3 | compressed length | length | LZF bytes
//   object    = string                                                 kString
//             | length | string ...                                    kList, kSet
//             | length | (string member, score as text) ...            kZset
//             | length | (string member, 8-byte double) ...            kZset2
//             | length | (string field, string value) ...              kHash
//             | string: a zipmap, ziplist, intset or listpack           the packed ones
//             | length | string: a ziplist ...                          kListQuicklist
//             | length | (length container, string) ...                kListQuicklist2
//             | stream                                                 see value_reader.cc
#pragma once

#include <cstddef>
#include <cstdint>

namespace keyway::shard::rdb {

inline constexpr int kVersion = 10;

enum class ValueType : uint8_t {
  kString = 0,
  kList = 1,
  kSet = 2,
  kZset = 3,
  kHash = 4,
  kZset2 = 5,
  // Never read: there are no modules.
  kModule = 6,
  kModule2 = 7,
  kHashZipmap = 9,
  kListZiplist = 10,
  kSetIntset = 11,
  kZsetZiplist = 12,
  kHashZiplist = 13,
  kListQuicklist = 14,
  kStreamListpacks = 15,
  kHashListpack = 16,
  kZsetListpack = 17,
  kListQuicklist2 = 18,
  kStreamListpacks2 = 19,
};

// The first two bits of a length.
inline constexpr uint8_t kLength6 = 0;
inline constexpr uint8_t kLength14 = 1;
inline constexpr uint8_t kLengthMark32 = 0x80;
inline constexpr uint8_t kLengthMark64 = 0x81;
inline constexpr uint8_t kEncodedMark = 0xc0;

enum class StringEncoding : uint8_t { kInt8 = 0, kInt16 = 1, kInt32 = 2, kLzf = 3 };

// Of a node in kListQuicklist2.
inline constexpr uint64_t kPlainNode = 1;
inline constexpr uint64_t kPackedNode = 2;

// Strings of at most so many bytes are tried as integers, longer ones than the second are tried to be
// compressed.
inline constexpr size_t kMaxIntegerText = 11;
inline constexpr size_t kMinCompressedBytes = 21;

}  // namespace keyway::shard::rdb
