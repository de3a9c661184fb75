// A small registry for tests, with one directive of each kind.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/registry.h"
#include "common/config/section.h"

namespace keyway::config {

// Words kept one after the other; a file adds to them line by line.
class WordsValue final : public Value {
 public:
  explicit WordsValue(std::vector<std::string>& words) : words_(words) {}
  Expected<bool> Set(std::span<const std::string> words) override {
    for (const std::string& word : words) {
      if (word.empty()) return Error{"empty word"};
    }
    words_.assign(words.begin(), words.end());
    return true;
  }
  Expected<bool> SetFromFile(std::span<const std::string> words, bool first) override {
    if (first) words_.clear();
    words_.insert(words_.end(), words.begin(), words.end());
    return true;
  }
  std::string Get() const override {
    std::string text;
    for (const std::string& word : words_) text += (text.empty() ? "" : " ") + word;
    return text;
  }
  std::vector<RewriteLine> Rewrite(const std::string&) const override {
    std::vector<RewriteLine> lines;
    for (const std::string& word : words_) lines.push_back({word, true});
    return lines;
  }

 private:
  std::vector<std::string>& words_;
};

enum class Color : uint8_t { kRed, kGreen };

struct Sample {
  bool on = false;
  int64_t number = 10;
  int64_t bytes = 1024;
  std::string name;
  std::string secret;
  Color color = Color::kRed;
  uint32_t bits = 0;
  std::vector<std::string> words = {"one", "two"};
  bool fixed = false;
  bool guarded = false;
  bool hidden = false;
  bool later = false;
  std::vector<std::string> seen_users;
};

inline void AddSample(Registry& registry, Sample& sample) {
  Section rows(registry, "sample");
  rows.Bool("on", sample.on, kNone, "A switch");
  rows.Integer({"number", "old-number"}, sample.number, {0, 100}, kNone, "A number");
  rows.Memory("bytes", sample.bytes, {1, 1 << 30}, kNone, "A size");
  rows.Text("name", sample.name, kNone, "A text");
  rows.Text("secret", sample.secret, kSensitive, "A secret");
  rows.Enum("color", sample.color, {{"red", Color::kRed}, {"green", Color::kGreen}}, kNone,
            "A color");
  rows.Bits("bits", sample.bits, {{"none", 0}, {"a", 1}, {"b", 2}, {"c", 4}}, kNone, "Bits");
  rows.Custom("words", Kind::kList, std::make_unique<WordsValue>(sample.words), "word ...",
              kMultiWord, "Words");
  rows.Bool("fixed-switch", sample.fixed, kImmutable, "Set at the start");
  rows.Bool("guarded-switch", sample.guarded, kProtected, "Protected");
  rows.Bool("hidden-switch", sample.hidden, kHidden, "Hidden");
  rows.Bool("later-switch", sample.later, kDenyLoading | kNoEffectYet, "Not yet");
  registry.AddLine("user", 2, 4, [&sample](std::span<const std::string> words) -> Status {
    if (words[1] == "bad") return Error{"no such user"};
    sample.seen_users.push_back(words[1]);
    return {};
  });
  registry.AddObsolete("gone", 2);
}

inline std::map<std::string, std::string> GetAll(const Registry& registry,
                                                 std::vector<std::string_view> patterns) {
  std::map<std::string, std::string> all;
  for (auto& [name, value] : registry.Get(patterns)) all[name] = value;
  return all;
}

inline std::string SetAll(Registry& registry, std::vector<Registry::Pair> pairs,
                          SetOptions options = {}) {
  Status set = registry.Set(pairs, options);
  return set.ok() ? "OK" : set.error().message;
}

}  // namespace keyway::config
