#include "shard/types/encodings/field_table.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace keyway::shard::types {
namespace {

using Map = std::map<std::string, std::string>;

std::string Name(uint64_t number) {
  return std::string(number % 11 == 0 ? 260 : 0, 'f') + std::to_string(number);
}

std::string RandomValue(Random& random) {
  constexpr size_t kLengths[] = {0, 1, 3, 8, 30, 100, 254, 255, 256, 2000};
  return std::string(kLengths[random.Below(std::size(kLengths))],
                     static_cast<char>('a' + random.Below(26)));
}

Map Fields(const FieldTable& table) {
  Map fields;
  table.ForEach(
      [&](const Field& field) { EXPECT_TRUE(fields.emplace(field.name(), field.value()).second); });
  return fields;
}

TEST(FieldTableTest, Empty) {
  FieldTable table;
  EXPECT_EQ(table.Find(""), nullptr);
  EXPECT_FALSE(table.Remove(""));
  std::vector<const Field*> found;
  EXPECT_EQ(table.Collect(0, 1, &found), FieldTable::kEnd);
  EXPECT_EQ(table.AllocatedBytes(), sizeof(FieldTable));
}

TEST(FieldTableTest, ValuesOfAllLengths) {
  FieldTable table;
  EXPECT_TRUE(table.Set("", ""));
  EXPECT_TRUE(table.Set("f", "1"));
  for (const size_t length : {0, 1, 14, 15, 100, 254, 255, 256, 100'000, 5, 300, 200, 0}) {
    const std::string value(length, 'v');
    EXPECT_FALSE(table.Set("f", value));
    ASSERT_NE(table.Find("f"), nullptr);
    EXPECT_EQ(table.Find("f")->name(), "f");
    EXPECT_EQ(table.Find("f")->value(), value);
  }
  EXPECT_LT(table.Find("f")->AllocatedBytes(), 100u);
  EXPECT_EQ(Fields(table), (Map{{"", ""}, {"f", ""}}));
}

class FieldTableSizes : public testing::TestWithParam<uint64_t> {};

TEST_P(FieldTableSizes, LikeAMap) {
  const uint64_t range = GetParam();
  Random random(range);
  FieldTable table;
  Map wanted;
  for (uint64_t i = 0; i < 6 * range; ++i) {
    const std::string name = Name(random.Below(range));
    if (random.Below(10) < (i < 3 * range ? 7u : 3u)) {
      const std::string value = RandomValue(random);
      EXPECT_EQ(table.Set(name, value), wanted.insert_or_assign(name, value).second);
    } else {
      EXPECT_EQ(table.Remove(name), wanted.erase(name) == 1);
    }
    ASSERT_EQ(table.size(), wanted.size());
    const std::string other = Name(random.Below(range));
    const Field* field = table.Find(other);
    const auto model = wanted.find(other);
    ASSERT_EQ(field != nullptr, model != wanted.end());
    if (field != nullptr) {
      EXPECT_EQ(field->value(), model->second);
    }
  }
  EXPECT_EQ(Fields(table), wanted);
  const auto copy = table.Duplicate();
  EXPECT_EQ(Fields(*copy), wanted);
  copy->Set("one more", "");
  EXPECT_EQ(table.Find("one more"), nullptr);
}

// A walk finds what stays, once, whatever else comes and goes and gets new values meanwhile.
TEST_P(FieldTableSizes, WalkWhileChanging) {
  const uint64_t range = GetParam();
  Random random(range);
  for (const bool grow : {true, false}) {
    FieldTable table;
    std::map<std::string, int> stay;
    for (uint64_t i = 0; i < range; ++i) {
      table.Set(Name(i), "");
      if (i % 3 == 0) stay[Name(i)] = 0;
    }
    FieldTable::Position position = 0;
    uint64_t next = grow ? range : 0;
    while (position != FieldTable::kEnd) {
      std::vector<const Field*> found;
      position = table.Collect(position, 10, &found);
      for (const Field* field : found) {
        const auto staying = stay.find(std::string(field->name()));
        if (staying != stay.end()) ++staying->second;
      }
      for (int i = 0; i < 30; ++i, ++next) {
        if (grow && next < 10 * range) table.Set(Name(next), "");
        if (!grow && next < range && next % 3 != 0) table.Remove(Name(next));
      }
      table.Set(Name(random.Below(range) / 3 * 3), RandomValue(random));
    }
    for (const auto& [name, times] : stay) EXPECT_EQ(times, 1) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, FieldTableSizes, testing::Values(3, 40, 600, 20'000));

TEST(FieldTableTest, RandomFieldIsAnyField) {
  Random random(5);
  FieldTable table;
  for (int i = 0; i < 10; ++i) table.Set(std::to_string(i), std::to_string(i));
  std::map<std::string, int> counts;
  for (int i = 0; i < 10'000; ++i) {
    const Field& field = table.RandomField(random);
    EXPECT_EQ(field.name(), field.value());
    ++counts[std::string(field.name())];
  }
  EXPECT_EQ(counts.size(), 10u);
}

}  // namespace
}  // namespace keyway::shard::types
