#include "shard/types/encodings/intset.h"

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace keyway::shard::types {
namespace {

using std::string_literals::operator""s;

std::vector<int64_t> Integers(const IntsetView& set) {
  std::vector<int64_t> integers;
  for (size_t i = 0; i < set.size(); ++i) integers.push_back(set.At(i));
  return integers;
}

TEST(IntsetTest, BytesAreRedisOwn) {
  Intset set;
  EXPECT_EQ(set.block(), "\x02\0\0\0\0\0\0\0"s);
  EXPECT_TRUE(set.Add(5));
  EXPECT_TRUE(set.Add(-1));
  EXPECT_FALSE(set.Add(5));
  EXPECT_EQ(set.block(), "\x02\0\0\0\x02\0\0\0\xff\xff\x05\0"s);
  EXPECT_TRUE(set.Add(32768));
  EXPECT_EQ(set.block(), "\x04\0\0\0\x03\0\0\0\xff\xff\xff\xff\x05\0\0\0\0\x80\0\0"s);
  EXPECT_TRUE(set.Add(-2147483649));
  EXPECT_EQ(set.block(),
            "\x08\0\0\0\x04\0\0\0"
            "\xff\xff\xff\x7f\xff\xff\xff\xff"
            "\xff\xff\xff\xff\xff\xff\xff\xff"
            "\x05\0\0\0\0\0\0\0"
            "\0\x80\0\0\0\0\0\0"s);
  EXPECT_EQ(set.bytes(), set.block().size());
}

TEST(IntsetTest, NeverBecomesNarrower) {
  Intset set;
  set.Add(1);
  set.Add(std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(set.Remove(std::numeric_limits<int64_t>::max()));
  EXPECT_EQ(set.block(), "\x08\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0"s);
  EXPECT_TRUE(set.Remove(1));
  EXPECT_EQ(set.block(), "\x08\0\0\0\0\0\0\0"s);
  EXPECT_FALSE(set.Remove(1));
}

TEST(IntsetTest, LimitsOfTheWidths) {
  for (const int64_t limit :
       {int64_t{INT16_MIN}, int64_t{INT16_MAX}, int64_t{INT32_MIN}, int64_t{INT32_MAX},
        std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    Intset set;
    set.Add(0);
    EXPECT_FALSE(set.Contains(limit));
    EXPECT_FALSE(set.Remove(limit));
    set.Add(limit);
    EXPECT_TRUE(set.Contains(limit));
    EXPECT_TRUE(set.Contains(0));
    EXPECT_EQ(set.At(limit < 0 ? 0 : 1), limit);
    if (limit > INT64_MIN && limit < INT64_MAX) {
      EXPECT_FALSE(set.Contains(limit - 1));
      EXPECT_FALSE(set.Contains(limit + 1));
    }
    EXPECT_TRUE(IntsetView::IsValid(set.block()));
  }
}

TEST(IntsetTest, LikeASet) {
  for (const int64_t range :
       {int64_t{20}, int64_t{3000}, int64_t{100'000}, int64_t{10'000'000'000}}) {
    Random random(static_cast<uint64_t>(range));
    Intset set;
    std::set<int64_t> wanted;
    for (int i = 0; i < 5000; ++i) {
      const int64_t integer = random.Between(-range, range);
      if (random.Below(5) < 3) {
        EXPECT_EQ(set.Add(integer), wanted.insert(integer).second);
      } else {
        const int64_t removed =
            wanted.empty() || random.Below(2) == 0 ? integer : set.At(random.Below(set.size()));
        EXPECT_EQ(set.Remove(removed), wanted.erase(removed) == 1);
      }
      EXPECT_EQ(set.Contains(integer), wanted.contains(integer));
      EXPECT_EQ(set.size(), wanted.size());
    }
    EXPECT_EQ(Integers(set), std::vector<int64_t>(wanted.begin(), wanted.end()));
    EXPECT_TRUE(IntsetView::IsValid(set.block()));
    EXPECT_GE(Intset::AllocatedBytes(set.block().data()), set.bytes());
  }
}

TEST(IntsetTest, OwnsItsBlock) {
  Intset set;
  set.Add(7);
  Intset copy = set.Duplicate();
  copy.Add(70'000);
  EXPECT_EQ(Integers(set), std::vector<int64_t>{7});
  Intset moved(std::move(copy));
  set = std::move(moved);
  EXPECT_EQ(Integers(set), (std::vector<int64_t>{7, 70'000}));
  void* block = set.Release();
  EXPECT_EQ(IntsetView(block).size(), 2u);
  Intset adopted = Intset::Adopt(block);
  EXPECT_TRUE(adopted.Contains(70'000));
  Intset::FreeBlock(adopted.Release());
}

TEST(IntsetTest, WhatIsNoIntset) {
  EXPECT_TRUE(IntsetView::IsValid("\x02\0\0\0\0\0\0\0"s));
  EXPECT_TRUE(IntsetView::IsValid("\x02\0\0\0\x02\0\0\0\xff\xff\x05\0"s));
  EXPECT_FALSE(IntsetView::IsValid(""));
  EXPECT_FALSE(IntsetView::IsValid("\x02\0\0\0\0\0\0"s));
  EXPECT_FALSE(IntsetView::IsValid("\x03\0\0\0\0\0\0\0"s));
  EXPECT_FALSE(IntsetView::IsValid("\0\0\0\0\0\0\0\0"s));
  EXPECT_FALSE(IntsetView::IsValid("\x02\0\0\0\x01\0\0\0\x05"s));
  EXPECT_FALSE(IntsetView::IsValid("\x02\0\0\0\x01\0\0\0\x05\0\0"s));
  EXPECT_FALSE(IntsetView::IsValid("\x02\0\0\0\xff\xff\xff\xff\x05\0"s));
  EXPECT_FALSE(IntsetView::IsValid("\x02\0\0\0\x02\0\0\0\x05\0\x05\0"s));
  EXPECT_FALSE(IntsetView::IsValid("\x02\0\0\0\x02\0\0\0\x05\0\x04\0"s));
}

}  // namespace
}  // namespace keyway::shard::types
