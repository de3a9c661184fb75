#include "shard/types/lcs.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace keyway::shard::types {
namespace {

constexpr size_t kEnough = 1 << 20;

bool IsSubsequence(std::string_view part, std::string_view text) {
  size_t at = 0;
  for (char c : part) {
    at = text.find(c, at);
    if (at == std::string_view::npos) return false;
    ++at;
  }
  return true;
}

// By trying all subsequences of `a`.
size_t LongestByForce(const std::string& a, const std::string& b) {
  size_t longest = 0;
  for (unsigned mask = 0; mask < (1u << a.size()); ++mask) {
    std::string part;
    for (size_t i = 0; i < a.size(); ++i) {
      if ((mask >> i & 1) != 0) part += a[i];
    }
    if (IsSubsequence(part, b)) longest = std::max(longest, part.size());
  }
  return longest;
}

TEST(LcsTest, TheExampleOfTheDocumentation) {
  const auto lcs = LongestCommonSubsequence("ohmytext", "mynewtext", kEnough);
  ASSERT_TRUE(lcs.has_value());
  EXPECT_EQ(lcs->length, 6u);
  EXPECT_EQ(lcs->text, "mytext");
  ASSERT_EQ(lcs->matches.size(), 2u);
  EXPECT_EQ(lcs->matches[0].first_in_a, 4u);
  EXPECT_EQ(lcs->matches[0].last_in_a, 7u);
  EXPECT_EQ(lcs->matches[0].first_in_b, 5u);
  EXPECT_EQ(lcs->matches[0].last_in_b, 8u);
  EXPECT_EQ(lcs->matches[0].length(), 4u);
  EXPECT_EQ(lcs->matches[1].first_in_a, 2u);
  EXPECT_EQ(lcs->matches[1].last_in_b, 1u);
}

TEST(LcsTest, EmptyStrings) {
  EXPECT_EQ(LongestCommonSubsequence("", "", kEnough)->length, 0u);
  EXPECT_EQ(LongestCommonSubsequence("abc", "", kEnough)->text, "");
  EXPECT_TRUE(LongestCommonSubsequence("", "abc", kEnough)->matches.empty());
}

TEST(LcsTest, MemoryIsBounded) {
  // (9 + 1) * (9 + 1) cells of 4 bytes.
  EXPECT_TRUE(LongestCommonSubsequence("123456789", "123456789", 400).has_value());
  EXPECT_FALSE(LongestCommonSubsequence("123456789", "123456789", 399).has_value());
  EXPECT_FALSE(LongestCommonSubsequence("", "", 0).has_value());
}

TEST(LcsTest, RandomStrings) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    std::string a;
    std::string b;
    for (uint64_t i = random.Below(10); i > 0; --i) a += static_cast<char>('a' + random.Below(3));
    for (uint64_t i = random.Below(12); i > 0; --i) b += static_cast<char>('a' + random.Below(3));
    const auto lcs = LongestCommonSubsequence(a, b, kEnough);
    ASSERT_EQ(lcs->length, LongestByForce(a, b)) << a << " " << b;
    ASSERT_EQ(lcs->text.size(), lcs->length);
    EXPECT_TRUE(IsSubsequence(lcs->text, a));
    EXPECT_TRUE(IsSubsequence(lcs->text, b));
    std::string from_matches;
    for (const LcsMatch& match : lcs->matches) {
      EXPECT_EQ(a.substr(match.first_in_a, match.length()),
                b.substr(match.first_in_b, match.last_in_b - match.first_in_b + 1));
      from_matches.insert(0, a.substr(match.first_in_a, match.length()));
    }
    EXPECT_EQ(from_matches, lcs->text);
  }
}

}  // namespace
}  // namespace keyway::shard::types
