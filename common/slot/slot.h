// Hash slots: which of the 16384 slots a key belongs to.
// Source: Redis Cluster specification, "Key distribution model" and "Hash tags".
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"

namespace keyway {

using Slot = uint16_t;
inline constexpr int kSlotCount = 16384;

// CRC16, XMODEM variant (polynomial 0x1021, initial value 0).
uint16_t Crc16(std::string_view bytes);

// What is hashed of `key`: the part between the first { and the next } when that is not empty,
// else all of it.
std::string_view HashedPart(std::string_view key);

// In [0, kSlotCount).
Slot KeySlot(std::string_view key);

using SlotSet = std::bitset<kSlotCount>;

// Both ends belong to it.
struct SlotRange {
  Slot first;
  Slot last;

  bool operator==(const SlotRange&) const = default;
  int size() const { return last - first + 1; }
};

// The set as the fewest ranges, in rising order.
std::vector<SlotRange> ToRanges(const SlotSet& slots);

// "5" or "5-10". The error names what is wrong.
Expected<SlotRange> ParseSlotRange(std::string_view text);

// "5" or "5-10".
std::string ToString(const SlotRange& range);

}  // namespace keyway
