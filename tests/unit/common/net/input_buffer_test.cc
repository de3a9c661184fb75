#include "common/net/input_buffer.h"

#include <string>

#include <gtest/gtest.h>

namespace keyway::net {
namespace {

TEST(InputBuffer, HoldsNoMemoryWhileEmpty) {
  InputBuffer buffer;
  EXPECT_EQ(0u, buffer.memory());
  ASSERT_TRUE(buffer.Append("abc"));
  EXPECT_EQ("abc", buffer.view());
  EXPECT_GE(buffer.memory(), 3u);
  buffer.Consume(3);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(0u, buffer.memory());
  ASSERT_TRUE(buffer.Append(""));
  EXPECT_EQ(0u, buffer.memory());
}

TEST(InputBuffer, KeepsOrderThroughGrowthAndConsumption) {
  InputBuffer buffer;
  std::string expected;
  uint32_t seed = 7;
  size_t next = 0;
  for (int step = 0; step < 20'000; ++step) {
    seed = seed * 1664525 + 1013904223;
    const size_t size = (seed >> 16) % 300;
    std::string piece;
    for (size_t i = 0; i < size; ++i) piece.push_back(static_cast<char>('a' + next++ % 26));
    if ((seed & 1) != 0) {
      ASSERT_TRUE(buffer.Append(piece));
    } else {
      char* room = buffer.Reserve(size + 1);
      ASSERT_NE(nullptr, room);
      ASSERT_GE(buffer.room(), size + 1);
      piece.copy(room, size);
      buffer.Commit(size);
    }
    expected += piece;
    const size_t drop = (seed >> 8) % (expected.size() + 1);
    if ((seed & 2) != 0) {
      buffer.Consume(drop);
      expected.erase(0, drop);
    }
    ASSERT_EQ(expected, buffer.view());
  }
}

TEST(InputBuffer, GrowsGeometrically) {
  InputBuffer buffer;
  size_t moves = 0;
  const char* before = nullptr;
  const std::string piece(16 * 1024, 'x');
  for (size_t total = 0; total < 64u * 1024 * 1024; total += piece.size()) {
    ASSERT_TRUE(buffer.Append(piece));
    if (buffer.view().data() != before) ++moves;
    before = buffer.view().data();
  }
  EXPECT_LT(moves, 30u);
}

TEST(InputBuffer, GivesBackTheMemoryOfABigRequest) {
  InputBuffer buffer;
  ASSERT_TRUE(buffer.Append(std::string(8 * 1024 * 1024, 'x') + "rest"));
  buffer.Consume(8 * 1024 * 1024);
  EXPECT_EQ("rest", buffer.view());
  EXPECT_LT(buffer.memory(), 64u * 1024);
}

}  // namespace
}  // namespace keyway::net
