// An RDB file, version 10 (https://rdb.fnordig.de/file_format.html; checked against redis-server
// 7.0.15). Strings, lengths and values are those of format.h.
//
//   file     = "REDIS" version (4 digits) *part 0xff checksum
//   part     = 0xfa | string name | string value              ; what the writer says about itself
//            | library                                        ; of functions: library_reader.h
//            | 0xfe | length                                  ; the keys of this database follow
//            | 0xfb | length keys | length expiries           ; how many they are
//            | 0xf7 ...                                       ; data of a module: never read
//            | [expiry] [use] type | string key | object
//   expiry   = 0xfc | 8 bytes, ms since 1970 | 0xfd | 4 bytes, seconds
//   use      = 0xf8 | length, seconds idle | 0xf9 | byte, the counter of LFU
//   checksum = 8 bytes: CRC-64 of all before; 0: none        ; from version 5 on
//
// Integers in a fixed number of bytes are little endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shard/persistence/rdb/library_reader.h"

namespace keyway::shard::rdb {

enum class PartMark : uint8_t {
  kLibrary = kLibraryMark,
  kLibraryOfCandidate = kLibraryOfCandidateMark,
  kModuleAux = 0xf7,
  kIdle = 0xf8,
  kFrequency = 0xf9,
  kAux = 0xfa,
  kResize = 0xfb,
  kExpiryMillis = 0xfc,
  kExpirySeconds = 0xfd,
  kDatabase = 0xfe,
  kEnd = 0xff,
};

inline constexpr std::string_view kMagic = "REDIS";
inline constexpr size_t kVersionDigits = 4;
inline constexpr size_t kChecksumBytes = 8;
inline constexpr int kFirstVersionWithChecksum = 5;

}  // namespace keyway::shard::rdb
