#include "shard/scripting/script_cache.h"

#include <gtest/gtest.h>

#include <string>

#include "shard/keyspace/lazy_free.h"
#include "tests/unit/shard/scripting/fake_host.h"

namespace keyway::shard::scripting {
namespace {

constexpr char kReturnOne[] = "return 1";
constexpr char kSha1OfReturnOne[] = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

class ScriptCacheTest : public testing::Test {
 protected:
  FakeHost host_;
  keyspace::LazyFree lazy_free_;
  ScriptCache cache_{host_, lazy_free_};
};

TEST_F(ScriptCacheTest, FindsByTextAndBySha1) {
  EXPECT_EQ(cache_.FindByText(kReturnOne), nullptr);
  EXPECT_EQ(cache_.FindBySha1(kSha1OfReturnOne), nullptr);
  const auto script = cache_.Load(kReturnOne);
  ASSERT_TRUE(script.ok());
  EXPECT_EQ(script.value()->sha1(), kSha1OfReturnOne);
  EXPECT_EQ(cache_.FindByText(kReturnOne), script.value());
  EXPECT_EQ(cache_.FindBySha1(kSha1OfReturnOne), script.value());
  EXPECT_EQ(cache_.FindBySha1("E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"), script.value());
  EXPECT_EQ(cache_.FindBySha1("e0e1"), nullptr);
  EXPECT_EQ(cache_.Load(kReturnOne).value(), script.value());
  EXPECT_EQ(cache_.count(), 1u);
}

TEST_F(ScriptCacheTest, KeepsScriptsApart) {
  const Script* first = cache_.Load("return 1").value();
  const Script* second = cache_.Load("#!lua flags=no-writes\nreturn 1").value();
  EXPECT_NE(first->sha1(), second->sha1());
  EXPECT_EQ(first->flags, kScriptEvalCompat);
  EXPECT_EQ(second->flags, kScriptNoWrites);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(cache_.Load("return " + std::to_string(i)).ok());
  }
  EXPECT_EQ(cache_.count(), 1001u);
  EXPECT_EQ(cache_.FindByText("return 1"), first);
  EXPECT_EQ(cache_.FindBySha1(second->sha1()), second);
  EXPECT_GT(cache_.MemoryBytes(), 1001 * sizeof(Script));
}

TEST_F(ScriptCacheTest, KeepsNothingThatDoesNotCompile) {
  EXPECT_EQ(cache_.Load("return (").error().message,
            "ERR Error compiling script (new function): user_script:1: unexpected symbol near "
            "'<eof>'");
  EXPECT_EQ(cache_.Load("#!lua x\n").error().message, "ERR Unknown lua shebang option: x");
  EXPECT_EQ(cache_.count(), 0u);
}

TEST_F(ScriptCacheTest, Clears) {
  for (const bool later : {false, true}) {
    ASSERT_TRUE(cache_.Load(kReturnOne).ok());
    cache_.Clear(later);
    EXPECT_EQ(cache_.count(), 0u);
    EXPECT_EQ(cache_.FindByText(kReturnOne), nullptr);
    EXPECT_EQ(cache_.FindBySha1(kSha1OfReturnOne), nullptr);
  }
}

}  // namespace
}  // namespace keyway::shard::scripting
