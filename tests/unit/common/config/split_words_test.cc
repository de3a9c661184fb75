#include "common/config/split_words.h"

#include <gtest/gtest.h>

namespace keyway::config {
namespace {

using Words = std::vector<std::string>;

TEST(SplitWords, Blanks) {
  EXPECT_EQ(SplitWords(""), Words{});
  EXPECT_EQ(SplitWords(" \t\r\n\v "), Words{});
  EXPECT_EQ(SplitWords("a  b\tc "), (Words{"a", "b", "c"}));
}

TEST(SplitWords, DoubleQuotes) {
  EXPECT_EQ(SplitWords(R"(a "b c" "")"), (Words{"a", "b c", ""}));
  EXPECT_EQ(SplitWords(R"("\n\r\t\b\a\\\"\q")"), (Words{"\n\r\t\b\a\\\"q"}));
  EXPECT_EQ(SplitWords(R"("\x41\x4g\xZZ")"), (Words{"Ax4gxZZ"}));
  EXPECT_EQ(SplitWords(std::string("\"\\x00\"")), (Words{std::string(1, '\0')}));
  EXPECT_EQ(SplitWords(R"(x="a b")"), (Words{"x=a b"}));
}

TEST(SplitWords, SingleQuotes) {
  EXPECT_EQ(SplitWords(R"('a b' 'it\'s' '\n')"), (Words{"a b", "it's", "\\n"}));
}

TEST(SplitWords, Unbalanced) {
  for (const char* line : {"\"a", "'a", "\"a\"b", "'a'b", "\"\\", "\"a\\\"", "a '"}) {
    EXPECT_EQ(SplitWords(line), std::nullopt) << line;
  }
}

TEST(SplitWords, NulEndsTheLine) {
  EXPECT_EQ(SplitWords(std::string_view("a\0b", 3)), (Words{"a"}));
  EXPECT_EQ(SplitWords(std::string_view("\"a\0b\"", 5)), std::nullopt);
}

TEST(Quote, ComesBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  std::string quoted = Quote(all);
  EXPECT_EQ(SplitWords(quoted), Words{all});
  EXPECT_EQ(Quote("a\"\\\n\x01\xff"), R"("a\"\\\n\x01\xff")");
}

}  // namespace
}  // namespace keyway::config
