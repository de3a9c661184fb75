// Quicksort after Bentley and McIlroy, "Engineering a Sort Function" (Software - Practice and
// Experience 23, 1993), that sorts only the parts which a given range touches.
//
// Redis sorts so when SORT has BY and LIMIT. The order of equal elements is that of this very
// algorithm, so pivots are chosen and elements exchanged as the paper says.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>
#include <utility>

namespace keyway::shard::types {

// `compare(a, b)` is negative, 0 or positive. Puts into their place the elements from `first` to
// `last`, both included; the others lie before or behind them in any order. Equal elements are in
// no particular order.
template <typename T, typename Compare>
class PartialSort {
 public:
  PartialSort(std::span<T> items, size_t first, size_t last, Compare compare)
      : items_(items), first_(first), last_(last), compare_(std::move(compare)) {}

  // Not more than n log n, whatever the elements are: what the pivots do not divide goes elsewhere.
  void Run() { Sort(0, items_.size(), 4 * static_cast<size_t>(std::bit_width(items_.size()))); }

 private:
  static constexpr size_t kInsertionSort = 7;
  static constexpr size_t kNinther = 40;

  int Compare2(size_t a, size_t b) { return compare_(items_[a], items_[b]); }
  void Exchange(size_t a, size_t b) { std::swap(items_[a], items_[b]); }
  void ExchangeRanges(size_t a, size_t b, size_t count) {
    for (size_t i = 0; i < count; ++i) Exchange(a + i, b + i);
  }
  bool Touches(size_t begin, size_t count) const {
    return count > 1 && first_ < begin + count && last_ >= begin;
  }

  size_t MedianOf(size_t a, size_t b, size_t c) {
    if (Compare2(a, b) < 0) {
      if (Compare2(b, c) < 0) return b;
      return Compare2(a, c) < 0 ? c : a;
    }
    if (Compare2(b, c) > 0) return b;
    return Compare2(a, c) < 0 ? a : c;
  }

  size_t Pivot(size_t begin, size_t count) {
    size_t middle = begin + count / 2;
    if (count == kInsertionSort) return middle;
    size_t low = begin;
    size_t high = begin + count - 1;
    if (count > kNinther) {
      const size_t step = count / 8;
      low = MedianOf(low, low + step, low + 2 * step);
      middle = MedianOf(middle - step, middle, middle + step);
      high = MedianOf(high - 2 * step, high - step, high);
    }
    return MedianOf(low, middle, high);
  }

  void InsertionSort(size_t begin, size_t count) {
    for (size_t i = begin + 1; i < begin + count; ++i) {
      for (size_t j = i; j > begin && Compare2(j - 1, j) > 0; --j) Exchange(j, j - 1);
    }
  }

  // Puts what is less than the pivot at the front, what is greater at the end; returns how many.
  std::pair<size_t, size_t> Divide(size_t begin, size_t count) {
    Exchange(begin, Pivot(begin, count));
    // Equal ones gather at both ends, [begin, left_equal) and (right_equal, end), until the rest is
    // divided.
    size_t left_equal = begin + 1;
    size_t left = begin + 1;
    size_t right = begin + count;  // one behind
    size_t right_equal = right;
    while (true) {
      for (; left < right; ++left) {
        const int order = Compare2(left, begin);
        if (order > 0) break;
        if (order == 0) Exchange(left_equal++, left);
      }
      for (; left < right; --right) {
        const int order = Compare2(right - 1, begin);
        if (order < 0) break;
        if (order == 0) Exchange(right - 1, --right_equal);
      }
      if (left == right) break;
      Exchange(left++, --right);
    }
    const size_t end = begin + count;
    const size_t less = left - left_equal;
    const size_t greater = right_equal - right;
    const size_t move_left = std::min(left_equal - begin, less);
    ExchangeRanges(begin, left - move_left, move_left);
    const size_t move_right = std::min(greater, end - right_equal);
    ExchangeRanges(left, end - move_right, move_right);
    return {less, greater};
  }

  void Sort(size_t begin, size_t count, size_t depth) {
    while (true) {
      if (count < kInsertionSort) return InsertionSort(begin, count);
      if (depth-- == 0) {
        const auto part = items_.subspan(begin, count);
        std::stable_sort(part.begin(), part.end(),
                         [this](const T& a, const T& b) { return compare_(a, b) < 0; });
        return;
      }
      const auto [less, greater] = Divide(begin, count);
      if (Touches(begin, less)) Sort(begin, less, depth);
      begin += count - greater;
      count = greater;
      if (!Touches(begin, count)) return;
    }
  }

  std::span<T> items_;
  size_t first_;
  size_t last_;
  Compare compare_;
};

}  // namespace keyway::shard::types
