// The scripts that EVAL, EVALSHA and SCRIPT LOAD have compiled, by their SHA1. They stay until
// SCRIPT FLUSH, as apps rely on (https://redis.io/docs/manual/programmability/eval-intro, "Script
// cache"); so the memory they take is bounded by the apps alone, and shows in Usage.
//
// A script that is called again is found by its text, without computing its SHA1.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/expected.h"
#include "shard/keyspace/lazy_free.h"
#include "shard/scripting/lua/vm.h"
#include "shard/types/encodings/hash_bytes.h"

namespace keyway::shard::scripting {

struct Script {
  static constexpr size_t kSha1Digits = 2 * SHA_DIGEST_LENGTH;

  std::array<char, kSha1Digits> sha1_digits;
  uint32_t flags;  // ScriptFlag
  FunctionRef function;
  std::string text;

  // 40 hexadecimal digits, lower case.
  std::string_view sha1() const { return {sha1_digits.data(), sha1_digits.size()}; }
};

class ScriptCache {
 public:
  // Both outlive the object.
  ScriptCache(ScriptHost& host, keyspace::LazyFree& lazy_free);
  ~ScriptCache();

  Vm& vm() { return *vm_; }

  // nullptr: there is none. Pointers are valid until Clear. `sha1` in any case.
  const Script* FindBySha1(std::string_view sha1) const;
  const Script* FindByText(std::string_view text) const;
  // Finds it, or compiles and keeps it. The error is what Redis replies.
  Expected<const Script*> Load(std::string_view text);

  // SCRIPT FLUSH, with the interpreter and all that scripts have left in it. `later`: what there is
  // is freed on a side thread. No script is running.
  void Clear(bool later);

  size_t count() const { return by_sha1_.size(); }
  // What is kept about the scripts besides the interpreter, bytes.
  size_t MemoryBytes() const;

 private:
  struct Hash {
    size_t operator()(std::string_view bytes) const { return types::HashBytes(bytes); }
  };
  using Scripts = std::unordered_map<std::string_view, std::unique_ptr<Script>, Hash>;
  using Texts = std::unordered_map<std::string_view, const Script*, Hash>;
  struct Garbage;

  ScriptHost& host_;
  keyspace::LazyFree& lazy_free_;
  std::unique_ptr<Vm> vm_;
  Scripts by_sha1_;  // the keys are in the values
  Texts by_text_;
  size_t text_bytes_ = 0;
  mutable const Script* last_found_ = nullptr;  // is asked for next, most of the time
};

}  // namespace keyway::shard::scripting
