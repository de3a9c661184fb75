// Choosing elements of a collection at random, each set of them with the same probability.
#pragma once

#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/base/random.h"

namespace keyway::shard::types {

// What is less than one in this many is found faster by trying again and again.
inline constexpr size_t kSparseSample = 3;

// `count` different numbers below `size`, ascending. `count` at most `size`.
std::vector<size_t> SampleRanks(Random& random, size_t size, size_t count);

// `count` different items of a HashOrderedTable, in no order. `count` at most its size.
template <typename Table>
std::vector<const typename Table::Item*> SampleItems(const Table& table, Random& random,
                                                     size_t count) {
  std::vector<typename Table::Item*> sample;
  if (count < table.size() / kSparseSample) {
    std::unordered_set<typename Table::Item*> chosen(count);
    while (chosen.size() < count) chosen.insert(table.RandomItem(random));
    sample.assign(chosen.begin(), chosen.end());
  } else {
    typename Table::Walk walk{.max_items = table.size()};
    table.Collect(&walk, &sample);
    for (size_t i = 0; i < count; ++i) {
      std::swap(sample[i], sample[i + random.Below(sample.size() - i)]);
    }
    sample.resize(count);
  }
  return {sample.begin(), sample.end()};
}

}  // namespace keyway::shard::types
