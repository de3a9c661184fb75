#include "shard/types/partial_sort.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace keyway::shard::types {
namespace {

int Compare(int a, int b) {
  return (a > b) - (a < b);
}

TEST(PartialSort, TheRangeIsInItsPlace) {
  std::mt19937 engine(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<int> numbers(1 + engine() % 200);
    const unsigned distinct = 1 + engine() % 300;
    for (int& number : numbers) number = static_cast<int>(engine() % distinct);
    std::vector<int> sorted = numbers;
    std::sort(sorted.begin(), sorted.end());
    const size_t first = engine() % numbers.size();
    const size_t last = first + engine() % (numbers.size() - first);
    PartialSort(std::span(numbers), first, last, Compare).Run();
    for (size_t i = first; i <= last; ++i) ASSERT_EQ(numbers[i], sorted[i]);
    // Nothing is lost, and what lies outside is on the right side.
    for (size_t i = 0; i < first; ++i) ASSERT_LE(numbers[i], sorted[first]);
    for (size_t i = last; i < numbers.size(); ++i) ASSERT_GE(numbers[i], sorted[last]);
    std::sort(numbers.begin(), numbers.end());
    ASSERT_EQ(numbers, sorted);
  }
}

// McIlroy's adversary: decides what the elements are while they are compared, so that every pivot
// is a bad one.
TEST(PartialSort, StaysFastWhateverItIsGiven) {
  constexpr int kCount = 20000;
  constexpr int kGas = kCount;
  std::vector<int> value(kCount, kGas);
  std::vector<int> items(kCount);
  for (int i = 0; i < kCount; ++i) items[static_cast<size_t>(i)] = i;
  int solid = 0;
  int candidate = 0;
  size_t comparisons = 0;
  const auto compare = [&](int a, int b) {
    ++comparisons;
    int& of_a = value[static_cast<size_t>(a)];
    int& of_b = value[static_cast<size_t>(b)];
    if (of_a == kGas && of_b == kGas) (a == candidate ? of_a : of_b) = solid++;
    if (of_a == kGas) {
      candidate = a;
    } else if (of_b == kGas) {
      candidate = b;
    }
    return Compare(of_a, of_b);
  };
  PartialSort(std::span(items), 0, kCount - 1, compare).Run();
  EXPECT_LT(comparisons, size_t{kCount} * 200);
}

}  // namespace
}  // namespace keyway::shard::types
