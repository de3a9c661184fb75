#include "shard/server/eviction_pool.h"

#include <algorithm>

namespace keyway::shard {

void EvictionPool::Offer(uint64_t score, int database, std::string_view key) {
  const auto end = candidates_.begin() + static_cast<ptrdiff_t>(size_);
  const auto place = std::find_if(candidates_.begin(), end, [score](const Candidate& candidate) {
    return candidate.score >= score;
  });
  if (size_ < kCapacity) {
    std::rotate(place, end, end + 1);
    ++size_;
    place->score = score;
    place->database = database;
    place->key = key;
    return;
  }
  if (place == candidates_.begin()) return;
  std::rotate(candidates_.begin(), candidates_.begin() + 1, place);
  Candidate& candidate = *(place - 1);
  candidate.score = score;
  candidate.database = database;
  candidate.key = key;
}

const EvictionPool::Candidate* EvictionPool::TakeBest() {
  return size_ == 0 ? nullptr : &candidates_[--size_];
}

}  // namespace keyway::shard
