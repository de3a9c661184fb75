#include "shard/scripting/script_cache.h"

#include <algorithm>
#include <utility>

#include "common/script/shebang.h"

namespace keyway::shard::scripting {
namespace {

using Digits = std::array<char, Script::kSha1Digits>;

Digits Sha1Digits(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  Digits digits;
  for (size_t i = 0; i < digest.size(); ++i) {
    digits[2 * i] = kHex[digest[i] >> 4];
    digits[2 * i + 1] = kHex[digest[i] & 15];
  }
  return digits;
}

}  // namespace

// All of it, to be destroyed on another thread: the interpreter first. Few scripts do not count as
// objects, as in Redis.
struct ScriptCache::Garbage final : keyspace::Garbage {
  static constexpr size_t kFew = 64;

  Garbage(std::unique_ptr<Vm> old_vm, Scripts old_scripts, Texts old_texts)
      : keyspace::Garbage(old_scripts.size() > kFew ? old_scripts.size() : 0),
        texts(std::move(old_texts)),
        scripts(std::move(old_scripts)),
        vm(std::move(old_vm)) {}

  Texts texts;
  Scripts scripts;
  std::unique_ptr<Vm> vm;
};

ScriptCache::ScriptCache(ScriptHost& host, keyspace::LazyFree& lazy_free)
    : host_(host), lazy_free_(lazy_free), vm_(std::make_unique<Vm>(Vm::Purpose::kScripts, host)) {}

ScriptCache::~ScriptCache() = default;

const Script* ScriptCache::FindBySha1(std::string_view sha1) const {
  if (sha1.size() != Script::kSha1Digits) return nullptr;
  if (last_found_ != nullptr && last_found_->sha1() == sha1) return last_found_;
  auto found = by_sha1_.find(sha1);
  if (found == by_sha1_.end()) {
    Digits lower;
    std::transform(sha1.begin(), sha1.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    found = by_sha1_.find({lower.data(), lower.size()});
    if (found == by_sha1_.end()) return nullptr;
  }
  return last_found_ = found->second.get();
}

const Script* ScriptCache::FindByText(std::string_view text) const {
  if (last_found_ != nullptr && last_found_->text == text) return last_found_;
  const auto found = by_text_.find(text);
  return found == by_text_.end() ? nullptr : last_found_ = found->second;
}

Expected<const Script*> ScriptCache::Load(std::string_view text) {
  if (const Script* known = FindByText(text)) return known;
  const auto declaration = script::ReadScriptDeclaration(text);
  if (!declaration.ok()) return declaration.error();
  const auto function = vm_->Compile(declaration->body);
  if (!function.ok()) return function.error();
  auto script = std::make_unique<Script>(
      Script{Sha1Digits(text), declaration->flags, function.value(), std::string(text)});
  const Script* added = script.get();
  by_text_.emplace(added->text, added);
  by_sha1_.emplace(added->sha1(), std::move(script));
  text_bytes_ += text.size();
  return last_found_ = added;
}

void ScriptCache::Clear(bool later) {
  last_found_ = nullptr;
  text_bytes_ = 0;
  auto garbage = std::make_unique<Garbage>(std::move(vm_), std::exchange(by_sha1_, {}),
                                           std::exchange(by_text_, {}));
  if (later) lazy_free_.Free(std::move(garbage));
  garbage.reset();
  vm_ = std::make_unique<Vm>(Vm::Purpose::kScripts, host_);
}

size_t ScriptCache::MemoryBytes() const {
  constexpr size_t kNodeBytes = 4 * sizeof(void*);
  return text_bytes_ + count() * (sizeof(Script) + 2 * kNodeBytes) +
         (by_sha1_.bucket_count() + by_text_.bucket_count()) * sizeof(void*);
}

}  // namespace keyway::shard::scripting
