#include "common/config/values.h"

#include <strings.h>

#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "common/config/memory_size.h"
#include "common/config/split_words.h"

namespace keyway::config {

namespace {

std::string ToOctal(int64_t value) {
  char digits[32];
  auto end = std::to_chars(digits, digits + sizeof(digits), value, 8).ptr;
  return std::string(digits, end);
}

Error OutOfRange(const std::string& low, const std::string& high) {
  return Error{"argument must be between " + low + " and " + high + " inclusive"};
}

template <typename T>
bool Store(T& variable, T value) {
  bool changed = variable != value;
  variable = std::move(value);
  return changed;
}

class BoolValue final : public Value {
 public:
  explicit BoolValue(bool& variable) : variable_(variable) {}

  Expected<bool> Set(std::span<const std::string> words) override {
    bool yes = strcasecmp(words[0].c_str(), "yes") == 0;
    if (!yes && strcasecmp(words[0].c_str(), "no") != 0) {
      return Error{"argument must be 'yes' or 'no'"};
    }
    return Store(variable_, yes);
  }
  std::string Get() const override { return variable_ ? "yes" : "no"; }

 private:
  bool& variable_;
};

class IntegerValue final : public Value {
 public:
  IntegerValue(int64_t& variable, Range range) : variable_(variable), range_(range) {}

  Expected<bool> Set(std::span<const std::string> words) override {
    std::optional<int64_t> value = ParseInteger(words[0]);
    if (!value) return Error{"argument couldn't be parsed into an integer"};
    if (*value < range_.low || *value > range_.high) {
      return OutOfRange(std::to_string(range_.low), std::to_string(range_.high));
    }
    return Store(variable_, *value);
  }
  std::string Get() const override { return std::to_string(variable_); }

 private:
  int64_t& variable_;
  Range range_;
};

class OctalValue final : public Value {
 public:
  OctalValue(int64_t& variable, Range range) : variable_(variable), range_(range) {}

  Expected<bool> Set(std::span<const std::string> words) override {
    const std::string& text = words[0];
    int64_t value = 0;
    auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, 8);
    bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
    if (!whole && !text.empty()) return Error{"argument couldn't be parsed as an octal number"};
    if (value < range_.low || value > range_.high) {
      return OutOfRange(ToOctal(range_.low), ToOctal(range_.high));
    }
    return Store(variable_, value);
  }
  std::string Get() const override { return ToOctal(variable_); }

 private:
  int64_t& variable_;
  Range range_;
};

template <typename T>
class MemoryValue final : public Value {
 public:
  MemoryValue(T& variable, T low, T high) : variable_(variable), low_(low), high_(high) {}

  Expected<bool> Set(std::span<const std::string> words) override {
    std::optional<uint64_t> bytes = ParseMemory(words[0]);
    if (!bytes) return Error{"argument must be a memory value"};
    if (*bytes < static_cast<uint64_t>(low_) || *bytes > static_cast<uint64_t>(high_)) {
      return OutOfRange(std::to_string(low_), std::to_string(high_));
    }
    return Store(variable_, static_cast<T>(*bytes));
  }
  std::string Get() const override { return std::to_string(variable_); }
  std::vector<RewriteLine> Rewrite(const std::string& initial) const override {
    return {{FormatMemory(static_cast<uint64_t>(variable_)), Get() != initial}};
  }

 private:
  T& variable_;
  T low_;
  T high_;
};

class TextValue final : public Value {
 public:
  TextValue(std::string& variable, TextCheck check)
      : variable_(variable), check_(std::move(check)) {}

  Expected<bool> Set(std::span<const std::string> words) override {
    if (check_) {
      if (Status fits = check_(words[0]); !fits) return fits.error();
    }
    return Store(variable_, words[0]);
  }
  std::string Get() const override { return variable_; }
  std::vector<RewriteLine> Rewrite(const std::string& initial) const override {
    // Empty by default means that there is none: a line would only say so.
    if (variable_.empty() && initial.empty()) return {};
    return {{Quote(variable_), variable_ != initial}};
  }

 private:
  std::string& variable_;
  TextCheck check_;
};

class EnumValue final : public Value {
 public:
  EnumValue(std::vector<EnumWord> words, bool combine, std::function<uint64_t()> get,
            std::function<void(uint64_t)> set, std::function<Status(uint64_t)> check)
      : words_(std::move(words)),
        combine_(combine),
        get_(std::move(get)),
        set_(std::move(set)),
        check_(std::move(check)) {}

  Expected<bool> Set(std::span<const std::string> texts) override {
    if (texts.empty()) return Unknown();
    uint64_t value = 0;
    for (const std::string& text : texts) {
      const EnumWord* word = FindWord(text);
      if (word == nullptr) return Unknown();
      value |= word->value;
    }
    if (check_) {
      if (Status fits = check_(value); !fits) return fits.error();
    }
    bool changed = value != get_();
    set_(value);
    return changed;
  }

  std::string Get() const override {
    uint64_t value = get_();
    std::string text;
    for (const EnumWord& word : words_) {
      bool in = word.value == value || (combine_ && word.value != 0 && (value & word.value) != 0);
      if (!in) continue;
      if (!combine_) return word.word;
      if (!text.empty()) text += ' ';
      text += word.word;
    }
    return text;
  }

 private:
  const EnumWord* FindWord(const std::string& text) const {
    for (const EnumWord& word : words_) {
      if (strcasecmp(text.c_str(), word.word) == 0) return &word;
    }
    return nullptr;
  }

  Error Unknown() const {
    std::string text = "argument(s) must be one of the following: ";
    for (size_t i = 0; i < words_.size(); ++i) {
      if (i > 0) text += ", ";
      text += words_[i].word;
    }
    return Error{std::move(text)};
  }

  std::vector<EnumWord> words_;
  bool combine_;
  std::function<uint64_t()> get_;
  std::function<void(uint64_t)> set_;
  std::function<Status(uint64_t)> check_;
};

}  // namespace

std::optional<int64_t> ParseInteger(std::string_view text) {
  std::string_view digits = text;
  if (!digits.empty() && digits[0] == '-') digits.remove_prefix(1);
  if (digits.empty()) return std::nullopt;
  if (digits[0] == '0' && text.size() > 1) return std::nullopt;
  int64_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unique_ptr<Value> MakeBool(bool& variable) {
  return std::make_unique<BoolValue>(variable);
}

std::unique_ptr<Value> MakeInteger(int64_t& variable, Range range) {
  return std::make_unique<IntegerValue>(variable, range);
}

std::unique_ptr<Value> MakeOctal(int64_t& variable, Range range) {
  return std::make_unique<OctalValue>(variable, range);
}

std::unique_ptr<Value> MakeMemory(int64_t& variable, Range range) {
  return std::make_unique<MemoryValue<int64_t>>(variable, range.low, range.high);
}

std::unique_ptr<Value> MakeMemory(uint64_t& variable) {
  return std::make_unique<MemoryValue<uint64_t>>(variable, 0, std::numeric_limits<uint64_t>::max());
}

std::unique_ptr<Value> MakeText(std::string& variable, TextCheck check) {
  return std::make_unique<TextValue>(variable, std::move(check));
}

std::unique_ptr<Value> MakeEnum(std::vector<EnumWord> words, bool combine,
                                std::function<uint64_t()> get, std::function<void(uint64_t)> set,
                                std::function<Status(uint64_t)> check) {
  return std::make_unique<EnumValue>(std::move(words), combine, std::move(get), std::move(set),
                                     std::move(check));
}

}  // namespace keyway::config
