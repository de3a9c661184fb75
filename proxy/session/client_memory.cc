#include "proxy/session/client_memory.h"

#include <algorithm>

namespace keyway::proxy::session {

size_t ClientMemory::bytes() const {
  size_t sum = 0;
  for (const Share& share : shares_) sum += share.bytes.load(std::memory_order_relaxed);
  return sum;
}

bool ClientMemory::IsLargest(const Share& own, size_t bytes) const {
  return std::all_of(shares_.begin(), shares_.end(), [&](const Share& share) {
    return &share == &own || share.largest.load(std::memory_order_relaxed) <= bytes;
  });
}

}  // namespace keyway::proxy::session
