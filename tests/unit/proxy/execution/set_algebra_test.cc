#include "proxy/execution/set_algebra.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace keyway::proxy::execution {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(SetAlgebraTest, Sets) {
  const Members sets[] = {{"a", "b", "c"}, {"c", "d", "a"}, {"a", "c"}};
  EXPECT_EQ(UnionOf(std::span(sets)), (Members{"a", "b", "c", "d"}));
  EXPECT_EQ(IntersectionOf(std::span(sets)), (Members{"a", "c"}));
  EXPECT_EQ(DifferenceOf(std::span(sets)), (Members{"b"}));
  const Members with_empty[] = {{"a"}, {}};
  EXPECT_EQ(UnionOf(std::span(with_empty)), (Members{"a"}));
  EXPECT_EQ(IntersectionOf(std::span(with_empty)), Members{});
  EXPECT_EQ(DifferenceOf(std::span(with_empty)), (Members{"a"}));
}

TEST(SetAlgebraTest, SmallSetsOfIntegersAreSorted) {
  Members members = {"10", "9", "-3", "0"};
  SortIfIntegers(&members);
  EXPECT_EQ(members, (Members{"-3", "0", "9", "10"}));
  for (const char* other : {"01", "", "1.5", "x", "+1", "9223372036854775808"}) {
    members = {"2", "1", other};
    SortIfIntegers(&members);
    EXPECT_EQ(members, (Members{"2", "1", other}));
  }
  std::vector<std::string> many;
  for (int i = 600; i > 0; --i) many.push_back(std::to_string(i));
  members.assign(many.begin(), many.end());
  SortIfIntegers(&members);
  EXPECT_EQ(members[0], "600");
}

std::string Text(const ScoredMembers& members) {
  std::string text;
  for (const ScoredMember& member : members) {
    text += std::string(member.member) + "=" + std::to_string(member.score).substr(0, 4) + " ";
  }
  return text;
}

TEST(SetAlgebraTest, SortedSets) {
  const auto sets = [] {
    return std::vector<ScoredSet>{{{{"a", 1}, {"b", 2}, {"c", 3}}, 2}, {{{"b", 10}, {"a", 1}}, 1}};
  };
  auto s = sets();
  EXPECT_EQ(Text(UnionOf(std::span(s), Aggregate::kSum)), "a=3.00 c=6.00 b=14.0 ");
  s = sets();
  EXPECT_EQ(Text(UnionOf(std::span(s), Aggregate::kMin)), "a=1.00 b=4.00 c=6.00 ");
  s = sets();
  EXPECT_EQ(Text(UnionOf(std::span(s), Aggregate::kMax)), "a=2.00 c=6.00 b=10.0 ");
  s = sets();
  EXPECT_EQ(Text(IntersectionOf(std::span(s), Aggregate::kSum)), "a=3.00 b=14.0 ");
  s = sets();
  EXPECT_EQ(Text(DifferenceOf(std::span<const ScoredSet>(s))), "c=3.00 ");
}

TEST(SetAlgebraTest, WhatIsNotANumberIsZero) {
  std::vector<ScoredSet> sets = {{{{"a", kInfinity}}, 1}, {{{"a", -kInfinity}, {"b", kInfinity}}, 0}};
  EXPECT_EQ(Text(UnionOf(std::span(sets), Aggregate::kSum)), "b=0.00 a=inf ");
  sets = {{{{"a", kInfinity}}, 1}, {{{"a", -kInfinity}}, 1}};
  EXPECT_EQ(Text(UnionOf(std::span(sets), Aggregate::kSum)), "a=0.00 ");
}

TEST(SetAlgebraTest, EqualScoresAreOrderedByBytes) {
  std::vector<ScoredSet> sets = {{{{"b", 1}, {"\xff", 1}, {"a", 1}, {"", 1}}, 1}};
  const ScoredMembers result = UnionOf(std::span(sets), Aggregate::kSum);
  EXPECT_EQ(result[0].member, "");
  EXPECT_EQ(result[1].member, "a");
  EXPECT_EQ(result[3].member, "\xff");
}

}  // namespace
}  // namespace keyway::proxy::execution
