#include "common/base/glob.h"

#include <cstddef>
#include <utility>

namespace keyway {
namespace {

char Fold(char c, bool ignore_case) {
  return ignore_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Matches `c` with the class whose '[' stands at pattern[*position]; moves *position behind it.
bool MatchClass(std::string_view pattern, size_t* position, char c, bool ignore_case) {
  size_t i = *position + 1;
  const bool negated = i < pattern.size() && pattern[i] == '^';
  if (negated) ++i;
  bool matches = false;
  const char folded = Fold(c, ignore_case);
  for (; i < pattern.size() && pattern[i] != ']'; ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      ++i;
      // Redis compares an escaped byte as it is, even when the case is ignored.
      matches = matches || pattern[i] == c;
    } else if (i + 2 < pattern.size() && pattern[i + 1] == '-') {
      // Bytes from 128 on are negative here, as in Redis.
      auto low = static_cast<signed char>(pattern[i]);
      auto high = static_cast<signed char>(pattern[i + 2]);
      if (low > high) std::swap(low, high);
      low = static_cast<signed char>(Fold(static_cast<char>(low), ignore_case));
      high = static_cast<signed char>(Fold(static_cast<char>(high), ignore_case));
      const auto value = static_cast<signed char>(folded);
      matches = matches || (low <= value && value <= high);
      i += 2;
    } else {
      matches = matches || Fold(pattern[i], ignore_case) == folded;
    }
  }
  *position = i < pattern.size() ? i + 1 : i;
  return matches != negated;
}

}  // namespace

bool GlobMatch(std::string_view pattern, std::string_view text, bool ignore_case) {
  if (text.empty()) return pattern.empty() || pattern == "*";

  // When a byte does not match, only the last star has to be tried with one byte more: whatever an
  // earlier star could take in addition, the last one can take as well.
  constexpr size_t kNone = std::string_view::npos;
  size_t p = 0;
  size_t t = 0;
  size_t behind_star = kNone;  // in the pattern
  size_t star_end = 0;         // in the text: what the last star has taken ends here
  while (t < text.size()) {
    bool matches = false;
    if (p < pattern.size()) {
      switch (pattern[p]) {
        case '*':
          behind_star = ++p;
          star_end = t;
          if (p == pattern.size()) return true;
          continue;
        case '?':
          ++p;
          matches = true;
          break;
        case '[':
          matches = MatchClass(pattern, &p, text[t], ignore_case);
          break;
        case '\\':
          if (p + 1 < pattern.size()) ++p;
          [[fallthrough]];
        default:
          matches = Fold(pattern[p], ignore_case) == Fold(text[t], ignore_case);
          ++p;
          break;
      }
    }
    if (matches) {
      ++t;
    } else if (behind_star != kNone) {
      p = behind_star;
      t = ++star_end;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace keyway
