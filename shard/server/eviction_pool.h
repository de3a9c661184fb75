// The best candidates for eviction among all keys that were sampled lately. Keeping them from one
// sample to the next is what makes a sample of five keys come close to true LRU or LFU order (see
// https://redis.io/docs/reference/eviction).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace keyway::shard {

class EvictionPool {
 public:
  static constexpr size_t kCapacity = 16;

  struct Candidate {
    uint64_t score = 0;  // the higher, the rather it goes
    int database = 0;
    std::string key;
  };

  // Keeps the key if there is room, or if one in the pool has a lower score, which then leaves.
  void Offer(uint64_t score, int database, std::string_view key);
  // The candidate with the highest score leaves the pool; valid until the next call. nullptr:
  // empty.
  const Candidate* TakeBest();
  void Clear() { size_ = 0; }
  size_t size() const { return size_; }

 private:
  // The first size_ by rising score; the others keep the memory of their keys for the next.
  std::array<Candidate, kCapacity> candidates_;
  size_t size_ = 0;
};

}  // namespace keyway::shard
