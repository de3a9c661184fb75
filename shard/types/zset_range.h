// Parts of a sorted set: by rank, by score, by the bytes of the members.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyway::shard::types {

// From rank `begin` up to, but not including, `end`.
struct RankSpan {
  size_t begin = 0;
  size_t end = 0;
  size_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
};

// What is meant by `start` to `stop`, both included, negative ones counted from the end, in a set
// of `size` members.
RankSpan SpanOfIndexes(int64_t start, int64_t stop, size_t size);

struct ScoreRange {
  double min = 0;
  double max = 0;
  bool without_min = false;
  bool without_max = false;

  bool IsBefore(double score) const { return without_min ? score <= min : score < min; }
  bool IsBehind(double score) const { return without_max ? score >= max : score > max; }
  // Whether no score can be in it.
  bool IsEmpty() const { return min > max || (min == max && (without_min || without_max)); }
};

// The limit of a range of members: bytes that it includes or not, or what no member reaches.
struct LexBound {
  enum class Kind : uint8_t { kBytes, kBelowAll, kAboveAll };
  Kind kind = Kind::kBytes;
  bool exclusive = false;
  std::string_view bytes;

  // Less than, equal to or greater than 0, as the bound is below, at or above `other`.
  int Compare(const LexBound& other) const;
};

struct LexRange {
  LexBound min;
  LexBound max;

  bool IsBefore(std::string_view member) const;
  bool IsBehind(std::string_view member) const;
  bool IsEmpty() const;
};

}  // namespace keyway::shard::types
