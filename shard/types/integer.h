// Integers as Redis takes them for values and arguments.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace keyway::shard::types {

// Decimal, in the one way in which it is printed again: no blank, no plus sign, no leading zero, no
// "-0". Returns false when `text` is anything else or does not fit.
inline bool ParseInteger(std::string_view text, int64_t* value) {
  constexpr size_t kMaxDigits = 20;
  if (text.empty() || text.size() > kMaxDigits) return false;
  if (text == "0") {
    *value = 0;
    return true;
  }
  const char first_digit = text[text.front() == '-' && text.size() > 1 ? 1 : 0];
  if (first_digit < '1' || first_digit > '9') return false;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *value);
  return result.ec == std::errc() && result.ptr == end;
}

}  // namespace keyway::shard::types
