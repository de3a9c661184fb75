#include "common/slot/slot.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/random.h"

namespace keyway {
namespace {

TEST(Crc16Test, ReferenceValues) {
  EXPECT_EQ(Crc16(""), 0);
  EXPECT_EQ(Crc16("123456789"), 0x31c3);  // the check value of CRC-16/XMODEM
}

// The values are what CLUSTER KEYSLOT of redis-server 7.0.15 answers.
TEST(KeySlotTest, AgreesWithRedis) {
  EXPECT_EQ(KeySlot(""), 0);
  EXPECT_EQ(KeySlot("foo"), 12182);
  EXPECT_EQ(KeySlot("bar"), 5061);
  EXPECT_EQ(KeySlot("hello"), 866);
  EXPECT_EQ(KeySlot(std::string_view("\0\xff\r\n", 4)), 6261);
  EXPECT_EQ(KeySlot("{user1000}.following"), KeySlot("user1000"));
}

TEST(HashedPartTest, Tags) {
  EXPECT_EQ(HashedPart("plain"), "plain");
  EXPECT_EQ(HashedPart("{user1000}.following"), "user1000");
  EXPECT_EQ(HashedPart("foo{}{bar}"), "foo{}{bar}");
  EXPECT_EQ(HashedPart("foo{{bar}}zap"), "{bar");
  EXPECT_EQ(HashedPart("foo{bar}{zap}"), "bar");
  EXPECT_EQ(HashedPart("{"), "{");
  EXPECT_EQ(HashedPart("}a{"), "}a{");
  EXPECT_EQ(HashedPart("a}b{c}"), "c");
  EXPECT_EQ(HashedPart("a{b"), "a{b");
  EXPECT_EQ(HashedPart("{}"), "{}");
}

TEST(SlotRangeTest, Parse) {
  ASSERT_TRUE(ParseSlotRange("5").ok());
  EXPECT_EQ(*ParseSlotRange("5"), (SlotRange{5, 5}));
  EXPECT_EQ(*ParseSlotRange("0-16383"), (SlotRange{0, 16383}));
  EXPECT_EQ(*ParseSlotRange("7-7"), (SlotRange{7, 7}));
  for (const char* wrong : {"", "-", "-5", "5-", "6-5", "16384", "0-16384", "70000", "65536", "a",
                            "5a", "5-6-7", " 5", "+5", "5 -6", "[5->-id]"}) {
    EXPECT_FALSE(ParseSlotRange(wrong).ok()) << wrong;
  }
}

TEST(SlotRangeTest, Print) {
  EXPECT_EQ(ToString({5, 5}), "5");
  EXPECT_EQ(ToString({5, 10}), "5-10");
  EXPECT_EQ((SlotRange{5, 10}.size()), 6);
}

TEST(SlotRangeTest, RangesOfSets) {
  SlotSet slots;
  EXPECT_TRUE(ToRanges(slots).empty());
  slots.set();
  EXPECT_EQ(ToRanges(slots), (std::vector<SlotRange>{{0, 16383}}));
  slots.reset(1);
  slots.reset(16383);
  EXPECT_EQ(ToRanges(slots), (std::vector<SlotRange>{{0, 0}, {2, 16382}}));
}

TEST(SlotRangeTest, RandomSetsSurviveTheWayThroughText) {
  Random random(7);
  for (int round = 0; round < 20; ++round) {
    SlotSet slots;
    for (int i = 0; i < 500; ++i) {
      const auto first = random.Below(kSlotCount);
      for (uint64_t slot = first; slot < first + random.Below(40) && slot < kSlotCount; ++slot) {
        slots.set(slot);
      }
    }
    SlotSet again;
    for (const SlotRange& range : ToRanges(slots)) {
      const auto parsed = ParseSlotRange(ToString(range));
      ASSERT_TRUE(parsed.ok());
      for (int slot = parsed->first; slot <= parsed->last; ++slot) again.set(slot);
    }
    EXPECT_EQ(slots, again);
  }
}

}  // namespace
}  // namespace keyway
