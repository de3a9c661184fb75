// Reads values as any version of RDB up to 10 has them; see format.h. The bytes may come from
// anybody: what is not whole, or would break an invariant of an encoding (duplicate members, entries
// that overlap, NaN as a score, ...), is refused, and nothing is allocated because a number says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "shard/keyspace/value.h"
#include "shard/persistence/rdb/byte_reader.h"
#include "shard/types/encodings/quicklist.h"

namespace keyway::shard::rdb {

// Where encodings change, and how lists are made: the directives of these names.
struct ReadOptions {
  uint64_t hash_max_listpack_entries = 512;
  uint64_t hash_max_listpack_value = 64;
  uint64_t set_max_intset_entries = 512;
  uint64_t zset_max_listpack_entries = 128;
  uint64_t zset_max_listpack_value = 64;
  types::Quicklist::Options list;
};

// Why there is no value.
struct ValueError {
  // It is a collection of no elements and nothing else is wrong: `reader` stands behind it. Redis
  // had a bug that made such keys: redis-server skips them in files, and refuses them in RESTORE.
  bool is_empty = false;
  std::string message;  // as redis-server words it
};

// Reads the object of that type, which may be any number. A short string is a view into `reader`'s
// bytes or `text`, so both must live until the value is stored.
Expected<keyspace::Value, ValueError> ReadValue(uint8_t type, const ReadOptions& options,
                                                ByteReader* reader, ByteReader::Text* text);

// The name of the type of a module that wrote a value, or aux data.
std::string ModuleTypeName(uint64_t id);

// Whether DUMP's footer, version and checksum, is right. `check_crc`: false: any checksum will do.
bool IsDumpPayload(std::string_view payload, bool check_crc = true);

}  // namespace keyway::shard::rdb
