#include "proxy/execution/scan_cursor.h"

#include <gtest/gtest.h>

namespace keyway::proxy::execution {
namespace {

topology::Shard MakeShard(uint16_t port, std::vector<SlotRange> slots) {
  topology::Shard shard;
  shard.primary.endpoint = {"127.0.0.1", port};
  shard.slots = std::move(slots);
  return shard;
}

topology::SlotMap ThreeShards() {
  return topology::SlotMap(
      {MakeShard(1, {{0, 5000}}), MakeShard(2, {{5001, 10000}}), MakeShard(3, {{10001, 16383}})}, 1,
      1);
}

TEST(ScanCursorTest, EncodesAllParts) {
  for (const ScanCursor& cursor :
       {ScanCursor{}, ScanCursor{.slot = 16383, .node = 1}, ScanCursor{.slot = 9, .by_slot = true},
        ScanCursor{.slot = 7, .print = 1023, .node = (uint64_t{1} << 34) - 1}}) {
    EXPECT_EQ(DecodeScanCursor(Encode(cursor)), cursor);
  }
  EXPECT_EQ(Encode({}), 0u);
  EXPECT_NE(Encode({.by_slot = true}), 0u);
  EXPECT_LT(Encode({.slot = 16383, .print = 1023, .node = (uint64_t{1} << 27) - 1}),
            uint64_t{1} << 53);
}

TEST(ScanCursorTest, LongCursorsAreCoarse) {
  const uint64_t node = uint64_t{16383} << 34 | 0x3'ffff'ffff;
  const uint64_t encoded = Encode({.slot = 5, .print = 3, .node = node});
  EXPECT_LT(encoded, uint64_t{1} << 53);
  EXPECT_EQ(DecodeScanCursor(encoded),
            (ScanCursor{.slot = 5, .print = 3, .node = node >> 21 << 21}));
}

TEST(ScanCursorTest, ReadsNumbersAsRedisDoes) {
  EXPECT_EQ(ParseScanCursor("0"), 0u);
  EXPECT_EQ(ParseScanCursor(""), 0u);
  EXPECT_EQ(ParseScanCursor("+12"), 12u);
  EXPECT_EQ(ParseScanCursor("007"), 7u);
  EXPECT_EQ(ParseScanCursor("-1"), UINT64_MAX);
  EXPECT_EQ(ParseScanCursor("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(ParseScanCursor(std::string_view("3\0x", 3)), 3u);
  for (const char* text : {" 1", "1 ", "x", "1x", "-", "+", "--1", "18446744073709551616", "0x1"}) {
    EXPECT_EQ(ParseScanCursor(text), std::nullopt) << text;
  }
}

TEST(ScanCursorTest, WalksThePrimariesByTheirLowestSlot) {
  const topology::SlotMap map = ThreeShards();
  EXPECT_EQ(NextPrimary(0, map), Slot{5001});
  EXPECT_EQ(NextPrimary(5001, map), Slot{10001});
  EXPECT_EQ(NextPrimary(10001, map), std::nullopt);
}

}  // namespace
}  // namespace keyway::proxy::execution
