// Packed encodings that Redis wrote before listpacks: ziplists (until 7.0) and zipmaps (until 2.6).
// They are only read.
//
//   ziplist = bytes in all (4) | offset of the last entry (4) | entries (2; 65535: unknown) | entry ... | 0xff
//   entry   = bytes of the entry before (1; 0xfe: the 4 that follow) | encoding | data
//     00llllll, 01llllll + 1 byte, 10______ + 4 bytes      a string of that length (big endian)
//     0xc0 int16 | 0xd0 int32 | 0xe0 int64 | 0xf0 int24 | 0xfe int8 | 0xf1 to 0xfd: 0 to 12
//   zipmap  = entries (1, not 0; 254: unknown) | (length key | length unused value unused bytes) ... | 0xff
//     length: 1 byte, or 0xfe and 4; unused: 1 byte
//
// All other numbers are little endian.
#pragma once

#include <optional>
#include <string_view>

#include "shard/types/encodings/listpack.h"

namespace keyway::shard::rdb {

// The same entries as a listpack. nullopt when the bytes, which may be any, are no such thing.
std::optional<types::Listpack> ReadZiplist(std::string_view bytes);
std::optional<types::Listpack> ReadZipmap(std::string_view bytes);

}  // namespace keyway::shard::rdb
