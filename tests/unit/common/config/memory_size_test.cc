#include "common/config/memory_size.h"

#include <limits>

#include <gtest/gtest.h>

namespace keyway::config {
namespace {

TEST(ParseMemory, Units) {
  EXPECT_EQ(ParseMemory("0"), 0u);
  EXPECT_EQ(ParseMemory("12"), 12u);
  EXPECT_EQ(ParseMemory("12B"), 12u);
  EXPECT_EQ(ParseMemory("1k"), 1000u);
  EXPECT_EQ(ParseMemory("1kB"), 1024u);
  EXPECT_EQ(ParseMemory("3m"), 3000000u);
  EXPECT_EQ(ParseMemory("3MB"), 3u << 20);
  EXPECT_EQ(ParseMemory("2g"), 2000000000u);
  EXPECT_EQ(ParseMemory("4gb"), uint64_t{4} << 30);
  EXPECT_EQ(ParseMemory("007"), 7u);
  EXPECT_EQ(ParseMemory("mb"), 0u);
  EXPECT_EQ(ParseMemory(""), 0u);
}

TEST(ParseMemory, Refused) {
  for (const char* text : {"-1", "+1", "1 kb", " 1", "1.5mb", "1t", "1kbx", "0x10", "10%", "abc"}) {
    EXPECT_EQ(ParseMemory(text), std::nullopt) << text;
  }
}

TEST(ParseMemory, TooMuchIsTheMost) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(ParseMemory("18446744073709551615"), kMost);
  EXPECT_EQ(ParseMemory("18446744073709551616"), kMost);
  EXPECT_EQ(ParseMemory("99999999999999999999999999gb"), kMost);
  EXPECT_EQ(ParseMemory("18014398509481985kb"), kMost);
}

TEST(FormatMemory, LargestUnitThatDivides) {
  EXPECT_EQ(FormatMemory(0), "0");
  EXPECT_EQ(FormatMemory(1000), "1000");
  EXPECT_EQ(FormatMemory(1024), "1kb");
  EXPECT_EQ(FormatMemory(1025), "1025");
  EXPECT_EQ(FormatMemory(3u << 20), "3mb");
  EXPECT_EQ(FormatMemory(uint64_t{5} << 30), "5gb");
  EXPECT_EQ(FormatMemory((uint64_t{1} << 30) + 1024), "1048577kb");
}

}  // namespace
}  // namespace keyway::config
