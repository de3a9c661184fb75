#include "shard/types/encodings/hash_bytes.h"

#include <random>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace keyway::shard::types {
namespace {

uint64_t DrawSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

const uint64_t kSeed = DrawSeed();

}  // namespace

uint64_t HashBytes(std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), kSeed);
}

}  // namespace keyway::shard::types
