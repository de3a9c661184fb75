#include "shard/types/score.h"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

namespace keyway::shard::types {
namespace {

// Most scores; the locale and everything that is rare is left to strtod.
bool ParsePlainScore(std::string_view text, double* score) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *score);
  return result.ec == std::errc() && result.ptr == end && !std::isnan(*score);
}

}  // namespace

bool ParseScore(std::string_view text, double* score) {
  if (ParsePlainScore(text, score)) return true;
  if (text.empty() || std::isspace(static_cast<unsigned char>(text.front())) != 0) return false;
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  const double parsed = std::strtod(terminated.c_str(), &end);
  if (end != terminated.c_str() + terminated.size()) return false;
  if (errno == ERANGE && (std::isinf(parsed) || parsed == 0)) return false;
  if (std::isnan(parsed)) return false;
  *score = parsed;
  return true;
}

bool ParseScoreBound(std::string_view text, double* score) {
  if (ParsePlainScore(text, score)) return true;
  const std::string terminated(text);
  char* end = nullptr;
  *score = std::strtod(terminated.c_str(), &end);
  return *end == '\0' && !std::isnan(*score);
}

size_t FormatScore(double score, char* out) {
  constexpr int kDigits = 17;
  const auto result =
      std::to_chars(out, out + kScoreBytes, score, std::chars_format::general, kDigits);
  return static_cast<size_t>(result.ptr - out);
}

bool ScoreAsInteger(double score, int64_t* integer) {
  constexpr double kLimit = 4611686018427387904.0;
  if (!(score >= -kLimit && score <= kLimit)) return false;
  *integer = static_cast<int64_t>(score);
  return static_cast<double>(*integer) == score;
}

}  // namespace keyway::shard::types
