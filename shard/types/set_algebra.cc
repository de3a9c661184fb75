// Intersections, unions and differences: the last part of set.h.
#include <algorithm>

#include "shard/types/set.h"

namespace keyway::shard::types {

using keyspace::Record;

namespace {

size_t SizeOf(const Record* set) {
  return set == nullptr ? 0 : SetView(*set).size();
}

// Whether Redis would copy the first set and take all members of the others away, rather than look
// up each of its members in the others.
bool DiffersByRemoval(Sets sets) {
  size_t lookups = 0;
  size_t members = 0;
  for (const Record* set : sets) {
    if (set == nullptr) continue;
    lookups += SizeOf(sets.front());
    members += SizeOf(set);
  }
  return lookups / 2 > members;
}

SetBuilder RemoveAll(Sets sets, const SetLimits& limits) {
  SetBuilder result(limits);
  SetView(*sets.front()).ForEach([&result](const SetElement& element) { result.Add(element); });
  for (const Record* set : sets.subspan(1)) {
    if (result.size() == 0) break;
    if (set == nullptr) continue;
    SetView(*set).ForEach([&result](const SetElement& element) { result.Remove(element); });
  }
  return result;
}

template <typename Visit>
void LookUpAll(Sets sets, Visit&& visit) {
  // Members are likeliest found in the largest.
  std::vector<SetView> others;
  for (const Record* set : sets.subspan(1)) {
    if (set != nullptr) others.emplace_back(*set);
  }
  std::sort(others.begin(), others.end(),
            [](const SetView& one, const SetView& other) { return one.size() > other.size(); });
  SetView(*sets.front()).ForEach([&](const SetElement& element) {
    for (const SetView& other : others) {
      if (other.Contains(element)) return;
    }
    visit(element);
  });
}

// The first set is there, and not among the others.
bool HasDifference(Sets sets) {
  return sets.front() != nullptr &&
         std::find(sets.begin() + 1, sets.end(), sets.front()) == sets.end();
}

}  // namespace

void VisitIntersection(Sets sets, const std::function<bool(const SetElement&)>& visit) {
  if (std::find(sets.begin(), sets.end(), nullptr) != sets.end()) return;
  std::vector<const Record*> ordered(sets.begin(), sets.end());
  std::sort(ordered.begin(), ordered.end(),
            [](const Record* one, const Record* other) { return SizeOf(one) < SizeOf(other); });
  const SetView smallest(*ordered.front());
  std::vector<SetView> others;
  for (const Record* set : ordered) {
    if (set != ordered.front()) others.emplace_back(*set);
  }
  smallest.VisitWhile([&](const SetElement& element) {
    for (const SetView& other : others) {
      if (!other.Contains(element)) return true;
    }
    return visit(element);
  });
}

void VisitDifference(Sets sets, const SetLimits& limits,
                     const std::function<void(const SetElement&)>& visit) {
  if (!HasDifference(sets)) return;
  if (DiffersByRemoval(sets)) {
    RemoveAll(sets, limits).view().ForEach(visit);
  } else {
    LookUpAll(sets, visit);
  }
}

SetBuilder BuildIntersection(Sets sets, const SetLimits& limits) {
  SetBuilder result(limits);
  VisitIntersection(sets, [&result](const SetElement& element) {
    result.Add(element);
    return true;
  });
  return result;
}

SetBuilder BuildUnion(Sets sets, const SetLimits& limits) {
  SetBuilder result(limits);
  for (const Record* set : sets) {
    if (set == nullptr) continue;
    SetView(*set).ForEach([&result](const SetElement& element) { result.Add(element); });
  }
  return result;
}

SetBuilder BuildDifference(Sets sets, const SetLimits& limits) {
  SetBuilder result(limits);
  if (!HasDifference(sets)) return result;
  if (DiffersByRemoval(sets)) return RemoveAll(sets, limits);
  LookUpAll(sets, [&result](const SetElement& element) { result.Add(element); });
  return result;
}

}  // namespace keyway::shard::types
