#include "shard/types/lcs.h"

#include <algorithm>
#include <cstdint>

namespace keyway::shard::types {
namespace {

// Lengths of the longest common subsequences of the first i bytes of one string and the first j of
// the other.
class Lengths {
 public:
  Lengths(std::string_view a, std::string_view b)
      : width_(b.size() + 1), cells_((a.size() + 1) * width_, 0) {
    for (size_t i = 1; i <= a.size(); ++i) {
      const uint32_t* above = &cells_[(i - 1) * width_];
      uint32_t* row = &cells_[i * width_];
      for (size_t j = 1; j <= b.size(); ++j) {
        row[j] = a[i - 1] == b[j - 1] ? above[j - 1] + 1 : std::max(above[j], row[j - 1]);
      }
    }
  }

  uint32_t at(size_t i, size_t j) const { return cells_[i * width_ + j]; }

 private:
  size_t width_;
  std::vector<uint32_t> cells_;
};

}  // namespace

std::optional<Lcs> LongestCommonSubsequence(std::string_view a, std::string_view b,
                                            size_t max_bytes) {
  const size_t max_cells = max_bytes / sizeof(uint32_t);
  if (a.size() + 1 > max_cells / (b.size() + 1)) return std::nullopt;
  const Lengths lengths(a, b);
  Lcs lcs;
  size_t i = a.size();
  size_t j = b.size();
  lcs.length = lengths.at(i, j);
  lcs.text.resize(lcs.length);
  bool in_match = false;
  for (size_t rest = lcs.length; rest > 0;) {
    if (a[i - 1] == b[j - 1]) {
      --i;
      --j;
      lcs.text[--rest] = a[i];
      if (!in_match) lcs.matches.push_back({i, i, j, j});
      in_match = true;
      lcs.matches.back().first_in_a = i;
      lcs.matches.back().first_in_b = j;
    } else {
      in_match = false;
      // What Redis prefers when both ways are as long.
      if (lengths.at(i - 1, j) > lengths.at(i, j - 1)) {
        --i;
      } else {
        --j;
      }
    }
  }
  return lcs;
}

}  // namespace keyway::shard::types
