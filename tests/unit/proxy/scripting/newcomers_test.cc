#include "proxy/scripting/newcomers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/unit/proxy/backend/fake_node.h"
#include "tests/unit/proxy/execution/fake_cluster.h"

namespace keyway::proxy::scripting {
namespace {

using Words = FakeNode::Words;

std::string Library(const std::string& name, const std::string& code) {
  return "*4\r\n" + Bulk("library_name") + Bulk(name) + Bulk("library_code") + Bulk(code);
}

class NewcomersTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      cluster_.node(i).set_answer([](const Words& words) {
        return words[1] == "LIST" ? std::string("*0\r\n") : Bulk("done");
      });
    }
    cluster_.node(0).set_answer([](const Words&) {
      return "*2\r\n" + Library("one", "code of one") + Library("two", "code of two");
    });
    newcomers_.SetMap(cluster_.Map({0, 1, 1}));
  }
  // Node 2 gets slots.
  void Join() { newcomers_.SetMap(cluster_.Map({0, 1, 2})); }
  bool Wait() {
    return RunUntil(cluster_.loop, [this] { return newcomers_.waiting() == 0; });
  }
  long Count(const std::string& request) {
    const auto& log = cluster_.node(2).log();
    return std::count(log.begin(), log.end(), request);
  }
  void AddScript(const std::string& text) { scripts_.Add(text).script->compiled = true; }

  FakeCluster cluster_;
  ScriptCache scripts_{1 << 20};
  Newcomers newcomers_{cluster_.loop, cluster_.pool, scripts_};
};

TEST_F(NewcomersTest, NobodyIsNewInTheFirstMap) {
  AddScript("return 1");
  EXPECT_EQ(newcomers_.waiting(), 0u);
  RunFor(cluster_.loop, 20);
  EXPECT_TRUE(cluster_.node(0).log().empty());
}

TEST_F(NewcomersTest, GetsLibrariesAndScripts) {
  for (int i = 0; i < 200; ++i) AddScript("return " + std::to_string(i));
  scripts_.Add("return (");
  Join();
  ASSERT_TRUE(Wait());
  EXPECT_EQ(Count("FUNCTION LOAD code of one"), 1);
  EXPECT_EQ(Count("FUNCTION LOAD code of two"), 1);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(Count("SCRIPT LOAD return " + std::to_string(i)), 1) << i;
  EXPECT_EQ(Count("SCRIPT LOAD return ("), 0);
  EXPECT_TRUE(cluster_.node(1).log().empty());
}

TEST_F(NewcomersTest, KeepsTheLibrariesThatItHas) {
  cluster_.node(2).set_answer([](const Words& words) {
    return words[1] == "LIST" ? "*1\r\n" + Library("one", "") : Bulk("done");
  });
  Join();
  ASSERT_TRUE(Wait());
  EXPECT_EQ(Count("FUNCTION LOAD code of one"), 0);
  EXPECT_EQ(Count("FUNCTION LOAD code of two"), 1);
}

TEST_F(NewcomersTest, TriesAgainWhatFailedForNow) {
  AddScript("return 1");
  int refused = 0;
  cluster_.node(2).set_answer([&refused](const Words& words) -> std::string {
    if (words[1] == "LIST") return "*0\r\n";
    return refused++ % 2 == 0 ? "-BUSY Redis is busy\r\n" : Bulk("done");
  });
  Join();
  ASSERT_TRUE(Wait());
  EXPECT_EQ(Count("FUNCTION LOAD code of one"), 2);
  EXPECT_EQ(Count("SCRIPT LOAD return 1"), 2);
}

TEST_F(NewcomersTest, AnotherProxyMayHaveBeenFaster) {
  AddScript("return 1");
  cluster_.node(2).set_answer([](const Words& words) -> std::string {
    if (words[1] == "LIST") return "*0\r\n";
    return words[0] == "FUNCTION" ? "-ERR Library 'one' already exists\r\n" : Bulk("done");
  });
  Join();
  ASSERT_TRUE(Wait());
  EXPECT_EQ(Count("FUNCTION LOAD code of one"), 1);
  EXPECT_EQ(Count("SCRIPT LOAD return 1"), 1);
}

TEST_F(NewcomersTest, OneThatLeavesIsLeftAlone) {
  cluster_.node(2).set_answer([](const Words&) { return "-LOADING\r\n"; });
  Join();
  RunFor(cluster_.loop, 30);
  EXPECT_EQ(newcomers_.waiting(), 1u);
  newcomers_.SetMap(cluster_.Map({0, 1, 1}));
  EXPECT_EQ(newcomers_.waiting(), 0u);
}

}  // namespace
}  // namespace keyway::proxy::scripting
