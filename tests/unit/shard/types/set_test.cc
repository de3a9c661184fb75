#include "shard/types/set.h"

#include <algorithm>
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

using Members = std::set<std::string>;

constexpr int64_t kNow = 1'700'000'000'000;

Members MembersOf(const SetView& set) {
  Members members;
  set.ForEach([&](const SetElement& element) {
    EXPECT_TRUE(members.emplace(element.text).second);
    EXPECT_TRUE(set.Contains(element));
    EXPECT_TRUE(set.Contains(element.text));
  });
  EXPECT_EQ(members.size(), set.size());
  return members;
}

class SetTest : public testing::Test {
 protected:
  size_t Add(std::string_view key, std::vector<std::string_view> members) {
    return *SetAdd(database_, Key(key), members, limits_, kNow);
  }
  size_t Remove(std::string_view key, std::vector<std::string_view> members) {
    return *SetRemove(database_, Key(key), members, kNow);
  }
  const Record* Find(std::string_view key) { return database_.Find(Key(key), kNow, Access::kNone); }
  Members Get(std::string_view key) {
    const Record* record = Find(key);
    return record == nullptr ? Members() : MembersOf(SetView(*record));
  }
  uint64_t Changes() { return keyspace_.stats().changes; }

  ManualClock clock_;
  Random random_{1};
  keyspace::Keyspace keyspace_{1, clock_, random_};
  keyspace::Database& database_ = keyspace_.database(0);
  SetLimits limits_;
};

TEST_F(SetTest, EncodingsAsInRedis) {
  limits_.max_integers = 3;
  EXPECT_EQ(Add("s", {"1", "2", "1"}), 2u);
  EXPECT_EQ(Find("s")->encoding(), Encoding::kIntset);
  EXPECT_EQ(Add("s", {"-9223372036854775808"}), 1u);
  EXPECT_EQ(Find("s")->encoding(), Encoding::kIntset);
  EXPECT_EQ(Add("s", {"4"}), 1u);
  EXPECT_EQ(Find("s")->encoding(), Encoding::kHashtable);
  EXPECT_EQ(Remove("s", {"4", "2", "x"}), 2u);
  EXPECT_EQ(Find("s")->encoding(), Encoding::kHashtable);
  EXPECT_EQ(Get("s"), (Members{"1", "-9223372036854775808"}));
  for (const std::string_view text : {"01", "-0", "+1", "", "9223372036854775808", "a"}) {
    Add("t", {"1", text});
    EXPECT_EQ(Find("t")->encoding(), Encoding::kHashtable) << text;
    EXPECT_EQ(Remove("t", {"1", text}), 2u);
    EXPECT_EQ(Find("t"), nullptr);
  }
}

TEST_F(SetTest, CountsItsChanges) {
  EXPECT_EQ(Add("s", {"a", "b", "a"}), 2u);
  EXPECT_EQ(Changes(), 2u);
  EXPECT_EQ(Add("s", {"a"}), 0u);
  EXPECT_EQ(Remove("s", {"x"}), 0u);
  EXPECT_EQ(Changes(), 2u);
  EXPECT_EQ(Remove("s", {"a", "b"}), 2u);
  EXPECT_EQ(Changes(), 4u);
}

TEST_F(SetTest, Moves) {
  Add("s", {"1", "a"});
  EXPECT_TRUE(*SetMove(database_, Key("s"), Key("t"), "1", limits_, kNow));
  EXPECT_FALSE(*SetMove(database_, Key("s"), Key("t"), "1", limits_, kNow));
  EXPECT_EQ(Find("t")->encoding(), Encoding::kIntset);
  EXPECT_TRUE(*SetMove(database_, Key("s"), Key("s"), "a", limits_, kNow));
  EXPECT_TRUE(*SetMove(database_, Key("s"), Key("t"), "a", limits_, kNow));
  EXPECT_EQ(Find("s"), nullptr);
  EXPECT_EQ(Get("t"), (Members{"1", "a"}));
}

TEST_F(SetTest, NotASet) {
  const Key key("k");
  database_.Set(key, keyspace::Value::Integer(5), keyspace::kNoExpiry, kNow, keyspace::Event::kSet);
  const std::string_view members[] = {"a"};
  Add("s", {"a"});
  EXPECT_EQ(SetAdd(database_, key, members, limits_, kNow).error(), SetError::kWrongType);
  EXPECT_EQ(SetRemove(database_, key, members, kNow).error(), SetError::kWrongType);
  EXPECT_EQ(SetMove(database_, key, Key("s"), "a", limits_, kNow).error(), SetError::kWrongType);
  EXPECT_EQ(SetMove(database_, Key("s"), key, "a", limits_, kNow).error(), SetError::kWrongType);
  EXPECT_EQ(Get("s"), Members{"a"});
}

TEST_F(SetTest, LikeASet) {
  for (const size_t max_integers : {0, 30, 1000}) {
    limits_.max_integers = max_integers;
    Members wanted;
    for (int i = 0; i < 5000; ++i) {
      const std::string member =
          (random_.Below(50) == 0 && i > 2500 ? "x" : "") + std::to_string(random_.Below(80));
      if (random_.Below(2) == 0) {
        EXPECT_EQ(Add("s", {member}), wanted.insert(member).second ? 1u : 0u);
      } else {
        EXPECT_EQ(Remove("s", {member}), wanted.erase(member));
      }
      ASSERT_EQ(Find("s") == nullptr, wanted.empty());
    }
    EXPECT_EQ(Get("s"), wanted);
    database_.Delete(Key("s"), kNow, keyspace::Reclaim::kNow);
  }
}

// SPOP by each of its ways: one by one, all but a few, all.
TEST_F(SetTest, Pops) {
  for (const size_t max_integers : {10, 1000}) {
    for (const size_t count : {1, 7, 80, 97, 100, 1000}) {
      limits_.max_integers = max_integers;
      Members all;
      for (int i = 0; i < 100; ++i) {
        all.insert(std::to_string(i));
        Add("s", {std::to_string(i)});
      }
      Members popped;
      SetPop(database_, Key("s"), Find("s"), count, random_, limits_,
             [&](const SetElement& element) { EXPECT_TRUE(popped.emplace(element.text).second); });
      const Members left = Get("s");
      EXPECT_EQ(popped.size(), std::min<size_t>(count, 100));
      Members both = popped;
      both.insert(left.begin(), left.end());
      EXPECT_EQ(both, all);
      EXPECT_EQ(popped.size() + left.size(), 100u);
      if (count == 97) {
        EXPECT_EQ(Find("s")->encoding(), Encoding::kIntset);
      }
      database_.Delete(Key("s"), kNow, keyspace::Reclaim::kNow);
    }
  }
}

TEST_F(SetTest, Samples) {
  for (const size_t max_integers : {10, 1000}) {
    limits_.max_integers = max_integers;
    for (int i = 0; i < 100; ++i) Add("s", {std::to_string(i)});
    const SetView set(*Find("s"));
    for (const size_t count : {0, 1, 10, 50, 99, 100}) {
      Members sample;
      set.Sample(random_, count, [&](const SetElement& element) {
        EXPECT_TRUE(sample.emplace(element.text).second);
        EXPECT_TRUE(set.Contains(element));
      });
      EXPECT_EQ(sample.size(), count);
    }
    Members seen;
    IntegerText text;
    for (int i = 0; i < 3000; ++i) seen.emplace(set.RandomMember(random_, text).text);
    EXPECT_EQ(seen.size(), 100u);
    database_.Delete(Key("s"), kNow, keyspace::Reclaim::kNow);
  }
}

class SetAlgebraTest : public SetTest {
 protected:
  // Some sets of any encoding and size, missing ones too.
  std::vector<const Record*> RandomSets(std::vector<Members>* wanted) {
    database_.Flush(keyspace::Reclaim::kNow);
    std::vector<const Record*> sets;
    const size_t count = 1 + random_.Below(4);
    for (size_t i = 0; i < count; ++i) {
      const std::string key = std::to_string(i);
      const uint64_t size = random_.Below(3) == 0 ? random_.Below(4) : random_.Below(60);
      const bool text = random_.Below(2) == 0;
      for (uint64_t j = 0; j < size; ++j) {
        Add(key, {(text && random_.Below(3) == 0 ? "x" : "") + std::to_string(random_.Below(50))});
      }
      sets.push_back(Find(key));
      wanted->push_back(Get(key));
    }
    if (random_.Below(5) == 0) {
      const size_t again = random_.Below(sets.size());
      sets.push_back(sets[again]);
      wanted->push_back(Members((*wanted)[again]));
    }
    return sets;
  }
};

TEST_F(SetAlgebraTest, LikeTheStandardOnes) {
  limits_.max_integers = 20;
  for (int round = 0; round < 2000; ++round) {
    std::vector<Members> models;
    const std::vector<const Record*> sets = RandomSets(&models);
    Members all;
    Members common = models[0];
    Members difference = models[0];
    for (const Members& model : models) {
      all.insert(model.begin(), model.end());
      std::erase_if(common, [&](const std::string& member) { return !model.contains(member); });
      if (&model == models.data()) continue;
      std::erase_if(difference, [&](const std::string& member) { return model.contains(member); });
    }
    EXPECT_EQ(MembersOf(BuildUnion(sets, limits_).view()), all);
    EXPECT_EQ(MembersOf(BuildIntersection(sets, limits_).view()), common);
    EXPECT_EQ(MembersOf(BuildDifference(sets, limits_).view()), difference);
    Members visited;
    VisitDifference(sets, limits_, [&](const SetElement& element) {
      EXPECT_TRUE(visited.emplace(element.text).second);
    });
    EXPECT_EQ(visited, difference);
    const size_t limit = 1 + random_.Below(5);
    size_t seen = 0;
    VisitIntersection(sets, [&](const SetElement&) { return ++seen != limit; });
    EXPECT_EQ(seen, std::min(limit, common.size()));
  }
}

TEST_F(SetAlgebraTest, LargeSets) {
  for (int i = 0; i < 20'000; ++i) {
    const std::string member = "m" + std::to_string(i);
    Add("a", {member});
    if (i % 2 == 0) Add("b", {member});
  }
  const Record* sets[] = {Find("a"), Find("b")};
  EXPECT_EQ(BuildIntersection(sets, limits_).size(), 10'000u);
  EXPECT_EQ(BuildDifference(sets, limits_).size(), 10'000u);
  EXPECT_EQ(BuildUnion(sets, limits_).size(), 20'000u);
  size_t seen = 0;
  VisitIntersection(sets, [&](const SetElement&) { return ++seen != 700; });
  EXPECT_EQ(seen, 700u);
}

}  // namespace
}  // namespace keyway::shard::types
