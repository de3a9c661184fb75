#include "shard/types/score.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include "common/base/parse_double.h"

namespace keyway::shard::types {
bool ParseScore(std::string_view text, double* score) {
  return ParseDouble(text, score);
}

bool ParseScoreBound(std::string_view text, double* score) {
  if (ParseDouble(text, score)) return true;
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
