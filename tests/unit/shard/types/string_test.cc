#include "shard/types/string.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/keyspace/keyspace.h"
#include "shard/types/integer.h"

namespace keyway::shard::types {
namespace {

using keyspace::Encoding;
using keyspace::Key;
using keyspace::Record;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr size_t kMaxBytes = 1000;

class StringTest : public testing::Test {
 protected:
  void Set(std::string_view value, int64_t expiry_ms = keyspace::kNoExpiry) {
    database_.Set(key_, EncodeString(value), expiry_ms, kNow, keyspace::Event::kSet);
  }
  const Record& Get() { return *database_.Find(key_, kNow, keyspace::Access::kNone); }
  std::string Bytes() { return std::string(StringBytes(Get()).view()); }

  ManualClock clock_;
  Random random_{1};
  keyspace::Keyspace keyspace_{1, clock_, random_};
  keyspace::Database& database_ = keyspace_.database(0);
  Key key_{"key"};
};

TEST_F(StringTest, EncodingsAsInRedis) {
  struct Case {
    std::string value;
    Encoding encoding;
  };
  const Case cases[] = {
      {"", Encoding::kEmbstr},
      {"0", Encoding::kInt},
      {"-1", Encoding::kInt},
      {"9223372036854775807", Encoding::kInt},
      {"-9223372036854775808", Encoding::kInt},
      {"9223372036854775808", Encoding::kEmbstr},
      {"-0", Encoding::kEmbstr},
      {"+1", Encoding::kEmbstr},
      {"01", Encoding::kEmbstr},
      {" 1", Encoding::kEmbstr},
      {"1 ", Encoding::kEmbstr},
      {"-", Encoding::kEmbstr},
      {"1.0", Encoding::kEmbstr},
      {std::string("1\0", 2), Encoding::kEmbstr},
      {std::string(44, 'x'), Encoding::kEmbstr},
      {std::string(45, 'x'), Encoding::kRaw},
      {std::string(45, '1'), Encoding::kRaw},
  };
  for (const Case& c : cases) {
    Set(c.value);
    EXPECT_EQ(Get().encoding(), c.encoding) << c.value;
    EXPECT_EQ(Bytes(), c.value);
    EXPECT_EQ(StringLength(Get()), c.value.size());
  }
}

TEST_F(StringTest, IncrementBy) {
  EXPECT_EQ(*IncrementBy(database_, key_, 5, kNow), 5);
  EXPECT_EQ(*IncrementBy(database_, key_, -7, kNow), -2);
  EXPECT_EQ(Get().encoding(), Encoding::kInt);
  Set("9223372036854775807", kNow + 100);
  EXPECT_EQ(IncrementBy(database_, key_, 1, kNow).error(), StringError::kOverflow);
  EXPECT_EQ(*IncrementBy(database_, key_, -1, kNow), INT64_MAX - 1);
  EXPECT_EQ(Get().expiry_ms(), kNow + 100);
  Set("-9223372036854775808");
  EXPECT_EQ(IncrementBy(database_, key_, -1, kNow).error(), StringError::kOverflow);
  Set("abc");
  EXPECT_EQ(IncrementBy(database_, key_, 1, kNow).error(), StringError::kNotInteger);
}

// A number that is stored as bytes, as after APPEND, becomes an integer.
TEST_F(StringTest, IncrementOfRawBytes) {
  Set("1");
  EXPECT_EQ(*Append(database_, key_, "2", kMaxBytes, kNow), 2u);
  EXPECT_EQ(Get().encoding(), Encoding::kRaw);
  EXPECT_EQ(*IncrementBy(database_, key_, 1, kNow), 13);
  EXPECT_EQ(Get().encoding(), Encoding::kInt);
}

TEST_F(StringTest, IncrementByFloat) {
  EXPECT_EQ(*IncrementByFloat(database_, key_, 0.1L, kNow), "0.1");
  EXPECT_EQ(*IncrementByFloat(database_, key_, 0.2L, kNow), "0.3");
  EXPECT_EQ(*IncrementByFloat(database_, key_, 0.7L, kNow), "1");
  EXPECT_EQ(Get().encoding(), Encoding::kEmbstr);
  Set("5", kNow + 7);
  EXPECT_EQ(*IncrementByFloat(database_, key_, 1e20L, kNow), "100000000000000000008");
  EXPECT_EQ(Get().expiry_ms(), kNow + 7);
  EXPECT_EQ(IncrementByFloat(database_, key_, INFINITY, kNow).error(), StringError::kNanOrInfinity);
  Set("inf");
  EXPECT_EQ(IncrementByFloat(database_, key_, 1, kNow).error(), StringError::kNanOrInfinity);
  Set("1x");
  EXPECT_EQ(IncrementByFloat(database_, key_, 1, kNow).error(), StringError::kNotFloat);
  Set("1");
  EXPECT_EQ(IncrementByFloat(database_, key_, 1e400L, kNow)->size(), 401u);
  EXPECT_EQ(Get().encoding(), Encoding::kRaw);
}

TEST_F(StringTest, Append) {
  EXPECT_EQ(*Append(database_, key_, "12", kMaxBytes, kNow), 2u);
  EXPECT_EQ(Get().encoding(), Encoding::kInt);
  EXPECT_EQ(*Append(database_, key_, "", kMaxBytes, kNow), 2u);
  EXPECT_EQ(Get().encoding(), Encoding::kRaw);
  std::string wanted = "12";
  for (int i = 0; wanted.size() + 7 <= kMaxBytes; ++i) {
    const std::string piece(static_cast<size_t>(i % 8), 'x');
    wanted += piece;
    ASSERT_EQ(*Append(database_, key_, piece, kMaxBytes, kNow), wanted.size());
  }
  EXPECT_EQ(Bytes(), wanted);
  EXPECT_EQ(Append(database_, key_, std::string(8, 'x'), kMaxBytes, kNow).error(),
            StringError::kTooLong);
  EXPECT_EQ(Bytes(), wanted);
}

TEST_F(StringTest, SetRange) {
  EXPECT_EQ(*SetRange(database_, key_, 5, "", kMaxBytes, kNow), 0u);
  EXPECT_EQ(database_.size(), 0u);
  EXPECT_EQ(*SetRange(database_, key_, 2, "ab", kMaxBytes, kNow), 4u);
  EXPECT_EQ(Bytes(), std::string("\0\0ab", 4));
  EXPECT_EQ(Get().encoding(), Encoding::kRaw);
  EXPECT_EQ(*SetRange(database_, key_, 0, "xyz", kMaxBytes, kNow), 4u);
  EXPECT_EQ(Bytes(), "xyzb");
  EXPECT_EQ(*SetRange(database_, key_, 6, "!", kMaxBytes, kNow), 7u);
  EXPECT_EQ(Bytes(), std::string("xyzb\0\0!", 7));
  Set("12345", kNow + 5);
  EXPECT_EQ(*SetRange(database_, key_, 1, "x", kMaxBytes, kNow), 5u);
  EXPECT_EQ(Bytes(), "1x345");
  EXPECT_EQ(Get().expiry_ms(), kNow + 5);
  EXPECT_EQ(*SetRange(database_, key_, kMaxBytes + 5, "", kMaxBytes, kNow), 5u);
  EXPECT_EQ(SetRange(database_, key_, kMaxBytes, "x", kMaxBytes, kNow).error(),
            StringError::kTooLong);
  EXPECT_EQ(SetRange(database_, key_, SIZE_MAX, "xx", kMaxBytes, kNow).error(),
            StringError::kTooLong);
  EXPECT_EQ(*SetRange(database_, key_, kMaxBytes - 1, "x", kMaxBytes, kNow), kMaxBytes);
}

TEST(SubstringTest, LikeRedis) {
  EXPECT_EQ(Substring("abc", 0, -1), "abc");
  EXPECT_EQ(Substring("abc", 1, 1), "b");
  EXPECT_EQ(Substring("abc", -2, 100), "bc");
  EXPECT_EQ(Substring("abc", -1, -3), "");
  EXPECT_EQ(Substring("abc", -3, -1), "abc");
  EXPECT_EQ(Substring("abc", -100, -50), "a");
  EXPECT_EQ(Substring("abc", 3, 5), "");
  EXPECT_EQ(Substring("", 0, -1), "");
  EXPECT_EQ(Substring("abc", INT64_MIN, INT64_MAX), "abc");
  EXPECT_EQ(Substring("abc", INT64_MAX, INT64_MIN), "");
}

TEST(IntegerTest, OneWayToWriteEachNumber) {
  int64_t value = 7;
  EXPECT_TRUE(ParseInteger("-9223372036854775808", &value));
  EXPECT_EQ(value, INT64_MIN);
  for (const char* bad :
       {"", "-", "-0", "00", "1a", "a1", "1 ", " 1", "+1", "--1", "0x1", "9223372036854775808",
        "-9223372036854775809", "111111111111111111111111111"}) {
    EXPECT_FALSE(ParseInteger(bad, &value)) << bad;
  }
}

}  // namespace
}  // namespace keyway::shard::types
