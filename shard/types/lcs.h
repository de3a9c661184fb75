// The longest common subsequence of two strings, for LCS.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyway::shard::types {

// A run of bytes that both strings have: the first and the last of them in each.
struct LcsMatch {
  size_t first_in_a;
  size_t last_in_a;
  size_t first_in_b;
  size_t last_in_b;

  size_t length() const { return last_in_a - first_in_a + 1; }
};

struct Lcs {
  size_t length = 0;
  std::string text;
  std::vector<LcsMatch> matches;  // from the ends of the strings to their beginnings
};

// Of all subsequences of the greatest length, the one that Redis finds. Takes time and memory
// (4 bytes) for each pair of bytes; nullopt if that would be more than `max_bytes`. Each string is
// shorter than 2^32 - 2.
std::optional<Lcs> LongestCommonSubsequence(std::string_view a, std::string_view b,
                                            size_t max_bytes);

}  // namespace keyway::shard::types
