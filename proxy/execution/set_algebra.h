// Unions, intersections and differences of sets and sorted sets whose members came from several
// shards. Pure: members are views, what they point into must outlive the results.
//
// Members of sorted sets come out in Redis's order: by score, then by bytes. Scores are added in the
// order in which Redis 7.0 adds them (smallest set first, t_zset.c, zunionInterDiffGenericCommand),
// since the last digits depend on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace keyway::proxy::execution {

// Each member once.
using Members = std::vector<std::string_view>;

// In the order in which they are met first.
Members UnionOf(std::span<const Members> sets);
// In the order of the smallest set.
Members IntersectionOf(std::span<const Members> sets);
// The first without the others, in its order. `sets` is not empty.
Members DifferenceOf(std::span<const Members> sets);
// Small sets of integers are in numeric order, as those that Redis packs (set-max-intset-entries
// 512). Others stay as they are.
void SortIfIntegers(Members* members);

struct ScoredMember {
  std::string_view member;
  double score;
};
using ScoredMembers = std::vector<ScoredMember>;

struct ScoredSet {
  ScoredMembers members;  // each once
  double weight = 1;      // all scores are multiplied by it
};

// How the scores of a member become one.
enum class Aggregate : uint8_t { kSum, kMin, kMax };

// The order of `sets` is changed. Not empty.
ScoredMembers UnionOf(std::span<ScoredSet> sets, Aggregate aggregate);
ScoredMembers IntersectionOf(std::span<ScoredSet> sets, Aggregate aggregate);
// Of the first without the others; weights have no effect.
ScoredMembers DifferenceOf(std::span<const ScoredSet> sets);

}  // namespace keyway::proxy::execution
