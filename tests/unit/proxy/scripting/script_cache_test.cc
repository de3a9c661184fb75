#include "proxy/scripting/script_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace keyway::proxy::scripting {
namespace {

// As redis-server answers SCRIPT LOAD "return 1".
constexpr const char* kReturn1 = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

TEST(ScriptCacheTest, FindsWhatWasAddedByItsSha1InAnyCase) {
  ScriptCache cache(1 << 20);
  const auto added = cache.Add("return 1");
  ASSERT_NE(added.script, nullptr);
  EXPECT_TRUE(added.is_new);
  EXPECT_EQ(added.script->sha1, kReturn1);
  EXPECT_FALSE(cache.Add("return 1").is_new);
  EXPECT_EQ(cache.count(), 1u);
  EXPECT_EQ(cache.Find(kReturn1), added.script);
  std::string upper = kReturn1;
  std::transform(upper.begin(), upper.end(), upper.begin(), ::toupper);
  EXPECT_EQ(cache.Find(upper), added.script);
  for (const char* other : {"", "x", "e0e1f9fabfc9d4800c877a703b823ac0578ff8dc", "e0e1f9"}) {
    EXPECT_EQ(cache.Find(other), nullptr) << other;
  }
}

TEST(ScriptCacheTest, OnlyWhatIsCompiledExists) {
  ScriptCache cache(1 << 20);
  const auto script = cache.Add("return 1").script;
  cache.Add("return (");
  EXPECT_FALSE(cache.Exists(kReturn1));
  EXPECT_TRUE(cache.Compiled().empty());
  script->compiled = true;
  EXPECT_TRUE(cache.Exists(kReturn1));
  EXPECT_EQ(cache.Compiled(), (std::vector<ScriptPtr>{script}));
}

TEST(ScriptCacheTest, ForgetsWhatWasUsedLeastLately) {
  ScriptCache cache(20'000);
  const std::string filler(1000, ' ');
  std::vector<std::string> sha1s;
  for (int i = 0; i < 10; ++i) {
    sha1s.push_back(cache.Add("return " + std::to_string(i) + filler).script->sha1);
  }
  EXPECT_EQ(cache.count(), 10u);
  EXPECT_NE(cache.Find(sha1s[0]), nullptr);
  for (int i = 10; i < 20; ++i) cache.Add("return " + std::to_string(i) + filler);
  EXPECT_LE(cache.bytes(), 20'000u);
  EXPECT_LT(cache.count(), 20u);
  EXPECT_NE(cache.Find(sha1s[0]), nullptr);
  EXPECT_EQ(cache.Find(sha1s[1]), nullptr);
}

TEST(ScriptCacheTest, KeepsNoScriptThatWouldDriveOutTheOthers) {
  ScriptCache cache(4000);
  EXPECT_EQ(cache.Add(std::string(1000, 'x')).script, nullptr);
  EXPECT_EQ(ScriptCache(0).Add("return 1").script, nullptr);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(ScriptCacheTest, AClearedCacheIsEmpty) {
  ScriptCache cache(1 << 20);
  const auto script = cache.Add("return 1").script;
  cache.Clear();
  EXPECT_EQ(cache.Find(kReturn1), nullptr);
  EXPECT_EQ(cache.count(), 0u);
  EXPECT_EQ(cache.bytes(), 0u);
  EXPECT_EQ(script->text, "return 1");
  EXPECT_TRUE(cache.Add("return 1").is_new);
}

TEST(ScriptCacheTest, ServesSeveralThreads) {
  ScriptCache cache(50'000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (int i = 0; i < 2000; ++i) {
        const auto added = cache.Add("return " + std::to_string(i * (t + 1) % 500));
        added.script->compiled = true;
        cache.Exists(added.script->sha1);
        if (i % 500 == 499) cache.Clear();
        if (i % 100 == 0) cache.Compiled();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(cache.bytes(), 50'000u);
}

}  // namespace
}  // namespace keyway::proxy::scripting
