// Feeding a parser as a socket does: the bytes arrive in pieces, what is not consumed is kept, and
// the buffer moves at every call. Each buffer is a heap block of the exact size, so that the
// address sanitizer sees a read of one byte too much.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"

namespace keyway::resp {

// `step(view)` returns how many of the first bytes are done with, and is called until it takes
// none; it returns npos to stop for good.
template <typename StepFunction>
void FeedInPieces(std::string_view input, const std::vector<size_t>& pieces, StepFunction step) {
  std::string kept;
  size_t offset = 0;
  for (size_t piece : pieces) {
    kept.append(input.substr(offset, piece));
    offset += piece;
    for (;;) {
      const std::unique_ptr<char[]> copy(new char[kept.size()]);
      std::memcpy(copy.get(), kept.data(), kept.size());
      const size_t taken = step(std::string_view(copy.get(), kept.size()));
      if (taken == std::string_view::npos) return;
      kept.erase(0, taken);
      if (taken == 0) break;
    }
  }
}

// All at once, byte by byte, in two at every place (of long inputs: at 200 of them), and some
// random partitions.
inline std::vector<std::vector<size_t>> Partitions(size_t size) {
  std::vector<std::vector<size_t>> partitions = {{size}};
  if (size <= 5000) partitions.emplace_back(size, 1);
  const size_t stride = size / 200 + 1;
  for (size_t at = 1; at < size; at += stride) partitions.push_back({at, size - at});
  Random random(size);
  for (int round = 0; round < 20; ++round) {
    std::vector<size_t> pieces;
    size_t left = size;
    while (left > 0) {
      const size_t piece = 1 + random.Below(round % 2 == 0 ? left : left / 10 + 1);
      pieces.push_back(std::min(piece, left));
      left -= pieces.back();
    }
    partitions.push_back(pieces);
  }
  return partitions;
}

}  // namespace keyway::resp
