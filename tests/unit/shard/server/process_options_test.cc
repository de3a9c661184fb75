#include "shard/server/process_options.h"

#include <gtest/gtest.h>

#include <vector>

namespace keyway::shard {
namespace {

using Cpus = std::vector<int>;

TEST(ParseCpuList, TakesWhatTasksetTakes) {
  EXPECT_EQ(ParseCpuList(""), Cpus());
  EXPECT_EQ(ParseCpuList("0"), Cpus({0}));
  EXPECT_EQ(ParseCpuList("0,2, 5"), Cpus({0, 2, 5}));
  EXPECT_EQ(ParseCpuList("1-3,7"), Cpus({1, 2, 3, 7}));
  EXPECT_EQ(ParseCpuList("0-7:2"), Cpus({0, 2, 4, 6}));
  EXPECT_EQ(ParseCpuList("0-7:0").size(), 8u);
}

TEST(ParseCpuList, LeavesOutWhatMakesNoSense) {
  EXPECT_EQ(ParseCpuList("x,1,-3,2-,4-x,99999999999,5"), Cpus({1, 5}));
  EXPECT_EQ(ParseCpuList("2000"), Cpus());
  EXPECT_EQ(ParseCpuList("1020-2000000000").size(), 4u);
  EXPECT_EQ(ParseCpuList("0-5:2147483647"), Cpus({0}));
}

}  // namespace
}  // namespace keyway::shard
