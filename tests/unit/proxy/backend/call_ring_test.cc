#include "proxy/backend/call_ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "common/base/random.h"

namespace keyway::proxy::backend {
namespace {

TEST(CallRingTest, BehavesAsAQueueThatCanBeIndexed) {
  Random random(3);
  CallRing<std::string> ring;
  std::deque<std::string> expected;
  uint64_t next = 0;
  for (int i = 0; i < 50'000; ++i) {
    // Grows for a while, then shrinks to nothing, again and again.
    const bool growing = (i / 5000) % 2 == 0;
    if (expected.empty() || random.Below(10) < (growing ? 7u : 2u)) {
      const std::string value = "entry number " + std::to_string(i);
      EXPECT_EQ(ring.Push(value), next++);
      expected.push_back(value);
    } else {
      ASSERT_EQ(ring.front(), expected.front());
      ASSERT_EQ(ring.Pop(), expected.front());
      expected.pop_front();
    }
    ASSERT_EQ(ring.size(), expected.size());
    ASSERT_EQ(ring.empty(), expected.empty());
    ASSERT_EQ(ring.end(), next);
    if (!expected.empty()) {
      const size_t at = random.Below(expected.size());
      ASSERT_EQ(ring.At(ring.first() + at), expected[at]);
    }
  }
}

TEST(CallRingTest, SequenceNumbersGoOnAfterALargeRingWasGivenBack) {
  CallRing<int> ring;
  for (int i = 0; i < 10'000; ++i) ring.Push(i);
  while (!ring.empty()) ring.Pop();
  EXPECT_EQ(ring.Push(1), 10'000u);
  EXPECT_EQ(ring.At(10'000), 1);
}

}  // namespace
}  // namespace keyway::proxy::backend
