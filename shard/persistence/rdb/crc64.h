// CRC-64 as RDB files and DUMP payloads carry it: Jones's polynomial 0xad93d23594c935a9, reflected,
// starting at 0, without a final change. Of "123456789": 0xe9c6d914c4b8d9ca.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyway::shard::rdb {

// Goes on from `crc` (0 at the start).
uint64_t Crc64(uint64_t crc, std::string_view bytes);

}  // namespace keyway::shard::rdb
