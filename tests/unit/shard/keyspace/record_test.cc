#include "shard/keyspace/record.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace keyway::shard::keyspace {
namespace {

Value SomeValue(int kind, const std::string& bytes) {
  if (kind == 0) return Value::Integer(-42);
  if (kind == 1) return Value::Embedded(std::string_view(bytes).substr(0, kMaxEmbeddedBytes));
  return Value::Raw(RawString::Copy(bytes));
}

std::string Bytes(const Record& record) {
  switch (record.encoding()) {
    case Encoding::kInt:
      return std::to_string(record.integer());
    case Encoding::kEmbstr:
      return std::string(record.embedded());
    case Encoding::kRaw:
      return std::string(record.raw().view());
    default:
      return "";
  }
}

TEST(RecordTest, KeepsWhatItIsGiven) {
  for (int kind : {0, 1, 2}) {
    for (int64_t expiry : {kNoExpiry, int64_t{0}, int64_t{1'700'000'000'123}, INT64_MAX}) {
      Record* record = Record::New("some key", SomeValue(kind, "value"), expiry, 0x123456);
      EXPECT_EQ(record->key(), "some key");
      EXPECT_EQ(record->type(), Type::kString);
      EXPECT_EQ(Bytes(*record), kind == 0 ? "-42" : "value");
      EXPECT_EQ(record->expiry_ms(), expiry);
      EXPECT_EQ(record->has_expiry(), expiry != kNoExpiry);
      EXPECT_EQ(record->access(), 0x123456u);
      Record::Free(record);
    }
  }
}

TEST(RecordTest, KeyAndValueMayBeEmptyOrHoldAnyByte) {
  const std::string odd("\0\r\n\xff", 4);
  Record* record = Record::New("", Value::Embedded(""), kNoExpiry, 0);
  EXPECT_EQ(record->key(), "");
  EXPECT_EQ(record->embedded(), "");
  Record::Free(record);
  record = Record::New(odd, Value::Embedded(odd), kNoExpiry, 0);
  EXPECT_EQ(record->key(), odd);
  EXPECT_EQ(record->embedded(), odd);
  Record::Free(record);
}

TEST(RecordTest, SixteenByteKeyAndValueTakeFortyEightBytes) {
  const std::string sixteen(16, 'x');
  Record* record = Record::New(sixteen, Value::Embedded(sixteen), kNoExpiry, 0);
  EXPECT_EQ(record->AllocatedBytes(), 48u);
  record = Record::SetExpiry(record, 5);
  EXPECT_EQ(record->AllocatedBytes(), 48u);
  Record::Free(record);
}

TEST(RecordTest, KeyLongerThanItsLengthFieldInTheHeader) {
  const std::string key((1u << 26) + 5, 'k');
  Record* record = Record::New(key, Value::Embedded("v"), kNoExpiry, 0);
  EXPECT_EQ(record->key(), key);
  record = Record::SetExpiry(record, 77);
  EXPECT_EQ(record->key(), key);
  EXPECT_EQ(record->embedded(), "v");
  Value old = Value::Integer(0);
  record = Record::SetValue(record, Value::Integer(5), &old);
  EXPECT_EQ(record->key(), key);
  EXPECT_EQ(record->integer(), 5);
  EXPECT_EQ(record->expiry_ms(), 77);
  Record::Free(record);
}

// The lengths around the largest that the header holds.
TEST(RecordTest, KeyLengthsAroundTheHeadersLimit) {
  for (size_t length : {(1u << 26) - 2, (1u << 26) - 1, 1u << 26}) {
    const std::string key(length, 'k');
    Record* record = Record::New(key, Value::Embedded("v"), 9, 0);
    EXPECT_EQ(record->key().size(), length);
    EXPECT_EQ(record->embedded(), "v");
    EXPECT_EQ(record->expiry_ms(), 9);
    Record::Free(record);
  }
}

TEST(RecordTest, RandomChangesKeepTheRest) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    std::string key(random.Below(70), 'k');
    std::string bytes(random.Below(90), 'a');
    int kind = static_cast<int>(random.Below(3));
    int64_t expiry = random.Below(2) == 0 ? kNoExpiry : 1000;
    Record* record = Record::New(key, SomeValue(kind, bytes), expiry, 77);
    for (int step = 0; step < 20; ++step) {
      switch (random.Below(4)) {
        case 0: {
          bytes = std::string(random.Below(90), static_cast<char>('a' + random.Below(26)));
          kind = static_cast<int>(random.Below(3));
          Value old = Value::Integer(0);
          record = Record::SetValue(record, SomeValue(kind, bytes), &old);
          break;
        }
        case 1:
          expiry = random.Below(2) == 0 ? kNoExpiry : static_cast<int64_t>(random.Below(1 << 30));
          record = Record::SetExpiry(record, expiry);
          break;
        case 2:
          key = std::string(random.Below(70), 'n');
          record = Record::SetKey(record, key);
          break;
        default: {
          Record* copy = Record::Duplicate(*record, key, expiry, record->access());
          Record::Free(std::exchange(record, copy));
        }
      }
      ASSERT_EQ(record->key(), key);
      ASSERT_EQ(record->expiry_ms(), expiry);
      ASSERT_EQ(record->access(), 77u);
      const std::string wanted = kind == 0   ? "-42"
                                 : kind == 1 ? bytes.substr(0, kMaxEmbeddedBytes)
                                             : bytes;
      ASSERT_EQ(Bytes(*record), wanted);
    }
    Record::Free(record);
  }
}

TEST(RecordTest, RemembersThatItIsADuplicateUntilItIsSet) {
  Record* record = Record::New("k", Value::Integer(5), kNoExpiry, 0);
  EXPECT_FALSE(record->is_duplicate());
  Record* copy = Record::Duplicate(*record, "copy", kNoExpiry, 0);
  EXPECT_TRUE(copy->is_duplicate());
  copy = Record::SetExpiry(copy, 5);
  copy = Record::SetKey(copy, "a much longer key than before");
  EXPECT_TRUE(copy->is_duplicate());
  copy->set_integer(6);
  EXPECT_FALSE(copy->is_duplicate());
  Record::Free(copy);
  Record::Free(record);
}

TEST(RecordTest, Expiry) {
  Record* record = Record::New("k", Value::Integer(1), 1000, 0);
  EXPECT_FALSE(record->IsExpired(999));
  EXPECT_FALSE(record->IsExpired(1000));
  EXPECT_TRUE(record->IsExpired(1001));
  record = Record::SetExpiry(record, kNoExpiry);
  EXPECT_FALSE(record->IsExpired(INT64_MAX));
  Record::Free(record);
}

TEST(RawStringTest, ExtendKeepsAndZeroes) {
  RawString::Ptr string = RawString::Copy("abc");
  string = RawString::Extend(std::move(string), 5);
  EXPECT_EQ(string->view(), std::string("abc\0\0", 5));
  EXPECT_GE(string->AllocatedBytes(), sizeof(RawString) + 10);
  string->data()[4] = 'x';
  string = RawString::Extend(std::move(string), 6);
  EXPECT_EQ(string->view(), std::string("abc\0x\0", 6));
  const size_t large = 3 << 20;
  string = RawString::Extend(std::move(string), large);
  EXPECT_EQ(string->length(), large);
  EXPECT_LE(string->AllocatedBytes(), large + (1 << 20) + 64);
}

TEST(ValueTest, MoveLeavesNothingBehind) {
  Value value = Value::Raw(RawString::Copy("abc"));
  Value moved = std::move(value);
  EXPECT_EQ(moved.encoding(), Encoding::kRaw);
  EXPECT_EQ(value.encoding(), Encoding::kInt);  // NOLINT(bugprone-use-after-move)
  value = std::move(moved);
  EXPECT_EQ(value.encoding(), Encoding::kRaw);
}

}  // namespace
}  // namespace keyway::shard::keyspace
