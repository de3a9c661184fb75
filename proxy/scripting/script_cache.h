// The scripts that clients of this proxy have sent, by their SHA1: what a shard that does not know a
// script is given, so that EVALSHA works on every shard as on one Redis.
//
// One for all workers, behind a mutex that only commands for scripts take. Bounded: those used least
// lately are forgotten.
//
// A script is `compiled` once a shard has been seen to accept it. Only then would Redis have it, and
// SCRIPT EXISTS tell of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keyway::proxy::scripting {

struct Script {
  std::string sha1;  // 40 hexadecimal digits, lower case
  std::string text;
  mutable std::atomic<bool> compiled{false};
};
using ScriptPtr = std::shared_ptr<const Script>;

class ScriptCache {
 public:
  // `max_bytes`: of all scripts with what it takes to keep them; 0: none is kept.
  explicit ScriptCache(size_t max_bytes);

  struct Added {
    ScriptPtr script;  // nullptr: it is too large to be kept
    bool is_new = false;
  };
  // From any thread, like all that follows. Counts as a use.
  Added Add(std::string_view text);
  // nullptr: not here. `sha1` in any case. Counts as a use.
  ScriptPtr Find(std::string_view sha1);
  // Whether it is here and compiled.
  bool Exists(std::string_view sha1) const;
  // All that are compiled, those used least lately first.
  std::vector<ScriptPtr> Compiled() const;
  void Clear();

  size_t count() const { return count_.load(std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  using Uses = std::list<ScriptPtr>;
  // The keys are in the scripts.
  using Index = std::unordered_map<std::string_view, Uses::iterator>;

  static size_t SizeOf(const Script& script);
  Index::const_iterator FindLocked(std::string_view sha1) const;
  void ForgetOldest();

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  Uses uses_;  // used least lately first
  Index by_sha1_;
  Index by_text_;
  std::atomic<size_t> count_{0};
  std::atomic<size_t> bytes_{0};
};

// In lower case.
std::string Sha1Digits(std::string_view text);

}  // namespace keyway::proxy::scripting
