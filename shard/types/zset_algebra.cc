#include "shard/types/zset_algebra.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <type_traits>

#include "shard/types/encodings/intset.h"
#include "shard/types/encodings/set_table.h"
#include "shard/types/integer.h"
#include "shard/types/zset.h"

namespace keyway::shard::types {

using keyspace::Encoding;
using keyspace::Record;
using keyspace::Type;

namespace {

constexpr double kScoreInSet = 1;

const SetTable& SetTableOf(const Record& record) {
  return *static_cast<const SetTable*>(record.object());
}

bool IsIntset(const Record& record) {
  return record.encoding() == Encoding::kIntset;
}

// Calls `visit(member, score)` for all, until it returns false.
template <typename Visit>
void ForEach(const ZsetOperand& operand, Visit&& visit) {
  if (operand.record == nullptr) return;
  const Record& record = *operand.record;
  if (record.type() == Type::kZset) {
    ZsetView(record).ForEach(
        [&visit](const ZsetElement& element) { return visit(element.member(), element.score()); });
  } else if (IsIntset(record)) {
    const IntsetView set(record.object());
    for (size_t i = 0; i < set.size(); ++i) {
      char digits[24];
      const char* end = std::to_chars(digits, digits + sizeof(digits), set.At(i)).ptr;
      if (!visit(std::string_view(digits, static_cast<size_t>(end - digits)), kScoreInSet)) return;
    }
  } else {
    bool more = true;
    SetTableOf(record).ForEach([&](std::string_view member) {
      if (more) more = visit(member, kScoreInSet);
    });
  }
}

std::optional<double> ScoreIn(const ZsetOperand& operand, std::string_view member) {
  if (operand.record == nullptr) return std::nullopt;
  const Record& record = *operand.record;
  if (record.type() == Type::kZset) return ZsetView(record).Score(member);
  bool contains = false;
  if (IsIntset(record)) {
    int64_t integer = 0;
    contains = ParseInteger(member, &integer) && IntsetView(record.object()).Contains(integer);
  } else {
    contains = SetTableOf(record).Contains(member);
  }
  return contains ? std::optional(kScoreInSet) : std::nullopt;
}

double Weighted(const ZsetOperand& operand, double score) {
  return operand.weight * score;
}

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

void SmallestFirst(std::span<ZsetOperand> operands) {
  std::stable_sort(operands.begin(), operands.end(),
                   [](const ZsetOperand& a, const ZsetOperand& b) { return a.size() < b.size(); });
}

}  // namespace

bool IsZsetOperand(const Record& record) {
  return record.type() == Type::kZset || record.type() == Type::kSet;
}

size_t ZsetOperand::size() const {
  if (record == nullptr) return 0;
  if (record->type() == Type::kZset) return ZsetView(*record).size();
  return IsIntset(*record) ? IntsetView(record->object()).size() : SetTableOf(*record).size();
}

std::unique_ptr<SortedSet> ZsetUnion(std::span<ZsetOperand> operands, Aggregate aggregate) {
  auto result = std::make_unique<SortedSet>();
  if (operands.empty()) return result;
  SmallestFirst(operands);
  result->Reserve(operands.back().size());
  for (const ZsetOperand& operand : operands) {
    ForEach(operand, [&](std::string_view member, double score) {
      score = OrZero(Weighted(operand, score));
      const SortedSet::Item* item = result->Find(member);
      if (item == nullptr) {
        result->Insert(member, score);
      } else {
        result->SetScore(item, Aggregated(item->score(), score, aggregate));
      }
      return true;
    });
  }
  return result;
}

std::unique_ptr<SortedSet> ZsetIntersection(std::span<ZsetOperand> operands, Aggregate aggregate) {
  auto result = std::make_unique<SortedSet>();
  if (operands.empty()) return result;
  SmallestFirst(operands);
  const std::span<const ZsetOperand> others = operands.subspan(1);
  ForEach(operands.front(), [&](std::string_view member, double score) {
    score = OrZero(Weighted(operands.front(), score));
    for (const ZsetOperand& other : others) {
      const std::optional<double> found = ScoreIn(other, member);
      if (!found.has_value()) return true;
      score = Aggregated(score, Weighted(other, *found), aggregate);
    }
    // A set walks over its members once, so that this one is new.
    result->Insert(member, score);
    return true;
  });
  return result;
}

size_t CountZsetIntersection(std::span<ZsetOperand> operands, size_t limit) {
  size_t count = 0;
  if (operands.empty()) return count;
  SmallestFirst(operands);
  const std::span<const ZsetOperand> others = operands.subspan(1);
  ForEach(operands.front(), [&](std::string_view member, double) {
    const bool in_all = std::all_of(others.begin(), others.end(), [&](const ZsetOperand& other) {
      return ScoreIn(other, member).has_value();
    });
    if (in_all) ++count;
    return limit == 0 || count < limit;
  });
  return count;
}

std::unique_ptr<SortedSet> ZsetDifference(std::span<const ZsetOperand> operands) {
  auto result = std::make_unique<SortedSet>();
  if (operands.empty()) return result;
  const std::span<const ZsetOperand> others = operands.subspan(1);
  ForEach(operands.front(), [&](std::string_view member, double score) {
    const bool elsewhere = std::any_of(others.begin(), others.end(), [&](const ZsetOperand& other) {
      return ScoreIn(other, member).has_value();
    });
    if (!elsewhere) result->Insert(member, score);
    return true;
  });
  return result;
}

}  // namespace keyway::shard::types
