#include "tests/sim/keys.h"

#include <array>
#include <unordered_map>

namespace keyway::sim {

const std::vector<KeyInfo>& AllKeys() {
  static const std::vector<KeyInfo> keys = [] {
    std::vector<KeyInfo> made;
    SlotSet used;
    for (int tag = 0; static_cast<int>(made.size()) < kKeys; ++tag) {
      const std::string prefix = "{t" + std::to_string(tag) + "}";
      const Slot slot = KeySlot(prefix);
      if (used.test(slot)) continue;
      used.set(slot);
      for (int i = 0; i < kKeysInSlot; ++i) made.push_back({prefix + std::to_string(i), slot});
    }
    return made;
  }();
  return keys;
}

int FirstKeyIn(Slot slot) {
  static const std::vector<int> first = [] {
    std::vector<int> indexes(kSlotCount, -1);
    for (int key = 0; key < kKeys; key += kKeysInSlot) {
      indexes[AllKeys()[static_cast<size_t>(key)].slot] = key;
    }
    return indexes;
  }();
  return first[slot];
}

int FindKey(std::string_view name) {
  static const std::unordered_map<std::string_view, int> indexes = [] {
    std::unordered_map<std::string_view, int> made;
    for (int key = 0; key < kKeys; ++key) made[AllKeys()[static_cast<size_t>(key)].name] = key;
    return made;
  }();
  const auto it = indexes.find(name);
  return it == indexes.end() ? -1 : it->second;
}

}  // namespace keyway::sim
