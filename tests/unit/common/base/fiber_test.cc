#include "common/base/fiber.h"

#include <csetjmp>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace keyway {
namespace {

constexpr size_t kStackBytes = 256 * 1024;

TEST(FiberTest, RunsToTheEnd) {
  Fiber fiber(kStackBytes);
  int runs = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(fiber.Run([&] {
      EXPECT_TRUE(fiber.inside());
      ++runs;
    }));
    EXPECT_FALSE(fiber.inside());
    EXPECT_FALSE(fiber.suspended());
  }
  EXPECT_EQ(runs, 3);
}

TEST(FiberTest, GoesOnWhereItStoodAside) {
  Fiber fiber(kStackBytes);
  std::vector<std::string> seen;
  EXPECT_FALSE(fiber.Run([&] {
    for (int i = 0; i < 3; ++i) {
      seen.push_back("inside " + std::to_string(i));
      fiber.Suspend();
    }
  }));
  EXPECT_TRUE(fiber.suspended());
  seen.push_back("outside");
  EXPECT_FALSE(fiber.Resume());
  EXPECT_FALSE(fiber.Resume());
  EXPECT_TRUE(fiber.Resume());
  EXPECT_FALSE(fiber.suspended());
  EXPECT_EQ(seen, (std::vector<std::string>{"inside 0", "outside", "inside 1", "inside 2"}));
}

TEST(FiberTest, DropsWhatTheBodyOwned) {
  Fiber fiber(kStackBytes);
  auto owned = std::make_shared<int>(1);
  EXPECT_TRUE(fiber.Run([owned] {}));
  EXPECT_EQ(owned.use_count(), 1);
}

int Deep(int depth) {
  volatile char filler[256];
  filler[0] = static_cast<char>(depth);
  return depth == 0 ? filler[0] : Deep(depth - 1) + (filler[0] != 0 ? 1 : 0);
}

TEST(FiberTest, HasAStackOfItsOwn) {
  Fiber fiber(8 * 1024 * 1024);
  int depth = 0;
  EXPECT_TRUE(fiber.Run([&] { depth = Deep(5000); }));
  EXPECT_GT(depth, 0);
}

// As Lua's errors do.
TEST(FiberTest, JumpsWithinItsStack) {
  Fiber fiber(kStackBytes);
  bool jumped = false;
  EXPECT_FALSE(fiber.Run([&] {
    std::jmp_buf place;
    if (setjmp(place) == 0) {
      fiber.Suspend();
      std::longjmp(place, 1);
    }
    jumped = true;
  }));
  EXPECT_TRUE(fiber.Resume());
  EXPECT_TRUE(jumped);
}

}  // namespace
}  // namespace keyway
