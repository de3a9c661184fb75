// Union, intersection and difference of sorted sets and sets, whose members have the score 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "shard/keyspace/record.h"
#include "shard/types/encodings/sorted_set.h"

namespace keyway::shard::types {

// How the scores of a member become one.
enum class Aggregate : uint8_t { kSum, kMin, kMax };

struct ZsetOperand {
  // A sorted set or a set; nullptr: empty. Must stay as it is.
  const keyspace::Record* record = nullptr;
  double weight = 1;  // all scores are multiplied by it

  size_t size() const;
};

// Whether the record can be an operand.
bool IsZsetOperand(const keyspace::Record& record);

// The order of `operands` is changed: the smallest comes first. Sums are made in that order, which
// the last digits of a result depend on.
std::unique_ptr<SortedSet> ZsetUnion(std::span<ZsetOperand> operands, Aggregate aggregate);
std::unique_ptr<SortedSet> ZsetIntersection(std::span<ZsetOperand> operands, Aggregate aggregate);
// How many members all have; `limit`, if it is not 0, is the most that are counted.
size_t CountZsetIntersection(std::span<ZsetOperand> operands, size_t limit);
// Of the first without the others. Weights have no effect.
std::unique_ptr<SortedSet> ZsetDifference(std::span<const ZsetOperand> operands);

}  // namespace keyway::shard::types
