#include "shard/persistence/child/private_memory.h"

#include <gtest/gtest.h>

#include <vector>

namespace keyway::shard::persistence {
namespace {

TEST(PrivateMemory, IsReadFromTheRollup) {
  constexpr char kText[] =
      "55d0c1a4f000-7ffd3a5fe000 ---p 00000000 00:00 0                          [rollup]\n"
      "Rss:              123456 kB\n"
      "Shared_Dirty:         17 kB\n"
      "Private_Clean:        99 kB\n"
      "Private_Dirty:      4711 kB\n"
      "Swap:                  0 kB\n";
  EXPECT_EQ(ParsePrivateDirty(kText), 4711u * 1024);
  EXPECT_EQ(ParsePrivateDirty(""), 0u);
  EXPECT_EQ(ParsePrivateDirty("\nPrivate_Dirty:"), 0u);
  EXPECT_EQ(ParsePrivateDirty("\nPrivate_Dirty:   "), 0u);
  EXPECT_EQ(ParsePrivateDirty("\nPrivate_Dirty: x kB"), 0u);
  EXPECT_EQ(ParsePrivateDirty("\nPrivate_Dirty:      99999999999999999999 kB"), 0u);
}

TEST(PrivateMemory, GrowsWithWhatIsWritten) {
  const uint64_t before = PrivateDirtyBytes();
  if (before == 0) GTEST_SKIP() << "no smaps_rollup";
  constexpr size_t kBytes = 64 << 20;
  const std::vector<char> memory(kBytes, 'x');
  EXPECT_GE(PrivateDirtyBytes(), before + kBytes * 9 / 10);
  EXPECT_EQ(memory[kBytes - 1], 'x');
}

}  // namespace
}  // namespace keyway::shard::persistence
