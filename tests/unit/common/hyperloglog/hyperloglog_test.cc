#include "common/hyperloglog/hyperloglog.h"

#include <string>

#include <gtest/gtest.h>

namespace keyway {
namespace {

using namespace std::string_literals;  // NOLINT(google-build-using-namespace)

constexpr size_t kLimit = 3000;

TEST(HyperLogLog, BytesAreThoseOfRedis) {
  std::string bytes = HyperLogLog::Empty();
  EXPECT_EQ(bytes, "HYLL\1\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"s);
  EXPECT_EQ(HyperLogLog::Count(bytes), 0u);
  EXPECT_EQ(HyperLogLog::Add(&bytes, kLimit, "a"), 1);
  EXPECT_EQ(HyperLogLog::Add(&bytes, kLimit, "a"), 0);
  EXPECT_EQ(HyperLogLog::CachedCount(bytes), std::nullopt);
  EXPECT_EQ(HyperLogLog::Count(bytes), 1u);
}

TEST(HyperLogLog, SparseAndDenseAgree) {
  std::string sparse = HyperLogLog::Empty();
  std::string dense = HyperLogLog::Empty();
  ASSERT_TRUE(HyperLogLog::MakeDense(&dense));
  EXPECT_EQ(dense.size(), HyperLogLog::kDenseBytes);
  for (int i = 0; i < 5000; ++i) {
    const std::string element = std::to_string(i);
    const bool changed = HyperLogLog::AddToDense(dense.data(), element);
    EXPECT_EQ(HyperLogLog::Add(&sparse, kLimit, element), changed ? 1 : 0) << i;
    if (i % 100 != 0) continue;
    EXPECT_EQ(HyperLogLog::Count(sparse), HyperLogLog::Count(dense)) << i;
  }
  EXPECT_FALSE(HyperLogLog::IsSparse(sparse));  // it has grown past the limit
  EXPECT_EQ(sparse.substr(16), dense.substr(16));
}

TEST(HyperLogLog, Corrupted) {
  std::string bytes = "HYLL\1\0\0\0\0\0\0\0\0\0\0\0\x7f\xfe"s;  // a register too few
  EXPECT_TRUE(HyperLogLog::IsValid(bytes));
  EXPECT_EQ(HyperLogLog::Count(bytes), std::nullopt);
  EXPECT_EQ(HyperLogLog::Raise(&bytes, kLimit, HyperLogLog::kRegisters - 1, 3), -1);
  EXPECT_FALSE(HyperLogLog::MakeDense(&bytes));
  EXPECT_FALSE(HyperLogLog::IsValid("HYLL\0\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"s));
  EXPECT_FALSE(HyperLogLog::IsValid("HYLL\2\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"s));
  EXPECT_FALSE(HyperLogLog::IsValid("HYLL"));
}

TEST(HyperLogLog, SelfTest) {
  EXPECT_EQ(TestHyperLogLog(), "");
}

}  // namespace
}  // namespace keyway
