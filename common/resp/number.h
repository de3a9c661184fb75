// The numbers of RESP's length lines.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace keyway::resp {

// A number as Redis accepts it in *N and $N: decimal, no blank, no plus sign, no leading zero and
// no
// "-0". Returns false when `text` is anything else or does not fit.
inline bool ParseLength(std::string_view text, int64_t* value) {
  if (text == "0") {
    *value = 0;
    return true;
  }
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || digits.front() < '1' || digits.front() > '9') return false;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *value);
  return result.ec == std::errc() && result.ptr == end;
}

// The common case of a length line, at most nine digits: reads the number at `at`. Returns where it
// ends, when it is written as ParseLength wants it and a CR and one more byte follow before `end`;
// else nullptr, and the line needs a closer look.
inline const char* ParseShortLength(const char* at, const char* end, int64_t* value) {
  constexpr int kDigits = 9;
  int64_t number = 0;
  const char* digit = at;
  const char* last = end - at > kDigits ? at + kDigits : end;
  while (digit < last && *digit >= '0' && *digit <= '9') {
    number = number * 10 + (*digit - '0');
    ++digit;
  }
  if (digit == at || end - digit < 2 || *digit != '\r') return nullptr;
  if (*at == '0' && digit - at > 1) return nullptr;
  *value = number;
  return digit;
}

}  // namespace keyway::resp
