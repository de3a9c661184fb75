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

TEST(ScanCursorTest, EncodesBothParts) {
  for (const ScanCursor& cursor :
       {ScanCursor{0, 0}, ScanCursor{16383, 1}, ScanCursor{7, ScanCursor::kMaxNode}}) {
    EXPECT_EQ(DecodeScanCursor(Encode(cursor)), cursor);
  }
  EXPECT_EQ(Encode({5001, 0}), 5001u);
  EXPECT_EQ(Encode({0, 1}), 16384u);
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
  EXPECT_EQ(Locate({0, 0}, map), (ScanCursor{0, 0}));
  EXPECT_EQ(Locate({5001, 9}, map), (ScanCursor{5001, 9}));
  EXPECT_EQ(NextPrimary({0, 0}, map), (ScanCursor{5001, 0}));
  EXPECT_EQ(NextPrimary({5001, 0}, map), (ScanCursor{10001, 0}));
  EXPECT_EQ(NextPrimary({10001, 0}, map), std::nullopt);
}

TEST(ScanCursorTest, StartsAPrimaryAnewWhenItsLowestSlotHasChanged) {
  const topology::SlotMap map = ThreeShards();
  EXPECT_EQ(Locate({6000, 77}, map), (ScanCursor{5001, 0}));
  EXPECT_EQ(Locate({16383, 77}, map), (ScanCursor{10001, 0}));
}

}  // namespace
}  // namespace keyway::proxy::execution
