#include "common/config/values.h"

#include <gtest/gtest.h>

namespace keyway::config {
namespace {

// "changed", "same" or the error.
std::string Set(Value& value, std::vector<std::string> words) {
  Expected<bool> set = value.Set(words);
  if (!set) return set.error().message;
  return *set ? "changed" : "same";
}

TEST(Values, Bool) {
  bool variable = false;
  auto value = MakeBool(variable);
  EXPECT_EQ(Set(*value, {"YES"}), "changed");
  EXPECT_TRUE(variable);
  EXPECT_EQ(Set(*value, {"yes"}), "same");
  EXPECT_EQ(Set(*value, {"1"}), "argument must be 'yes' or 'no'");
  EXPECT_EQ(value->Get(), "yes");
}

TEST(Values, Integer) {
  int64_t variable = 5;
  auto value = MakeInteger(variable, {-10, 20});
  EXPECT_EQ(Set(*value, {"-10"}), "changed");
  EXPECT_EQ(variable, -10);
  EXPECT_EQ(Set(*value, {"21"}), "argument must be between -10 and 20 inclusive");
  for (const char* text : {"", "-", "+1", "01", "-0", "1x", " 1", "9223372036854775808"}) {
    EXPECT_EQ(Set(*value, {text}), "argument couldn't be parsed into an integer") << text;
  }
  EXPECT_EQ(value->Get(), "-10");
}

TEST(Values, Octal) {
  int64_t variable = 0;
  auto value = MakeOctal(variable, {0, 0777});
  EXPECT_EQ(Set(*value, {"770"}), "changed");
  EXPECT_EQ(variable, 0770);
  EXPECT_EQ(value->Get(), "770");
  EXPECT_EQ(Set(*value, {"8"}), "argument couldn't be parsed as an octal number");
  EXPECT_EQ(Set(*value, {"1000"}), "argument must be between 0 and 777 inclusive");
}

TEST(Values, Memory) {
  int64_t variable = 1024;
  auto value = MakeMemory(variable, {1024, 1 << 20});
  EXPECT_EQ(Set(*value, {"1mb"}), "changed");
  EXPECT_EQ(value->Get(), "1048576");
  EXPECT_EQ(value->Rewrite("1024")[0].text, "1mb");
  EXPECT_EQ(Set(*value, {"2mb"}), "argument must be between 1024 and 1048576 inclusive");
  EXPECT_EQ(Set(*value, {"x"}), "argument must be a memory value");
  uint64_t large = 0;
  EXPECT_EQ(Set(*MakeMemory(large), {"99999999999999999999999"}), "changed");
  EXPECT_EQ(large, std::numeric_limits<uint64_t>::max());
}

TEST(Values, Text) {
  std::string variable;
  auto value = MakeText(variable, [](const std::string& text) -> Status {
    if (text == "bad") return Error{"bad text"};
    return {};
  });
  EXPECT_EQ(Set(*value, {"a \"b\""}), "changed");
  EXPECT_EQ(Set(*value, {"bad"}), "bad text");
  EXPECT_EQ(variable, "a \"b\"");
  EXPECT_EQ(value->Rewrite("")[0].text, R"("a \"b\"")");
  EXPECT_EQ(Set(*value, {""}), "changed");
  EXPECT_TRUE(value->Rewrite("").empty());
  EXPECT_EQ(value->Rewrite("default")[0].text, "\"\"");
}

TEST(Values, Enum) {
  uint64_t variable = 0;
  auto value = MakeEnum(
      {{"no", 0}, {"yes", 1}, {"relative", 1}}, /*combine=*/false, [&] { return variable; },
      [&](uint64_t v) { variable = v; }, nullptr);
  EXPECT_EQ(Set(*value, {"RELATIVE"}), "changed");
  EXPECT_EQ(value->Get(), "yes");
  EXPECT_EQ(Set(*value, {"x"}), "argument(s) must be one of the following: no, yes, relative");
}

TEST(Values, Bits) {
  uint64_t variable = 0;
  auto value = MakeEnum(
      {{"none", 0}, {"a", 1}, {"b", 2}}, /*combine=*/true, [&] { return variable; },
      [&](uint64_t v) { variable = v; },
      [](uint64_t v) -> Status {
        if (v == 3) return Error{"not both"};
        return {};
      });
  EXPECT_EQ(value->Get(), "none");
  EXPECT_EQ(Set(*value, {"none", "b"}), "changed");
  EXPECT_EQ(value->Get(), "b");
  EXPECT_EQ(Set(*value, {"a", "b"}), "not both");
  EXPECT_EQ(Set(*value, {}), "argument(s) must be one of the following: none, a, b");
  EXPECT_EQ(variable, 2u);
}

}  // namespace
}  // namespace keyway::config
