#include "shard/keyspace/key.h"

#include <random>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace keyway::shard::keyspace {
namespace {

uint64_t DrawSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

const uint64_t kSeed = DrawSeed();

}  // namespace

uint64_t HashKey(std::string_view key) {
  return XXH3_64bits_withSeed(key.data(), key.size(), kSeed);
}

}  // namespace keyway::shard::keyspace
