#include "shard/types/bitmap.h"

#include <string>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace keyway::shard::types {
namespace {

std::string RandomBytes(Random& random, size_t length) {
  std::string bytes;
  for (size_t i = 0; i < length; ++i) {
    const uint64_t kind = random.Below(4);
    bytes += static_cast<char>(kind == 0 ? 0 : kind == 1 ? 255 : random.Below(256));
  }
  return bytes;
}

TEST(Bitmap, CountsAndFindsAsBitByBit) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const std::string bytes = RandomBytes(random, 1 + random.Below(100));
    const uint64_t first = random.Below(bytes.size() * 8);
    const uint64_t last = first + random.Below(bytes.size() * 8 - first);
    uint64_t count = 0;
    int64_t found[2] = {-1, -1};
    for (uint64_t bit = first; bit <= last; ++bit) {
      const bool is_set = GetBit(bytes, bit);
      if (is_set) ++count;
      if (found[is_set] < 0) found[is_set] = static_cast<int64_t>(bit);
    }
    EXPECT_EQ(CountBits(bytes, first, last), count);
    EXPECT_EQ(FindBit(bytes, false, first, last), found[0]);
    EXPECT_EQ(FindBit(bytes, true, first, last), found[1]);
    EXPECT_EQ(CountBits(bytes), CountBits(bytes, 0, bytes.size() * 8 - 1));
  }
}

TEST(Bitmap, BitfieldsAnywhere) {
  Random random(2);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = RandomBytes(random, 32);
    const bool is_signed = random.Below(2) == 0;
    const BitfieldType type{is_signed, static_cast<uint8_t>(1 + random.Below(is_signed ? 64 : 63))};
    const uint64_t offset = random.Below(bytes.size() * 8 - type.bits + 1);
    const int64_t value = ReadBitfield(bytes, type, random.Below(128));
    const std::string before = bytes;
    WriteBitfield(bytes.data(), type, offset, value);
    EXPECT_EQ(ReadBitfield(bytes, type, offset), value);
    for (uint64_t bit = 0; bit < bytes.size() * 8; ++bit) {
      if (bit >= offset && bit < offset + type.bits) continue;
      ASSERT_EQ(GetBit(bytes, bit), GetBit(before, bit));
    }
  }
  EXPECT_EQ(ReadBitfield("\xff", {false, 16}, 4), 0xf000);  // zeros behind the end
}

TEST(Bitmap, Overflow) {
  int64_t sum = 0;
  EXPECT_TRUE(AddBitfield({false, 2}, BitfieldOverflow::kWrap, 3, 2, &sum));
  EXPECT_EQ(sum, 1);
  EXPECT_TRUE(AddBitfield({false, 2}, BitfieldOverflow::kSaturate, 3, 2, &sum));
  EXPECT_EQ(sum, 3);
  EXPECT_TRUE(AddBitfield({false, 2}, BitfieldOverflow::kSaturate, 3, -9, &sum));
  EXPECT_EQ(sum, 0);
  EXPECT_FALSE(AddBitfield({false, 2}, BitfieldOverflow::kFail, 3, 1, &sum));
  EXPECT_TRUE(AddBitfield({true, 64}, BitfieldOverflow::kWrap, INT64_MAX, 1, &sum));
  EXPECT_EQ(sum, INT64_MIN);
  EXPECT_TRUE(AddBitfield({true, 64}, BitfieldOverflow::kSaturate, INT64_MIN, -1, &sum));
  EXPECT_EQ(sum, INT64_MIN);
  EXPECT_TRUE(AddBitfield({true, 8}, BitfieldOverflow::kWrap, 127, 2, &sum));
  EXPECT_EQ(sum, -127);
}

}  // namespace
}  // namespace keyway::shard::types
