// The kinds of value that many directives share. Texts of errors are those of Redis 7.0.15.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/directive.h"

namespace keyway::config {

// Both ends included.
struct Range {
  int64_t low = 0;
  int64_t high = std::numeric_limits<int64_t>::max();
};

struct EnumWord {
  const char* word;
  uint64_t value;
};

// Refuses a text: the error says why.
using TextCheck = std::function<Status(const std::string&)>;

// A decimal integer without sign '+', leading zeros or blanks.
std::optional<int64_t> ParseInteger(std::string_view text);

std::unique_ptr<Value> MakeBool(bool& variable);
std::unique_ptr<Value> MakeInteger(int64_t& variable, Range range);
std::unique_ptr<Value> MakeOctal(int64_t& variable, Range range);
std::unique_ptr<Value> MakeMemory(int64_t& variable, Range range);
std::unique_ptr<Value> MakeMemory(uint64_t& variable);
std::unique_ptr<Value> MakeText(std::string& variable, TextCheck check);
// `combine`: several words, their bits or-ed. With equal values the first word is printed.
std::unique_ptr<Value> MakeEnum(std::vector<EnumWord> words, bool combine,
                                std::function<uint64_t()> get, std::function<void(uint64_t)> set,
                                std::function<Status(uint64_t)> check);

}  // namespace keyway::config
