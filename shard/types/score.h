// Scores of sorted sets as text: how Redis reads and prints doubles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyway::shard::types {

// What strtod reads, without a blank before it ("inf" and "0x1p3" included). Returns false for
// anything else: not a number, NaN, too large, too small.
bool ParseScore(std::string_view text, double* score);

// As a bound of a range is read: what strtod reads, even nothing (0) or what is too large (inf), up
// to the first zero byte. Returns false when more follows or it is NaN.
bool ParseScoreBound(std::string_view text, double* score);

// With 17 significant digits: "%.17g". Writes to `out`, at least kScoreBytes, and returns the
// length.
inline constexpr size_t kScoreBytes = 40;
size_t FormatScore(double score, char* out);

// Whether a listpack holds the score as an integer: up to 2^62, the sign of -0 is lost.
bool ScoreAsInteger(double score, int64_t* integer);

}  // namespace keyway::shard::types
