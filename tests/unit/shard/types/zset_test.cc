#include "shard/types/zset.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/keyspace/keyspace.h"
#include "shard/types/score.h"
#include "shard/types/zset_algebra.h"

namespace keyway::shard::types {
namespace {

using keyspace::Access;
using keyspace::Encoding;
using keyspace::Event;
using keyspace::Key;
using Elements = std::vector<std::pair<std::string, double>>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Elements ElementsOf(const ZsetView& zset, RankSpan span, bool reverse = false) {
  Elements elements;
  zset.ForEach(span, reverse, [&](const ZsetElement& element) {
    elements.emplace_back(element.member(), element.score());
  });
  return elements;
}

Elements ElementsOf(const ZsetView& zset) {
  return ElementsOf(zset, zset.All());
}

Zset::AddResult Add(Zset& zset, std::string_view member, double score,
                    const Zset::AddOptions& options = {}, const ZsetLimits& limits = {}) {
  return zset.Add(member, &score, options, limits);
}

TEST(ScoreTest, ReadsWhatStrtodReads) {
  double score = 0;
  EXPECT_TRUE(ParseScore("1.5", &score));
  EXPECT_EQ(score, 1.5);
  EXPECT_TRUE(ParseScore("+inf", &score));
  EXPECT_EQ(score, kInfinity);
  EXPECT_TRUE(ParseScore("0x10", &score));
  EXPECT_EQ(score, 16);
  EXPECT_TRUE(ParseScore("4.9e-324", &score));
  EXPECT_GT(score, 0);
  for (std::string_view text : {"", " 1", "1 ", "nan", "-nan", "1e400", "1e-400", "abc", "1a"}) {
    EXPECT_FALSE(ParseScore(text, &score)) << text;
  }
  EXPECT_FALSE(ParseScore(std::string_view("1\0", 2), &score));
}

TEST(ScoreTest, BoundsAreReadMoreFreely) {
  double score = 1;
  EXPECT_TRUE(ParseScoreBound("", &score));
  EXPECT_EQ(score, 0);
  EXPECT_TRUE(ParseScoreBound(" 2", &score));
  EXPECT_EQ(score, 2);
  EXPECT_TRUE(ParseScoreBound("1e400", &score));
  EXPECT_EQ(score, kInfinity);
  EXPECT_FALSE(ParseScoreBound("nan", &score));
  EXPECT_FALSE(ParseScoreBound("1x", &score));
}

TEST(ScoreTest, PrintsAsPrintf) {
  Random random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto bits = random.Next();
    double score = 0;
    std::memcpy(&score, &bits, sizeof(score));
    if (std::isnan(score)) continue;
    if (i % 2 == 0) score = static_cast<double>(random.Between(-1'000'000, 1'000'000)) / 64;
    char wanted[64];
    std::snprintf(wanted, sizeof(wanted), "%.17g", score);
    char text[kScoreBytes];
    EXPECT_EQ(std::string(text, FormatScore(score, text)), wanted);
    double read = 0;
    ASSERT_TRUE(ParseScore(wanted, &read));
    EXPECT_EQ(read, score);
  }
}

TEST(ZsetTest, ChangesItsEncodingWhenRedisDoes) {
  const ZsetLimits limits{.max_entries = 2, .max_member_bytes = 4};
  Zset zset = Zset::ForFirstMember(1, limits);
  Add(zset, "a", 1, {}, limits);
  Add(zset, "b", 2, {}, limits);
  Add(zset, "b", 3, {}, limits);
  EXPECT_TRUE(zset.is_listpack());
  Add(zset, "c", 0.5, {}, limits);
  EXPECT_FALSE(zset.is_listpack());
  EXPECT_EQ(ElementsOf(zset), (Elements{{"c", 0.5}, {"a", 1}, {"b", 3}}));
  zset.PackIfSmall(limits);
  EXPECT_FALSE(zset.is_listpack());
  zset.Remove("a");
  zset.PackIfSmall(limits);
  EXPECT_TRUE(zset.is_listpack());
  EXPECT_EQ(ElementsOf(zset), (Elements{{"c", 0.5}, {"b", 3}}));
  EXPECT_FALSE(Zset::ForFirstMember(5, limits).is_listpack());
  EXPECT_FALSE(Zset::ForFirstMember(0, {.max_entries = 0}).is_listpack());
  EXPECT_FALSE(Zset::ForMembers(3, limits).is_listpack());
  EXPECT_TRUE(Zset::ForMembers(2, limits).is_listpack());
}

TEST(ZsetTest, OptionsDecideWhatIsAdded) {
  for (const size_t max_entries : {0, 100}) {
    const ZsetLimits limits{.max_entries = max_entries};
    Zset zset = Zset::ForFirstMember(1, limits);
    using Result = Zset::AddResult;
    EXPECT_EQ(Add(zset, "a", 1, {.only_existing = true}, limits), Result::kRefused);
    EXPECT_EQ(Add(zset, "a", 1, {.only_new = true}, limits), Result::kAdded);
    EXPECT_EQ(Add(zset, "a", 2, {.only_new = true}, limits), Result::kRefused);
    EXPECT_EQ(Add(zset, "a", 1, {}, limits), Result::kUnchanged);
    EXPECT_EQ(Add(zset, "a", 0, {.only_greater = true}, limits), Result::kRefused);
    EXPECT_EQ(Add(zset, "a", 5, {.only_greater = true}, limits), Result::kUpdated);
    EXPECT_EQ(Add(zset, "a", 6, {.only_less = true}, limits), Result::kRefused);
    EXPECT_EQ(Add(zset, "a", kInfinity, {.increment = true}, limits), Result::kUpdated);
    EXPECT_EQ(Add(zset, "a", -kInfinity, {.increment = true}, limits), Result::kNan);
    EXPECT_EQ(zset.Score("a"), kInfinity);
    double score = 7;
    EXPECT_EQ(zset.Add("b", &score, {.increment = true}, limits), Result::kAdded);
    score = 0.5;
    EXPECT_EQ(zset.Add("b", &score, {.increment = true}, limits), Result::kUpdated);
    EXPECT_EQ(score, 7.5);
  }
}

TEST(ZsetTest, DoesWhatAModelDoesInBothEncodings) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    const ZsetLimits limits{.max_entries = seed % 3 == 0 ? size_t{1000} : seed % 3 * 40};
    Zset zset = Zset::ForFirstMember(1, limits);
    std::map<std::string, double> scores;
    for (int step = 0; step < 3000; ++step) {
      const std::string member = random.Below(2) == 0 ? std::to_string(random.Below(60))
                                                      : "m" + std::to_string(random.Below(40));
      if (random.Below(3) == 0) {
        EXPECT_EQ(zset.Remove(member), scores.erase(member) == 1);
      } else {
        const double score = static_cast<double>(random.Between(-20, 20)) / 2;
        Add(zset, member, score, {}, limits);
        scores[member] = score;
      }
      if (step % 100 != 0) continue;
      std::set<std::pair<double, std::string>> order;
      for (const auto& [name, score] : scores) order.emplace(score, name);
      Elements wanted;
      for (const auto& [score, name] : order) wanted.emplace_back(name, score);
      ASSERT_EQ(ElementsOf(zset), wanted);
      ASSERT_EQ(zset.size(), wanted.size());
      for (size_t rank = 0; rank < wanted.size(); ++rank) {
        ASSERT_EQ(zset.Rank(wanted[rank].first), rank);
        ASSERT_EQ(zset.Score(wanted[rank].first), wanted[rank].second);
      }
      EXPECT_EQ(zset.Rank("nope"), std::nullopt);
      ScoreRange range{.min = static_cast<double>(random.Between(-11, 11)),
                       .max = static_cast<double>(random.Between(-11, 11)),
                       .without_min = random.Below(2) == 0,
                       .without_max = random.Below(2) == 0};
      Elements inside;
      for (const auto& [name, score] : wanted) {
        if (!range.IsBefore(score) && !range.IsBehind(score)) inside.emplace_back(name, score);
      }
      const RankSpan span = zset.Span(range);
      EXPECT_EQ(ElementsOf(zset, span), inside);
      EXPECT_EQ(ElementsOf(zset, span, true), Elements(inside.rbegin(), inside.rend()));
      if (random.Below(4) == 0) {
        zset.RemoveSpan(span);
        for (const auto& element : inside) scores.erase(element.first);
      }
    }
  }
}

TEST(ZsetTest, LexRanges) {
  for (const size_t max_entries : {0, 100}) {
    const ZsetLimits limits{.max_entries = max_entries};
    Zset zset = Zset::ForFirstMember(1, limits);
    for (const char* member : {"", "a", "aa", "b", "c", "\xff"}) Add(zset, member, 0, {}, limits);
    const auto count = [&](LexBound min, LexBound max) {
      const RankSpan span = zset.Span(LexRange{min, max});
      const RankSpan from_end = zset.Span(LexRange{min, max}, true);
      EXPECT_EQ(span.size(), from_end.size());
      if (!span.empty()) {
        EXPECT_EQ(span.begin, from_end.begin);
      }
      return span.size();
    };
    const LexBound below{.kind = LexBound::Kind::kBelowAll, .exclusive = true};
    const LexBound above{.kind = LexBound::Kind::kAboveAll, .exclusive = true};
    EXPECT_EQ(count(below, above), 6u);
    EXPECT_EQ(count(above, below), 0u);
    EXPECT_EQ(count(below, below), 0u);
    EXPECT_EQ(count({.bytes = "a"}, {.bytes = "b"}), 3u);
    EXPECT_EQ(count({.exclusive = true, .bytes = "a"}, {.exclusive = true, .bytes = "b"}), 1u);
    EXPECT_EQ(count({.bytes = "b"}, {.bytes = "a"}), 0u);
    EXPECT_EQ(count({.bytes = ""}, {.bytes = ""}), 1u);
    EXPECT_EQ(count({.bytes = "d"}, above), 1u);
  }
}

class ZsetKeyTest : public testing::Test {
 protected:
  const keyspace::Record* Find(std::string_view key) {
    return database_.Find(Key(key), 0, Access::kNone);
  }
  void Store(std::string_view key, const Elements& elements, const ZsetLimits& limits = {}) {
    Zset zset = Zset::ForFirstMember(1, limits);
    for (const auto& [member, score] : elements) Add(zset, member, score, {}, limits);
    StoreZset(database_, Key(key), std::move(zset), 0, Event::kZAdd);
  }
  Elements Result(std::unique_ptr<SortedSet> set) { return ElementsOf(Zset::Of(std::move(set))); }

  ManualClock clock_;
  Random random_{1};
  keyspace::Keyspace keyspace_{1, clock_, random_};
  keyspace::Database& database_ = keyspace_.database(0);
};

TEST_F(ZsetKeyTest, AnEmptiedKeyGoes) {
  for (const size_t max_entries : {0, 100}) {
    Store("z", {{"a", 1}, {"b", 2}}, {.max_entries = max_entries});
    EXPECT_EQ(Find("z")->encoding(), max_entries == 0 ? Encoding::kSkiplist : Encoding::kListpack);
    const auto remove = [&](std::string_view member) {
      return ChangeZset(database_, Key("z"), Find("z"), Event::kZRem,
                        [&](Zset& zset) { return zset.Remove(member) ? 1u : 0u; });
    };
    EXPECT_EQ(remove("nope"), 0u);
    EXPECT_EQ(remove("a"), 1u);
    EXPECT_EQ(ElementsOf(ZsetView(*Find("z"))), (Elements{{"b", 2}}));
    EXPECT_EQ(remove("b"), 1u);
    EXPECT_EQ(Find("z"), nullptr);
  }
  Store("z", {{"a", 1}});
  StoreZset(database_, Key("z"), Zset::ForFirstMember(1, {}), 0, Event::kZUnionStore);
  EXPECT_EQ(Find("z"), nullptr);
}

TEST_F(ZsetKeyTest, Algebra) {
  for (const size_t max_entries : {0, 100}) {
    const ZsetLimits limits{.max_entries = max_entries};
    Store("x", {{"a", 1}, {"b", 2}, {"c", 3}}, limits);
    Store("y", {{"b", 10}, {"c", 20}}, limits);
    const auto operands = [&](double first, double second) {
      return std::vector<ZsetOperand>{{Find("x"), first}, {Find("y"), second}, {Find("y"), 0}};
    };
    auto all = operands(1, 2);
    EXPECT_EQ(Result(ZsetUnion(all, Aggregate::kSum)), (Elements{{"a", 1}, {"b", 22}, {"c", 43}}));
    all = operands(1, 1);
    EXPECT_EQ(Result(ZsetIntersection(all, Aggregate::kMin)), (Elements{{"b", 0}, {"c", 0}}));
    all = operands(1, 1);
    EXPECT_EQ(Result(ZsetIntersection(all, Aggregate::kMax)), (Elements{{"b", 10}, {"c", 20}}));
    EXPECT_EQ(CountZsetIntersection(all, 0), 2u);
    EXPECT_EQ(CountZsetIntersection(all, 1), 1u);
    EXPECT_EQ(Result(ZsetDifference(operands(5, 5))), (Elements{{"a", 1}}));
    std::vector<ZsetOperand> with_missing{{Find("x"), 1}, {nullptr, 1}};
    EXPECT_TRUE(Result(ZsetIntersection(with_missing, Aggregate::kSum)).empty());
    EXPECT_EQ(CountZsetIntersection(with_missing, 0), 0u);
    EXPECT_EQ(Result(ZsetUnion(with_missing, Aggregate::kSum)).size(), 3u);
  }
}

TEST_F(ZsetKeyTest, SumsThatAreNoNumberAreZero) {
  Store("x", {{"a", kInfinity}});
  Store("y", {{"a", -kInfinity}});
  std::vector<ZsetOperand> all{{Find("x"), 1}, {Find("y"), 1}};
  EXPECT_EQ(Result(ZsetUnion(all, Aggregate::kSum)), (Elements{{"a", 0}}));
  std::vector<ZsetOperand> weighted{{Find("x"), 0}};
  EXPECT_EQ(Result(ZsetUnion(weighted, Aggregate::kSum)), (Elements{{"a", 0}}));
}

}  // namespace
}  // namespace keyway::shard::types
