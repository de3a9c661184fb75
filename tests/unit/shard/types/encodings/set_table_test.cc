#include "shard/types/encodings/set_table.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace keyway::shard::types {
namespace {

std::string Member(uint64_t number) {
  return std::string(number % 7 == 0 ? 300 : 0, 'x') + std::to_string(number);
}

std::set<std::string> Members(const SetTable& table) {
  std::set<std::string> members;
  table.ForEach([&](std::string_view member) { EXPECT_TRUE(members.emplace(member).second); });
  return members;
}

TEST(SetTableTest, Empty) {
  Random random(1);
  SetTable table;
  EXPECT_TRUE(table.empty());
  EXPECT_FALSE(table.Contains(""));
  EXPECT_FALSE(table.Remove("a"));
  std::vector<std::string_view> found;
  EXPECT_EQ(table.Collect(0, 10, &found), SetTable::kEnd);
  EXPECT_TRUE(found.empty());
  EXPECT_EQ(table.AllocatedBytes(), sizeof(SetTable));
  EXPECT_EQ(table.Duplicate()->size(), 0u);
}

TEST(SetTableTest, LengthsOfMembers) {
  SetTable table;
  for (const size_t length : {0, 1, 254, 255, 256, 70'000}) {
    std::string member(length, '\0');
    EXPECT_FALSE(table.Contains(member));
    EXPECT_TRUE(table.Add(member));
    EXPECT_FALSE(table.Add(member));
    EXPECT_TRUE(table.Contains(member));
  }
  EXPECT_EQ(table.size(), 6u);
  EXPECT_GT(table.AllocatedBytes(), 70'000u);
  for (const size_t length : {0, 1, 254, 255, 256, 70'000}) {
    EXPECT_TRUE(table.Remove(std::string(length, '\0')));
  }
  EXPECT_TRUE(table.empty());
}

class SetTableSizes : public testing::TestWithParam<uint64_t> {};

TEST_P(SetTableSizes, LikeASet) {
  const uint64_t range = GetParam();
  Random random(range);
  SetTable table;
  std::set<std::string> wanted;
  for (uint64_t i = 0; i < 6 * range; ++i) {
    const std::string member = Member(random.Below(range));
    // Grows first, shrinks then.
    if (random.Below(10) < (i < 3 * range ? 7u : 3u)) {
      EXPECT_EQ(table.Add(member), wanted.insert(member).second);
    } else {
      EXPECT_EQ(table.Remove(member), wanted.erase(member) == 1);
    }
    ASSERT_EQ(table.size(), wanted.size());
    const std::string other = Member(random.Below(range));
    EXPECT_EQ(table.Contains(other), wanted.contains(other));
    if (!wanted.empty()) {
      EXPECT_TRUE(wanted.contains(std::string(table.RandomMember(random))));
    }
  }
  EXPECT_EQ(Members(table), wanted);
  const auto copy = table.Duplicate();
  EXPECT_EQ(Members(*copy), wanted);
  EXPECT_EQ(copy->FreeEffort(), wanted.size() + 1);
  copy->Add("one more");
  EXPECT_FALSE(table.Contains("one more"));
}

// A walk finds what stays, once, whatever else comes and goes meanwhile.
TEST_P(SetTableSizes, WalkWhileChanging) {
  const uint64_t range = GetParam();
  Random random(range);
  for (const bool grow : {true, false}) {
    SetTable table;
    std::map<std::string, int> stay;
    for (uint64_t i = 0; i < range; ++i) {
      const std::string member = Member(i);
      table.Add(member);
      if (i % 3 == 0) stay[member] = 0;
    }
    SetTable::Position position = 0;
    uint64_t next = grow ? range : 0;
    while (position != SetTable::kEnd) {
      std::vector<std::string_view> found;
      const SetTable::Position before = position;
      position = table.Collect(position, 10, &found);
      EXPECT_GT(position, before);
      for (const std::string_view member : found) {
        const auto staying = stay.find(std::string(member));
        if (staying != stay.end()) ++staying->second;
      }
      for (int i = 0; i < 30; ++i, ++next) {
        if (grow && next < 10 * range) table.Add(Member(next));
        if (!grow && next < range && next % 3 != 0) table.Remove(Member(next));
      }
    }
    for (const auto& [member, times] : stay) EXPECT_EQ(times, 1) << member;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, SetTableSizes, testing::Values(3, 40, 600, 20'000));

TEST(SetTableTest, RandomMemberIsFair) {
  Random random(5);
  SetTable table;
  for (int i = 0; i < 10; ++i) table.Add(std::to_string(i));
  std::map<std::string, int> counts;
  for (int i = 0; i < 10'000; ++i) ++counts[std::string(table.RandomMember(random))];
  EXPECT_EQ(counts.size(), 10u);
  for (const auto& [member, count] : counts) {
    EXPECT_GT(count, 800) << member;
    EXPECT_LT(count, 1200) << member;
  }
}

TEST(SetTableTest, SampledSizeIsNearTheTrueOne) {
  SetTable table;
  for (int i = 0; i < 1000; ++i) table.Add("member " + std::to_string(1000 + i));
  const auto all = static_cast<double>(table.AllocatedBytes());
  EXPECT_NEAR(static_cast<double>(table.AllocatedBytes(5)), all, all / 10);
}

}  // namespace
}  // namespace keyway::shard::types
