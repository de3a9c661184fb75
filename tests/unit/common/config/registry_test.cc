#include "common/config/registry.h"

#include <gtest/gtest.h>

#include "tests/unit/common/config/sample_registry.h"

namespace keyway::config {
namespace {

using Map = std::map<std::string, std::string>;

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() { AddSample(registry, sample); }

  Sample sample;
  Registry registry;
};

TEST_F(RegistryTest, FindsByNameAndAliasInAnyCase) {
  ASSERT_NE(registry.Find("NUMBER"), nullptr);
  EXPECT_EQ(registry.Find("old-number"), registry.Find("number"));
  EXPECT_EQ(registry.Find("user"), nullptr);
  EXPECT_EQ(registry.Find("number")->initial, "10");
  EXPECT_EQ(registry.Find("number")->takes, "0..100");
}

TEST_F(RegistryTest, Get) {
  EXPECT_EQ(GetAll(registry, {"*number"}), (Map{{"number", "10"}, {"old-number", "10"}}));
  EXPECT_EQ(GetAll(registry, {"NumBer", "nope", "n[a-b]me"}),
            (Map{{"NumBer", "10"}, {"name", ""}}));
  EXPECT_EQ(GetAll(registry, {"hidden-*"}), Map{});
  EXPECT_EQ(GetAll(registry, {"hidden-switch"}), (Map{{"hidden-switch", "no"}}));
  std::vector<std::string_view> twice = {"on", "ON", "o?"};
  EXPECT_EQ(registry.Get(twice).size(), 1u);
}

TEST_F(RegistryTest, SetsAllOrNothing) {
  EXPECT_EQ(SetAll(registry, {{"number", "20"}, {"color", "GREEN"}, {"words", "a b"}}), "OK");
  EXPECT_EQ(sample.number, 20);
  EXPECT_EQ(sample.color, Color::kGreen);
  EXPECT_EQ(sample.words, (std::vector<std::string>{"a", "b"}));

  EXPECT_EQ(
      SetAll(registry, {{"number", "30"}, {"words", "c"}, {"color", "blue"}}),
      "ERR CONFIG SET failed (possibly related to argument 'color') - argument(s) must be one "
      "of the following: red, green");
  EXPECT_EQ(sample.number, 20);
  EXPECT_EQ(sample.words, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(SetAll(registry, {{"words", "a  b"}}),
            "ERR CONFIG SET failed (possibly related to argument 'words') - empty word");
}

TEST_F(RegistryTest, RefusedNames) {
  EXPECT_EQ(SetAll(registry, {{"on", "yes"}, {"Nope", "1"}}),
            "ERR Unknown option or number of arguments for CONFIG SET - 'Nope'");
  EXPECT_EQ(SetAll(registry, {{"FIXED-switch", "yes"}, {"nope", "1"}}),
            "ERR CONFIG SET failed (possibly related to argument 'FIXED-switch') - can't set "
            "immutable config");
  EXPECT_EQ(SetAll(registry, {{"on", "yes"}, {"ON", "no"}}),
            "ERR CONFIG SET failed (possibly related to argument 'ON') - duplicate parameter");
  EXPECT_EQ(SetAll(registry, {{"number", "1"}, {"old-number", "2"}}), "OK");
  EXPECT_EQ(sample.number, 2);
  EXPECT_FALSE(sample.on);
}

TEST_F(RegistryTest, ProtectedAndLoading) {
  EXPECT_EQ(SetAll(registry, {{"guarded-switch", "yes"}}),
            "ERR CONFIG SET failed (possibly related to argument 'guarded-switch') - can't set "
            "protected config");
  SetOptions options;
  options.allow_protected = true;
  EXPECT_EQ(SetAll(registry, {{"guarded-switch", "yes"}}, options), "OK");
  options.loading = true;
  EXPECT_EQ(SetAll(registry, {{"later-switch", "yes"}}, options),
            "LOADING Redis is loading the dataset in memory");
  EXPECT_EQ(SetAll(registry, {{"on", "yes"}}, options), "OK");
}

TEST_F(RegistryTest, AppliesOnceWhatChanged) {
  std::vector<std::string> calls;
  registry.OnApply({"number", "on"}, [&]() -> Status {
    calls.push_back("both " + std::to_string(sample.number));
    return {};
  });
  registry.OnApply({"name"}, [&]() -> Status {
    calls.push_back("name");
    return {};
  });
  EXPECT_EQ(SetAll(registry, {{"number", "20"}, {"on", "yes"}, {"name", "x"}}), "OK");
  EXPECT_EQ(calls, (std::vector<std::string>{"both 20", "name"}));
  EXPECT_EQ(SetAll(registry, {{"number", "20"}, {"on", "yes"}}), "OK");
  EXPECT_EQ(calls.size(), 2u);
}

TEST_F(RegistryTest, FailedApplyTakesEverythingBack) {
  std::vector<int64_t> applied;
  registry.OnApply({"number"}, [&]() -> Status {
    applied.push_back(sample.number);
    return {};
  });
  registry.OnApply({"name"}, [&]() -> Status {
    if (sample.name == "taken") return Error{"the name is taken"};
    return {};
  });
  EXPECT_EQ(SetAll(registry, {{"number", "20"}, {"words", "c"}, {"name", "taken"}}),
            "ERR CONFIG SET failed (possibly related to argument 'name') - the name is taken");
  EXPECT_EQ(sample.number, 10);
  EXPECT_EQ(sample.name, "");
  EXPECT_EQ(sample.words, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(applied, (std::vector<int64_t>{20, 10}));
}

TEST_F(RegistryTest, LinesOfAFile) {
  auto set = [this](std::vector<std::string> words) {
    Status status = registry.SetFromLine(words);
    return status.ok() ? "OK" : status.error().message;
  };
  EXPECT_EQ(set({"fixed-switch", "yes"}), "OK");
  EXPECT_TRUE(sample.fixed);
  EXPECT_EQ(set({"number", "1", "2"}), "wrong number of arguments");
  EXPECT_EQ(set({"nope", "1"}), "Bad directive or wrong number of arguments");
  EXPECT_EQ(set({"user"}), "Bad directive or wrong number of arguments");
  EXPECT_EQ(set({"user", "bad"}), "no such user");
  EXPECT_EQ(set({"USER", "me"}), "OK");
  EXPECT_EQ(set({"gone", "1"}), "OK");
  EXPECT_EQ(set({"words", "a", "b"}), "OK");
  EXPECT_EQ(set({"words", "c \"d e\""}), "OK");
  EXPECT_EQ(sample.words, (std::vector<std::string>{"a", "b", "c", "d e"}));
}

TEST_F(RegistryTest, TellsWhatHasNoEffect) {
  EXPECT_TRUE(registry.IneffectiveSettings().empty());
  sample.later = true;
  EXPECT_EQ(registry.IneffectiveSettings(), std::vector<std::string>{"later-switch"});
}

TEST_F(RegistryTest, RewriteNeedsAFile) {
  EXPECT_EQ(registry.Rewrite().error().message, "ERR The server is running without a config file");
}

TEST_F(RegistryTest, NamesAreUnique) {
  EXPECT_DEATH(AddSample(registry, sample), "is there already");
}

}  // namespace
}  // namespace keyway::config
