#include "shard/types/sampling.h"

namespace keyway::shard::types {

std::vector<size_t> SampleRanks(Random& random, size_t size, size_t count) {
  std::vector<size_t> ranks;
  ranks.reserve(count);
  if (count < size / kSparseSample) {
    std::unordered_set<size_t> chosen(count);
    while (chosen.size() < count) chosen.insert(random.Below(size));
    ranks.assign(chosen.begin(), chosen.end());
    std::sort(ranks.begin(), ranks.end());
    return ranks;
  }
  // Each number is taken with the probability that is left for it (Knuth, TAOCP 3.4.2, algorithm
  // S).
  for (size_t rank = 0; ranks.size() < count; ++rank) {
    if (random.Below(size - rank) < count - ranks.size()) ranks.push_back(rank);
  }
  return ranks;
}

}  // namespace keyway::shard::types
