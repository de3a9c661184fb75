// A key with what the keyspace needs to find it, so that a command that looks at a key several
// times computes it once.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/slot/slot.h"
#include "shard/types/encodings/hash_bytes.h"

namespace keyway::shard::keyspace {

inline uint64_t HashKey(std::string_view key) {
  return types::HashBytes(key);
}

struct Key {
  // `key` must outlive this object.
  explicit Key(std::string_view key) : text(key), hash(HashKey(key)), slot(KeySlot(key)) {}
  Key(std::string_view key, Slot known_slot) : text(key), hash(HashKey(key)), slot(known_slot) {}

  std::string_view text;
  uint64_t hash;
  Slot slot;
};

}  // namespace keyway::shard::keyspace
