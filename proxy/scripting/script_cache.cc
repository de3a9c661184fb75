#include "proxy/scripting/script_cache.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace keyway::proxy::scripting {
namespace {

constexpr size_t kSha1Length = 40;
// List and index nodes, and the script itself.
constexpr size_t kOverhead = 256;
// One script is not to drive out all others.
constexpr size_t kLargestPart = 4;

}  // namespace

std::string Sha1Digits(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string digits;
  digits.reserve(kSha1Length);
  for (const unsigned char byte : digest) {
    digits.push_back(kHex[byte >> 4]);
    digits.push_back(kHex[byte & 15]);
  }
  return digits;
}

ScriptCache::ScriptCache(size_t max_bytes) : max_bytes_(max_bytes) {}

size_t ScriptCache::SizeOf(const Script& script) {
  return script.text.size() + script.sha1.size() + kOverhead;
}

ScriptCache::Added ScriptCache::Add(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_text_.find(text); found != by_text_.end()) {
    uses_.splice(uses_.end(), uses_, found->second);
    return {*found->second, false};
  }
  auto script = std::make_shared<Script>();
  script->sha1 = Sha1Digits(text);
  script->text = text;
  const size_t size = SizeOf(*script);
  if (size > max_bytes_ / kLargestPart) return {};
  bytes_ += size;
  ++count_;
  const auto use = uses_.insert(uses_.end(), script);
  by_sha1_.emplace(script->sha1, use);
  by_text_.emplace(script->text, use);
  while (bytes_ > max_bytes_) ForgetOldest();
  return {script, true};
}

void ScriptCache::ForgetOldest() {
  const ScriptPtr script = uses_.front();
  by_sha1_.erase(script->sha1);
  by_text_.erase(script->text);
  uses_.pop_front();
  bytes_ -= SizeOf(*script);
  --count_;
}

ScriptCache::Index::const_iterator ScriptCache::FindLocked(std::string_view sha1) const {
  if (sha1.size() != kSha1Length) return by_sha1_.end();
  std::array<char, kSha1Length> lower;
  std::transform(sha1.begin(), sha1.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return by_sha1_.find({lower.data(), lower.size()});
}

ScriptPtr ScriptCache::Find(std::string_view sha1) {
  const std::lock_guard lock(mutex_);
  const auto found = FindLocked(sha1);
  if (found == by_sha1_.end()) return nullptr;
  uses_.splice(uses_.end(), uses_, found->second);
  return *found->second;
}

bool ScriptCache::Exists(std::string_view sha1) const {
  const std::lock_guard lock(mutex_);
  const auto found = FindLocked(sha1);
  return found != by_sha1_.end() && (*found->second)->compiled;
}

std::vector<ScriptPtr> ScriptCache::Compiled() const {
  const std::lock_guard lock(mutex_);
  std::vector<ScriptPtr> scripts;
  scripts.reserve(uses_.size());
  std::copy_if(uses_.begin(), uses_.end(), std::back_inserter(scripts),
               [](const ScriptPtr& script) { return script->compiled.load(); });
  return scripts;
}

void ScriptCache::Clear() {
  const std::lock_guard lock(mutex_);
  by_sha1_.clear();
  by_text_.clear();
  uses_.clear();
  bytes_ = 0;
  count_ = 0;
}

}  // namespace keyway::proxy::scripting
