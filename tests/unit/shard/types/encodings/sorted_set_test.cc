#include "shard/types/encodings/sorted_set.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace keyway::shard::types {
namespace {

// A sorted set as the standard library would have it.
struct Model {
  std::map<std::string, double, std::less<>> scores;
  std::set<std::pair<double, std::string>> order;

  void Put(const std::string& member, double score) {
    Remove(member);
    scores[member] = score;
    order.emplace(score, member);
  }
  bool Remove(const std::string& member) {
    const auto found = scores.find(member);
    if (found == scores.end()) return false;
    order.erase({found->second, member});
    scores.erase(found);
    return true;
  }
};

void ExpectEqual(const SortedSet& set, const Model& model) {
  ASSERT_EQ(set.size(), model.order.size());
  size_t rank = 0;
  SortedSet::Iterator item = set.Begin();
  for (const auto& [score, member] : model.order) {
    ASSERT_TRUE(item);
    ASSERT_EQ(item->member(), member);
    ASSERT_EQ(item->score(), score);
    ASSERT_EQ(set.RankOf(*item), rank);
    ASSERT_EQ(&*set.At(rank), &*item);
    ASSERT_EQ(set.Find(member), &*item);
    ++item;
    ++rank;
  }
  ASSERT_FALSE(item);
  ASSERT_FALSE(set.At(rank));
  item = set.Last();
  for (auto expected = model.order.rbegin(); expected != model.order.rend(); ++expected) {
    ASSERT_TRUE(item);
    ASSERT_EQ(item->member(), expected->second);
    --item;
  }
  ASSERT_FALSE(item);
}

void Put(SortedSet* set, const std::string& member, double score) {
  const SortedSet::Item* item = set->Find(member);
  if (item == nullptr) {
    EXPECT_EQ(set->Insert(member, score)->member(), member);
  } else {
    set->SetScore(item, score);
    EXPECT_EQ(item->score(), score);
  }
}

TEST(SortedSetTest, AnEmptySetHasNothing) {
  SortedSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.Begin());
  EXPECT_FALSE(set.Last());
  EXPECT_FALSE(set.At(0));
  EXPECT_EQ(set.Find("a"), nullptr);
  EXPECT_FALSE(set.Remove("a"));
  EXPECT_EQ(set.CountBefore([](double, const SortedSetItem&) { return true; }), 0u);
  EXPECT_EQ(set.Duplicate()->size(), 0u);
}

TEST(SortedSetTest, EqualScoresAreInTheOrderOfTheBytes) {
  SortedSet set;
  for (const char* member : {"b", "\xff", "", "a", "aa"}) set.Insert(member, 1);
  set.Insert("z", -1);
  set.Insert("zero", -0.0);
  std::vector<std::string> members;
  for (auto item = set.Begin(); item; ++item) members.emplace_back(item->member());
  EXPECT_EQ(members, (std::vector<std::string>{"z", "zero", "", "a", "aa", "b", "\xff"}));
}

// Grows, changes and shrinks, with few and with many members, in all orders.
TEST(SortedSetTest, DoesWhatAModelDoes) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    Random random(seed);
    SortedSet set;
    Model model;
    const uint64_t members = seed % 3 == 0 ? 60 : seed % 3 == 1 ? 700 : 6000;
    const int64_t scores = seed % 2 == 0 ? 8 : 1'000'000;
    const int steps = static_cast<int>(members) * 6;
    for (int step = 0; step < steps; ++step) {
      const std::string member = "m" + std::to_string(random.Below(members));
      // First mostly more, then mostly less.
      const uint64_t removing = step < steps / 2 ? 2 : 7;
      if (random.Below(10) < removing) {
        EXPECT_EQ(set.Remove(member), model.Remove(member));
      } else {
        double score = static_cast<double>(random.Between(-scores, scores)) / 4;
        if (seed % 4 == 3) score = step;
        if (seed % 4 == 0) score = -step;
        Put(&set, member, score);
        model.Put(member, score);
      }
      if (step % (steps / 20) == 0) ExpectEqual(set, model);
      if (step % 977 == 0 && !set.empty()) {
        const size_t begin = random.Below(set.size());
        const size_t end = begin + random.Below(std::min<size_t>(set.size() - begin, 150) + 1);
        for (size_t rank = begin; rank < end; ++rank) {
          model.Remove(std::next(model.order.begin(), static_cast<long>(begin))->second);
        }
        set.RemoveRange(begin, end);
        ExpectEqual(set, model);
      }
    }
    ExpectEqual(set, model);
    const auto copy = set.Duplicate();
    const size_t bytes = set.AllocatedBytes();
    set.RemoveRange(0, set.size());
    EXPECT_TRUE(set.empty());
    EXPECT_EQ(set.AllocatedBytes(), sizeof(SortedSet));
    ExpectEqual(*copy, model);
    EXPECT_LE(copy->AllocatedBytes(), bytes + 1024);
  }
}

TEST(SortedSetTest, CountsWhatLiesBeforeAPlace) {
  Random random(1);
  SortedSet set;
  std::multiset<double> scores;
  for (int i = 0; i < 5000; ++i) {
    const auto score = static_cast<double>(random.Below(900));
    set.Insert(std::to_string(i), score);
    scores.insert(score);
  }
  for (double bound = -1; bound < 902; bound += 0.5) {
    EXPECT_EQ(set.CountBefore([&](double score, const SortedSetItem&) { return score < bound; }),
              static_cast<size_t>(std::distance(scores.begin(), scores.lower_bound(bound))));
    EXPECT_EQ(set.CountBefore([&](double score, const SortedSetItem&) { return score <= bound; }),
              static_cast<size_t>(std::distance(scores.begin(), scores.upper_bound(bound))));
  }
}

TEST(SortedSetTest, CostsLittleWhenItGrowsInOrder) {
  SortedSet set;
  constexpr int kMembers = 200'000;
  for (int i = 0; i < kMembers; ++i) set.Insert("member:" + std::to_string(1'000'000 + i), i);
  // An item of 26 bytes takes 32.
  EXPECT_LE(set.AllocatedBytes() / kMembers, 32u + 8 + 1 + 12);
}

TEST(SortedSetTest, AWalkByHashSeesEveryMemberWhateverHappens) {
  SortedSet set;
  for (int i = 0; i < 20'000; ++i) set.Insert(std::to_string(i), i);
  std::set<std::string, std::less<>> seen;
  SortedSet::Table::Walk walk{.max_items = 100};
  std::vector<SortedSetItem*> found;
  for (int removed = 10'000; walk.position != SortedSet::Table::kEnd;) {
    found.clear();
    set.by_member().Collect(&walk, &found);
    for (const SortedSetItem* item : found) seen.emplace(item->member());
    for (int i = 0; i < 60 && removed < 20'000; ++i) set.Remove(std::to_string(removed++));
  }
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(seen.contains(std::to_string(i)));
}

}  // namespace
}  // namespace keyway::shard::types
