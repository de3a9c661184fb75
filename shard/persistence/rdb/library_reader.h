// Reads libraries of functions, as RDB files and the payloads of FUNCTION DUMP have them:
//
//   library = 0xf5 | string code                                          ; Redis 7.0
//           | 0xf6 | string name | string engine | length has-description
//           | [string description] | string body                          ; its release candidates
#pragma once

#include <cstdint>
#include <string>

#include "common/base/expected.h"
#include "shard/persistence/rdb/byte_reader.h"

namespace keyway::shard::rdb {

inline constexpr uint8_t kLibraryMark = 0xf5;
inline constexpr uint8_t kLibraryOfCandidateMark = 0xf6;

// What follows that mark, one of the two, as the code that FUNCTION LOAD takes: a library of a
// release candidate gets the first line that it does not have. The error is redis-server's.
Expected<std::string> ReadLibrary(uint8_t mark, ByteReader* reader);

}  // namespace keyway::shard::rdb
