#include "common/base/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace keyway {
namespace {

// Every expectation was observed on redis-server 7.0.15 (KEYS).
TEST(GlobMatchTest, MatchesWhatRedisMatches) {
  EXPECT_TRUE(GlobMatch("", ""));
  EXPECT_TRUE(GlobMatch("*", ""));
  EXPECT_FALSE(GlobMatch("**", ""));
  EXPECT_FALSE(GlobMatch("", "a"));
  EXPECT_FALSE(GlobMatch("?", ""));
  EXPECT_FALSE(GlobMatch("[^a]", ""));

  EXPECT_TRUE(GlobMatch("key", "key"));
  EXPECT_FALSE(GlobMatch("key", "ke"));
  EXPECT_FALSE(GlobMatch("ke", "key"));
  EXPECT_TRUE(GlobMatch("k?y", "key"));
  EXPECT_TRUE(GlobMatch("k*", "k"));
  EXPECT_TRUE(GlobMatch("k***", "k"));
  EXPECT_TRUE(GlobMatch("*e*y", "keyey"));
  EXPECT_FALSE(GlobMatch("*e*y", "keye"));
  EXPECT_TRUE(GlobMatch("a*b*c", "a-b-b-c-c"));
  EXPECT_TRUE(GlobMatch(std::string_view("a\0*", 3), std::string_view("a\0b", 3)));
}

TEST(GlobMatchTest, Classes) {
  EXPECT_TRUE(GlobMatch("[abc]", "b"));
  EXPECT_FALSE(GlobMatch("[abc]", "d"));
  EXPECT_TRUE(GlobMatch("[a-c]x", "bx"));
  EXPECT_TRUE(GlobMatch("[c-a]x", "bx"));
  EXPECT_TRUE(GlobMatch("[^a-c]", "d"));
  EXPECT_FALSE(GlobMatch("[^a-c]", "a"));
  EXPECT_TRUE(GlobMatch("[\\]]", "]"));
  EXPECT_TRUE(GlobMatch("[\\-a]", "-"));
  EXPECT_FALSE(GlobMatch("[]", "]"));
  EXPECT_TRUE(GlobMatch("[^]", "x"));
  // Not closed: the class ends with the pattern.
  EXPECT_TRUE(GlobMatch("[ab", "b"));
  EXPECT_FALSE(GlobMatch("[", "["));
  EXPECT_TRUE(GlobMatch("[a-", "-"));
  // The end of a range may be the bracket; then nothing closes the class.
  EXPECT_TRUE(GlobMatch("[Z-]", "]"));
  EXPECT_FALSE(GlobMatch("[Z-]", "-"));
}

TEST(GlobMatchTest, Escapes) {
  EXPECT_TRUE(GlobMatch("\\*", "*"));
  EXPECT_FALSE(GlobMatch("\\*", "a"));
  EXPECT_TRUE(GlobMatch("\\a", "a"));
  EXPECT_TRUE(GlobMatch("a\\", "a\\"));
}

TEST(GlobMatchTest, IgnoresCaseOnDemand) {
  EXPECT_FALSE(GlobMatch("KEY", "key"));
  EXPECT_TRUE(GlobMatch("KEY", "key", true));
  EXPECT_TRUE(GlobMatch("key", "KEY", true));
  EXPECT_TRUE(GlobMatch("[A-C]*", "bx", true));
  EXPECT_TRUE(GlobMatch("\\K*", "key", true));
  EXPECT_FALSE(GlobMatch("[\\K]*", "key", true));
  EXPECT_FALSE(GlobMatch("\xc4", "\xe4", true));
}

TEST(GlobMatchTest, TheEmptyChannelMatchesTheEmptyPatternAlone) {
  EXPECT_TRUE(GlobMatch("*", ""));
  EXPECT_FALSE(ChannelMatches("*", ""));
  EXPECT_FALSE(ChannelMatches("?", ""));
  EXPECT_TRUE(ChannelMatches("", ""));
  EXPECT_FALSE(ChannelMatches("", "a"));
  EXPECT_TRUE(ChannelMatches("*", "a"));
}

TEST(GlobMatchTest, ManyStarsTakeNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 2000; ++i) pattern += "a*";
  pattern += "b";
  EXPECT_FALSE(GlobMatch(pattern, std::string(20000, 'a')));
}

}  // namespace
}  // namespace keyway
