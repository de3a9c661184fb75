// The one hash function of keys, fields and members.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyway::shard::types {

// XXH3 with a seed drawn when the process starts: who does not know the seed cannot make strings
// that collide. Not stable from one process to the next.
uint64_t HashBytes(std::string_view bytes);

}  // namespace keyway::shard::types
