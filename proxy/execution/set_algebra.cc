#include "proxy/execution/set_algebra.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "common/resp/number.h"

namespace keyway::proxy::execution {
namespace {

constexpr size_t kPackedIntegers = 512;

using MemberSet = std::unordered_set<std::string_view>;
using ScoreTable = std::unordered_map<std::string_view, double>;

// What is not a number, infinity times 0 or minus infinity, counts as 0.
double OrZero(double score) {
  return std::isnan(score) ? 0 : score;
}

double Aggregated(double score, double other, Aggregate aggregate) {
  switch (aggregate) {
    case Aggregate::kSum:
      return OrZero(score + other);
    case Aggregate::kMin:
      return other < score ? other : score;
    case Aggregate::kMax:
      return other > score ? other : score;
  }
  return score;
}

void SmallestFirst(std::span<ScoredSet> sets) {
  std::stable_sort(sets.begin(), sets.end(), [](const ScoredSet& a, const ScoredSet& b) {
    return a.members.size() < b.members.size();
  });
}

void SortByScore(ScoredMembers* members) {
  std::sort(members->begin(), members->end(), [](const ScoredMember& a, const ScoredMember& b) {
    return a.score != b.score ? a.score < b.score : a.member < b.member;
  });
}

ScoreTable TableOf(const ScoredSet& set) {
  ScoreTable table(set.members.size());
  for (const ScoredMember& member : set.members) table.emplace(member.member, member.score);
  return table;
}

}  // namespace

Members UnionOf(std::span<const Members> sets) {
  Members result;
  MemberSet seen;
  for (const Members& set : sets) {
    for (std::string_view member : set) {
      if (seen.insert(member).second) result.push_back(member);
    }
  }
  return result;
}

Members IntersectionOf(std::span<const Members> sets) {
  if (sets.empty()) return {};
  const auto smallest =
      std::min_element(sets.begin(), sets.end(),
                       [](const Members& a, const Members& b) { return a.size() < b.size(); });
  Members result = *smallest;
  for (auto set = sets.begin(); set != sets.end() && !result.empty(); ++set) {
    if (set == smallest) continue;
    const MemberSet others(set->begin(), set->end());
    std::erase_if(result, [&others](std::string_view member) { return !others.contains(member); });
  }
  return result;
}

Members DifferenceOf(std::span<const Members> sets) {
  Members result = sets[0];
  for (const Members& set : sets.subspan(1)) {
    if (result.empty()) break;
    const MemberSet others(set.begin(), set.end());
    std::erase_if(result, [&others](std::string_view member) { return others.contains(member); });
  }
  return result;
}

void SortIfIntegers(Members* members) {
  if (members->size() > kPackedIntegers) return;
  std::vector<std::pair<int64_t, std::string_view>> numbers;
  numbers.reserve(members->size());
  for (std::string_view member : *members) {
    int64_t number = 0;
    if (!resp::ParseLength(member, &number)) return;
    numbers.emplace_back(number, member);
  }
  std::sort(numbers.begin(), numbers.end());
  for (size_t i = 0; i < numbers.size(); ++i) (*members)[i] = numbers[i].second;
}

ScoredMembers UnionOf(std::span<ScoredSet> sets, Aggregate aggregate) {
  SmallestFirst(sets);
  ScoreTable scores;
  for (const ScoredSet& set : sets) {
    for (const ScoredMember& member : set.members) {
      const double score = OrZero(set.weight * member.score);
      const auto [found, is_new] = scores.emplace(member.member, score);
      if (!is_new) found->second = Aggregated(found->second, score, aggregate);
    }
  }
  ScoredMembers result;
  result.reserve(scores.size());
  for (const auto& [member, score] : scores) result.push_back({member, score});
  SortByScore(&result);
  return result;
}

ScoredMembers IntersectionOf(std::span<ScoredSet> sets, Aggregate aggregate) {
  SmallestFirst(sets);
  ScoredMembers result = sets[0].members;
  for (ScoredMember& member : result) member.score = OrZero(sets[0].weight * member.score);
  for (const ScoredSet& set : sets.subspan(1)) {
    if (result.empty()) break;
    const ScoreTable table = TableOf(set);
    std::erase_if(result, [&](ScoredMember& member) {
      const auto found = table.find(member.member);
      if (found == table.end()) return true;
      member.score = Aggregated(member.score, set.weight * found->second, aggregate);
      return false;
    });
  }
  SortByScore(&result);
  return result;
}

ScoredMembers DifferenceOf(std::span<const ScoredSet> sets) {
  ScoredMembers result = sets[0].members;
  for (const ScoredSet& set : sets.subspan(1)) {
    if (result.empty()) break;
    const ScoreTable table = TableOf(set);
    std::erase_if(result,
                  [&](const ScoredMember& member) { return table.contains(member.member); });
  }
  SortByScore(&result);
  return result;
}

}  // namespace keyway::proxy::execution
