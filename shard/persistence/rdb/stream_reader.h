// Reads streams from an RDB value:
//
//   stream   = nodes | (string: 16-byte id | string: listpack) ... | length | id of the last entry
//            | kStreamListpacks2: first id | greatest deleted id | entries ever added
//            | groups | group ...
//   group    = string: name | id last delivered | kStreamListpacks2: entries read
//            | pending | (16-byte id | delivery time | deliveries) ...
//            | consumers | (string: name | last seen | pending | 16-byte id ...) ...
//
// An id is two lengths (ms, seq), a time 8 bytes of milliseconds.
#pragma once

#include <memory>

#include "common/base/expected.h"
#include "shard/persistence/rdb/byte_reader.h"
#include "shard/types/encodings/stream.h"

namespace keyway::shard::rdb {

// The error is redis-server's.
Expected<std::unique_ptr<types::Stream>> ReadStream(bool has_header_of_7, ByteReader* reader);

}  // namespace keyway::shard::rdb
