#include "common/base/allocated_bytes.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace keyway {
namespace {

constexpr uint64_t kMuch = 4 << 20;
constexpr uint64_t kTolerance = 1 << 20;

TEST(AllocatedBytes, FollowsAllocations) {
  const uint64_t before = AllocatedBytes();
  auto block = std::make_unique<std::vector<char>>(kMuch);
  EXPECT_GE(AllocatedBytes(), before + kMuch);
  EXPECT_LE(AllocatedBytes(), before + kMuch + kTolerance);
  block.reset();
  EXPECT_LE(AllocatedBytes(), before + kTolerance);
}

TEST(AllocatedBytes, ThreadsThatCountMayFreeForOthers) {
  const uint64_t before = AllocatedBytes();
  for (int i = 0; i < 100; ++i) {
    auto block = std::make_unique<std::vector<char>>(kMuch);
    std::thread([&block] {
      CountAllocationsOfThisThread();
      block.reset();
    }).join();
  }
  EXPECT_LE(AllocatedBytes(), before + kTolerance);
}

TEST(AllocatedBytes, WhatAThreadLeavesBehindCounts) {
  const uint64_t before = AllocatedBytes();
  std::unique_ptr<std::vector<char>> block;
  std::thread([&block] {
    CountAllocationsOfThisThread();
    block = std::make_unique<std::vector<char>>(kMuch);
  }).join();
  EXPECT_GE(AllocatedBytes(), before + kMuch);
}

}  // namespace
}  // namespace keyway
