// The keys that simulated clients write: a few in each of some slots all over the cluster.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/slot/slot.h"

namespace keyway::sim {

struct KeyInfo {
  std::string name;
  Slot slot;
};

inline constexpr int kTaggedSlots = 24;
inline constexpr int kKeysInSlot = 3;
inline constexpr int kKeys = kTaggedSlots * kKeysInSlot;

// By index; the keys of one slot stand together.
const std::vector<KeyInfo>& AllKeys();
// Of a slot: the index of its first key, or -1 when there are none.
int FirstKeyIn(Slot slot);
// -1 when it is none of them.
int FindKey(std::string_view name);

}  // namespace keyway::sim
