#include "shard/types/zset_range.h"

#include <algorithm>

namespace keyway::shard::types {

RankSpan SpanOfIndexes(int64_t start, int64_t stop, size_t size) {
  const auto length = static_cast<int64_t>(size);
  if (start < 0) start = std::max<int64_t>(start + length, 0);
  if (stop < 0) stop += length;
  stop = std::min(stop, length - 1);
  if (start > stop) return {};
  return {static_cast<size_t>(start), static_cast<size_t>(stop) + 1};
}

int LexBound::Compare(const LexBound& other) const {
  if (kind != Kind::kBytes || other.kind != Kind::kBytes) {
    if (kind == other.kind) return 0;
    return kind == Kind::kBelowAll || other.kind == Kind::kAboveAll ? -1 : 1;
  }
  return bytes.compare(other.bytes);
}

bool LexRange::IsBefore(std::string_view member) const {
  if (min.kind != LexBound::Kind::kBytes) return min.kind == LexBound::Kind::kAboveAll;
  return min.exclusive ? member <= min.bytes : member < min.bytes;
}

bool LexRange::IsBehind(std::string_view member) const {
  if (max.kind != LexBound::Kind::kBytes) return max.kind == LexBound::Kind::kBelowAll;
  return max.exclusive ? member >= max.bytes : member > max.bytes;
}

bool LexRange::IsEmpty() const {
  const int order = min.Compare(max);
  return order > 0 || (order == 0 && (min.exclusive || max.exclusive));
}

}  // namespace keyway::shard::types
