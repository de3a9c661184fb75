#include "shard/types/long_double.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

namespace keyway::shard::types {
namespace {

TEST(LongDoubleTest, Reads) {
  long double value = 0;
  for (const char* good : {"0", "-0", "1.5", ".5", "5.", "3.0e3", "0x1p3", "inf", "-inf",
                           "infinity", "1e4932", "+1", "123456789012345678901234567890"}) {
    EXPECT_TRUE(ParseLongDouble(good, &value)) << good;
  }
  EXPECT_TRUE(ParseLongDouble("3.0e3", &value));
  EXPECT_EQ(value, 3000);
}

TEST(LongDoubleTest, Refuses) {
  long double value = 0;
  for (const char* bad : {"", " 1", "1 ", "abc", "1x", "nan", "-nan", "1e5000", "-1e5000",
                          "1e-6000", ".", "-", "0x", "1 2"}) {
    EXPECT_FALSE(ParseLongDouble(bad, &value)) << bad;
  }
  EXPECT_FALSE(ParseLongDouble(std::string("1\0", 2), &value));
  EXPECT_FALSE(ParseLongDouble(std::string(5 * 1024, '1'), &value));
}

TEST(LongDoubleTest, Prints) {
  EXPECT_EQ(FormatLongDouble(0), "0");
  EXPECT_EQ(FormatLongDouble(-0.0L), "0");
  EXPECT_EQ(FormatLongDouble(-1e-30L), "0");
  EXPECT_EQ(FormatLongDouble(100), "100");
  EXPECT_EQ(FormatLongDouble(-2.5L), "-2.5");
  EXPECT_EQ(FormatLongDouble(3000.1L), "3000.10000000000000009");
  EXPECT_EQ(FormatLongDouble(1e20L), "100000000000000000000");
  EXPECT_EQ(FormatLongDouble(0.1L + 0.2L), "0.3");
  EXPECT_EQ(FormatLongDouble(INFINITY), "inf");
  EXPECT_EQ(FormatLongDouble(-INFINITY), "-inf");
  EXPECT_EQ(FormatLongDouble(1e4932L).size(), 4933u);
}

}  // namespace
}  // namespace keyway::shard::types
