#include "shard/types/hash.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/keyspace/keyspace.h"

namespace keyway::shard::types {
namespace {

using keyspace::Access;
using keyspace::Encoding;
using keyspace::Key;
using keyspace::Record;

using Map = std::map<std::string, std::string>;

constexpr int64_t kNow = 1'700'000'000'000;

class HashTest : public testing::Test {
 protected:
  size_t Set(std::vector<std::string_view> pairs) {
    return *HashSet(database_, key_, pairs, limits_, kNow);
  }
  size_t Delete(std::vector<std::string_view> fields) {
    return *HashDelete(database_, key_, fields, kNow);
  }
  const Record* Find() { return database_.Find(key_, kNow, Access::kNone); }
  Encoding EncodingNow() { return Find()->encoding(); }
  Map Fields() {
    Map fields;
    if (Find() == nullptr) return fields;
    ForEachField(*Find(), [&](std::string_view field, std::string_view value) {
      EXPECT_TRUE(fields.emplace(field, value).second);
    });
    EXPECT_EQ(HashSize(*Find()), fields.size());
    return fields;
  }
  uint64_t Changes() { return keyspace_.stats().changes; }

  ManualClock clock_;
  Random random_{1};
  keyspace::Keyspace keyspace_{1, clock_, random_};
  keyspace::Database& database_ = keyspace_.database(0);
  Key key_{"key"};
  HashLimits limits_;
};

TEST_F(HashTest, BecomesLargeByFields) {
  limits_.max_fields = 2;
  EXPECT_EQ(Set({"a", "1", "b", "2"}), 2u);
  EXPECT_EQ(EncodingNow(), Encoding::kListpack);
  EXPECT_EQ(Set({"a", "3"}), 0u);
  EXPECT_EQ(EncodingNow(), Encoding::kListpack);
  EXPECT_EQ(Set({"c", ""}), 1u);
  EXPECT_EQ(EncodingNow(), Encoding::kHashtable);
  EXPECT_EQ(Fields(), (Map{{"a", "3"}, {"b", "2"}, {"c", ""}}));
  EXPECT_EQ(Delete({"a", "x", "b"}), 2u);
  EXPECT_EQ(EncodingNow(), Encoding::kHashtable);
}

TEST_F(HashTest, BecomesLargeByLength) {
  limits_.max_bytes = 3;
  Set({"abc", "def"});
  EXPECT_EQ(EncodingNow(), Encoding::kListpack);
  Set({"x", "y", "long", "1"});
  EXPECT_EQ(EncodingNow(), Encoding::kHashtable);
  EXPECT_EQ(Fields(), (Map{{"abc", "def"}, {"x", "y"}, {"long", "1"}}));
  Delete({"abc", "x", "long"});
  EXPECT_EQ(Find(), nullptr);
  EXPECT_EQ(*HashIncrementBy(database_, key_, "f", 1234, limits_, kNow), 1234);
  EXPECT_EQ(EncodingNow(), Encoding::kHashtable);
}

TEST_F(HashTest, CountsItsChanges) {
  Set({"a", "1", "b", "2", "a", "3"});
  EXPECT_EQ(Changes(), 3u);
  Set({"a", "1"});
  EXPECT_EQ(Changes(), 4u);
  EXPECT_FALSE(*HashSetNew(database_, key_, "a", "x", limits_, kNow));
  EXPECT_EQ(Delete({"x"}), 0u);
  EXPECT_EQ(Changes(), 4u);
  EXPECT_TRUE(*HashSetNew(database_, key_, "c", "x", limits_, kNow));
  EXPECT_EQ(Delete({"a", "b", "c", "d"}), 3u);
  EXPECT_EQ(Changes(), 8u);
  EXPECT_EQ(Find(), nullptr);
}

TEST_F(HashTest, Increments) {
  EXPECT_EQ(*HashIncrementBy(database_, key_, "i", 5, limits_, kNow), 5);
  EXPECT_EQ(*HashIncrementBy(database_, key_, "i", -7, limits_, kNow), -2);
  EXPECT_EQ(*HashIncrementByFloat(database_, key_, "i", 0.5L, limits_, kNow), "-1.5");
  EXPECT_EQ(HashIncrementBy(database_, key_, "i", 1, limits_, kNow).error(),
            HashError::kNotInteger);
  Set({"max", "9223372036854775807", "text", "abc"});
  EXPECT_EQ(HashIncrementBy(database_, key_, "max", 1, limits_, kNow).error(),
            HashError::kOverflow);
  EXPECT_EQ(HashIncrementByFloat(database_, key_, "text", 1, limits_, kNow).error(),
            HashError::kNotFloat);
}

TEST_F(HashTest, NotAHash) {
  database_.Set(key_, keyspace::Value::Integer(5), keyspace::kNoExpiry, kNow,
                keyspace::Event::kSet);
  const std::string_view pair[] = {"a", "1"};
  EXPECT_EQ(HashSet(database_, key_, pair, limits_, kNow).error(), HashError::kWrongType);
  EXPECT_EQ(HashSetNew(database_, key_, "a", "1", limits_, kNow).error(), HashError::kWrongType);
  EXPECT_EQ(HashDelete(database_, key_, pair, kNow).error(), HashError::kWrongType);
  EXPECT_EQ(HashIncrementBy(database_, key_, "a", 1, limits_, kNow).error(), HashError::kWrongType);
  EXPECT_EQ(HashIncrementByFloat(database_, key_, "a", 1, limits_, kNow).error(),
            HashError::kWrongType);
}

// Small ones, large ones, and those that become large on the way.
TEST_F(HashTest, LikeAMap) {
  for (const size_t max_fields : {0, 20, 1000}) {
    limits_.max_fields = max_fields;
    Map wanted;
    for (int i = 0; i < 5000; ++i) {
      const std::string field = std::to_string(random_.Below(60));
      const std::string value(random_.Below(10), 'v');
      if (random_.Below(2) == 0) {
        EXPECT_EQ(Set({field, value}), wanted.insert_or_assign(field, value).second ? 1u : 0u);
      } else {
        EXPECT_EQ(Delete({field}), wanted.erase(field));
      }
      ASSERT_EQ(Find() == nullptr, wanted.empty());
      if (Find() != nullptr) {
        Digits digits;
        const auto found = HashGet(*Find(), field, digits);
        ASSERT_EQ(found.has_value(), wanted.contains(field));
        if (found.has_value()) {
          EXPECT_EQ(*found, wanted[field]);
        }
      }
    }
    EXPECT_EQ(Fields(), wanted);
    database_.Delete(key_, kNow, keyspace::Reclaim::kNow);
  }
}

TEST_F(HashTest, Samples) {
  for (const size_t max_fields : {0, 1000}) {
    limits_.max_fields = max_fields;
    for (int i = 0; i < 100; ++i) Set({std::to_string(i), std::to_string(i * 2)});
    for (const size_t count : {0, 1, 10, 50, 99, 100}) {
      std::set<std::string> sample;
      SampleFields(*Find(), random_, count, [&](std::string_view field, std::string_view value) {
        EXPECT_TRUE(sample.emplace(field).second);
        EXPECT_EQ(std::stoi(std::string(field)) * 2, std::stoi(std::string(value)));
      });
      EXPECT_EQ(sample.size(), count);
    }
    std::set<std::string> seen;
    for (int i = 0; i < 3000; ++i) {
      RandomField(*Find(), random_,
                  [&](std::string_view field, std::string_view) { seen.emplace(field); });
    }
    EXPECT_EQ(seen.size(), 100u);
    database_.Delete(key_, kNow, keyspace::Reclaim::kNow);
  }
}

TEST_F(HashTest, CopiesAreTheirOwn) {
  for (const size_t max_fields : {0, 1000}) {
    limits_.max_fields = max_fields;
    Set({"a", "1", "b", "2"});
    const Key copy("copy");
    database_.Copy(key_, database_, copy, kNow);
    Set({"a", "3"});
    Digits digits;
    EXPECT_EQ(*HashGet(*database_.Find(copy, kNow, Access::kNone), "a", digits), "1");
    EXPECT_GT(Find()->AllocatedBytes(), 20u);
    database_.Delete(key_, kNow, keyspace::Reclaim::kNow);
    database_.Delete(copy, kNow, keyspace::Reclaim::kNow);
  }
}

}  // namespace
}  // namespace keyway::shard::types
