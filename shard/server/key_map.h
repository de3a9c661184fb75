// A map from keys of databases to what somebody keeps about them outside of the keyspace: who
// watches a key, who waits for it. The key need not exist.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "shard/keyspace/key.h"

namespace keyway::shard {

struct KeyName {
  int database;
  std::string text;
};

struct KeyNameView {
  KeyNameView(int index, const keyspace::Key& key)
      : database(index), text(key.text), hash(key.hash) {}
  KeyNameView(int index, std::string_view key)
      : database(index), text(key), hash(keyspace::HashKey(key)) {}

  int database;
  std::string_view text;
  uint64_t hash;
};

struct KeyNameHash {
  using is_transparent = void;
  static size_t Mix(int database, uint64_t hash) {
    return static_cast<size_t>(hash + static_cast<uint64_t>(database) * 0x9e3779b97f4a7c15u);
  }
  size_t operator()(const KeyName& name) const {
    return Mix(name.database, keyspace::HashKey(name.text));
  }
  size_t operator()(const KeyNameView& name) const { return Mix(name.database, name.hash); }
};

struct KeyNameEqual {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return a.database == b.database && std::string_view(a.text) == std::string_view(b.text);
  }
};

// Elements stay where they are until they are erased.
template <typename T>
using KeyMap = std::unordered_map<KeyName, T, KeyNameHash, KeyNameEqual>;

}  // namespace keyway::shard
