// Scripts from plan to reply, against fake nodes that know a script only once they were sent it.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "proxy/execution/encode.h"
#include "proxy/execution/executor.h"
#include "proxy/routing/router.h"
#include "tests/unit/proxy/execution/fake_cluster.h"

namespace keyway::proxy::execution {
namespace {

using Words = FakeNode::Words;

constexpr const char* kNoScript = "-NOSCRIPT No matching script. Please use EVAL.\r\n";

class ScriptOperationsTest : public testing::Test, protected ReplySink {
 protected:
  void SetUp() override {
    cluster_.access.SetMap(cluster_.Map());
    for (int i = 0; i < 3; ++i) {
      cluster_.node(i).set_answer([this, i](const Words& words) { return Answer(i, words); });
    }
  }
  ~ScriptOperationsTest() override {
    for (Operation* operation : running_) {
      cluster_.executor.Cancel(*operation);
      cluster_.executor.Release(*operation);
    }
  }

  // Of a node: scripts are compiled unless they end with an open parenthesis.
  std::string Answer(int node, const Words& words) {
    std::set<std::string>& known = known_[static_cast<size_t>(node)];
    const bool load = words[0] == "SCRIPT" && words[1] == "LOAD";
    if (load || words[0] == "EVAL" || words[0] == "EVAL_RO") {
      const std::string& text = load ? words[2] : words[1];
      if (text.ends_with('(')) return "-ERR Error compiling script\r\n";
      known.insert(scripting::Sha1Digits(text));
      return load ? Bulk(scripting::Sha1Digits(text)) : Bulk(words[0]);
    }
    if (words[0].starts_with("EVALSHA")) return known.count(words[1]) > 0 ? Bulk("known") : kNoScript;
    if (words[0] == "SCRIPT" && words[1] == "EXISTS") {
      return "*1\r\n:" + std::to_string(known.count(words[2])) + "\r\n";
    }
    if (words[0] == "SCRIPT" && words[1] == "FLUSH") known.clear();
    if (words[0] == "FUNCTION") return function_replies_[static_cast<size_t>(node)];
    return "+OK\r\n";
  }

  std::string Ask(const Words& words) {
    std::vector<std::string_view> arguments(words.begin(), words.end());
    std::string bytes;
    AppendRequest(arguments, &bytes);
    const command::Lookup lookup = command::LookupCommand(arguments);
    EXPECT_EQ(lookup.status, command::Lookup::Status::kFound);
    router_.Route(*lookup.command, arguments, &plan_);
    Request request;
    request.command = lookup.command;
    request.arguments = arguments;
    request.bytes = bytes;
    request.plan = &plan_;
    request.client = ++clients_;
    Operation* operation = cluster_.executor.Create(request);
    reply_.clear();
    running_.insert(operation);
    cluster_.executor.Start(*operation, request, *this);
    RunUntil(cluster_.loop, [&] { return !reply_.empty(); });
    return reply_;
  }
  void WaitForLoads() {
    RunUntil(cluster_.loop, [this] { return cluster_.executor.script_loads().under_way() == 0; });
  }

  void OnReply(Operation& operation, std::string_view reply) override {
    reply_ = reply;
    running_.erase(&operation);
    cluster_.executor.Release(operation);
  }
  void OnReply(Operation& operation, OutputBuffer&& reply) override {
    const std::string bytes = reply.ToString();
    OnReply(operation, bytes);
  }
  void OnHeldUp(Operation&) override { ++held_up_; }

  FakeCluster cluster_;
  std::array<std::set<std::string>, 3> known_;
  std::array<std::string, 3> function_replies_{"+OK\r\n", "+OK\r\n", "+OK\r\n"};
  routing::Router router_;
  routing::Plan plan_;
  std::set<Operation*> running_;
  std::string reply_;
  uint64_t clients_ = 0;
  int held_up_ = 0;
};

TEST_F(ScriptOperationsTest, WhatOneShardIsSentTheOthersAreTold) {
  EXPECT_EQ(Ask({"EVAL", "return 1", "1", kKeys[0]}), Bulk("EVAL"));
  WaitForLoads();
  EXPECT_EQ(cluster_.node(1).log(), (std::vector<std::string>{"SCRIPT LOAD return 1"}));
  EXPECT_EQ(cluster_.node(2).log(), (std::vector<std::string>{"SCRIPT LOAD return 1"}));
  Ask({"EVAL", "return 1", "1", kKeys[1]});
  WaitForLoads();
  EXPECT_EQ(cluster_.node(2).log().size(), 1u);
}

TEST_F(ScriptOperationsTest, RepairsNoscriptOnce) {
  const std::string sha1 = scripting::Sha1Digits("return 1");
  Ask({"SCRIPT", "LOAD", "return 1"});
  EXPECT_EQ(Ask({"EVALSHA", sha1, "1", kKeys[0]}), Bulk("known"));
  known_[0].clear();
  EXPECT_EQ(Ask({"EVALSHA", sha1, "1", kKeys[0], "a"}), Bulk("EVAL"));
  EXPECT_EQ(cluster_.node(0).log().back(), "EVAL return 1 1 b a");
  EXPECT_EQ(cluster_.statistics.noscript_repaired.Get(), 1u);
  EXPECT_EQ(held_up_, 1);
  known_[0].clear();
  EXPECT_EQ(Ask({"EVALSHA_RO", sha1, "0"}), Bulk("EVAL_RO"));
  // A node that goes on saying so is believed.
  cluster_.node(0).set_answer([](const Words&) { return kNoScript; });
  EXPECT_EQ(Ask({"EVALSHA", sha1, "1", kKeys[0]}), kNoScript);
}

TEST(ScriptRequestTest, IsRewrittenWhateverItsLineEnds) {
  const std::string eval = "*3\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n0\r\n";
  EXPECT_EQ(EvalInsteadOfEvalsha("*3\r\n$7\r\nevalsha\r\n$2\r\nab\r\n$1\r\n0\r\n", "return 1"),
            eval);
  EXPECT_EQ(EvalInsteadOfEvalsha("*3\r.$7\r.evalsha..$2\r.ab..$1\r.0..", "return 1"), eval);
}

TEST_F(ScriptOperationsTest, WhatNobodyHasSentIsNotRepaired) {
  EXPECT_EQ(Ask({"EVALSHA", std::string(40, 'a'), "1", kKeys[0]}), kNoScript);
  EXPECT_EQ(cluster_.node(0).log().size(), 1u);
}

TEST_F(ScriptOperationsTest, WhatDoesNotCompileIsNotThere) {
  EXPECT_TRUE(Ask({"EVAL", "return (", "1", kKeys[0]}).starts_with("-ERR"));
  WaitForLoads();
  const std::string sha1 = scripting::Sha1Digits("return (");
  EXPECT_EQ(Ask({"EVALSHA", sha1, "1", kKeys[0]}), kNoScript);
  EXPECT_EQ(Ask({"SCRIPT", "EXISTS", sha1}), "*1\r\n:0\r\n");
}

TEST_F(ScriptOperationsTest, ExistsAndFlushKnowOfTheCache) {
  const std::string sha1 = scripting::Sha1Digits("return 1");
  EXPECT_EQ(Ask({"SCRIPT", "EXISTS", sha1}), "*1\r\n:0\r\n");
  EXPECT_EQ(Ask({"SCRIPT", "LOAD", "return 1"}), Bulk(sha1));
  known_[1].clear();
  EXPECT_EQ(Ask({"SCRIPT", "EXISTS", sha1}), "*1\r\n:1\r\n");
  EXPECT_EQ(Ask({"SCRIPT", "FLUSH"}), "+OK\r\n");
  EXPECT_EQ(cluster_.scripts.count(), 0u);
  EXPECT_EQ(Ask({"SCRIPT", "EXISTS", sha1}), "*1\r\n:0\r\n");
  EXPECT_EQ(Ask({"EVALSHA", sha1, "1", kKeys[2]}), kNoScript);
}

TEST_F(ScriptOperationsTest, WithoutKeysOneShardServesAllClients) {
  for (int i = 0; i < 6; ++i) Ask({"EVAL", "return 1", "0"});
  const auto& log = cluster_.node(0).log();
  EXPECT_EQ(std::count(log.begin(), log.end(), "EVAL return 1 0"), 6);
}

TEST_F(ScriptOperationsTest, ALostScriptIsNotRepeated) {
  const auto drop = [this](const Words&) {
    cluster_.loop.Post([this] { cluster_.node(0).Drop(); });
    return std::string();
  };
  cluster_.node(0).set_answer(drop);
  EXPECT_TRUE(Ask({"EVAL", "return 1", "1", kKeys[0]}).starts_with("-UNCERTAIN "));
  EXPECT_TRUE(Ask({"FCALL", "f", "1", kKeys[0]}).starts_with("-UNCERTAIN "));
}

TEST_F(ScriptOperationsTest, AFunctionThatNotAllTookNamesTheOneThatDidNot) {
  EXPECT_EQ(Ask({"FUNCTION", "LOAD", "code"}), "+OK\r\n");
  function_replies_[1] = "-ERR Library 'x' already exists\r\n";
  EXPECT_EQ(Ask({"FUNCTION", "LOAD", "code"}),
            "-ERR keyway-proxy: 2 of 3 primaries executed 'function|load', but not " +
                net::ToString(cluster_.node(1).endpoint()) + ": ERR Library 'x' already exists\r\n");
  function_replies_.fill(function_replies_[1]);
  EXPECT_EQ(Ask({"FUNCTION", "LOAD", "code"}), function_replies_[1]);
}

TEST_F(ScriptOperationsTest, StatsAreThoseOfTheShardThatRunsAScript) {
  const std::string idle = "*2\r\n" + Bulk("running_script") + "$-1\r\n";
  const std::string running = "*2\r\n" + Bulk("running_script") + "*2\r\n" + Bulk("name") + Bulk("f");
  function_replies_ = {idle, idle, running};
  EXPECT_EQ(Ask({"FUNCTION", "STATS"}), running);
  function_replies_[2] = idle;
  EXPECT_EQ(Ask({"FUNCTION", "STATS"}), idle);
}

TEST_F(ScriptOperationsTest, OthersDoNotWaitForALongScript) {
  cluster_.node(0).set_answer([](const Words& words) -> std::string {
    return words[0] == "EVAL" && words[1] == "long" ? "" : "+OK\r\n";
  });
  Request request;
  const std::vector<std::string_view> arguments = {"EVAL", "long", "1", kKeys[0]};
  std::string bytes;
  AppendRequest(arguments, &bytes);
  const command::Lookup lookup = command::LookupCommand(arguments);
  router_.Route(*lookup.command, arguments, &plan_);
  request.command = lookup.command;
  request.arguments = arguments;
  request.bytes = bytes;
  request.plan = &plan_;
  Operation* operation = cluster_.executor.Create(request);
  running_.insert(operation);
  cluster_.executor.Start(*operation, request, *this);
  EXPECT_EQ(Ask({"GET", kKeys[0]}), "+OK\r\n");
  EXPECT_EQ(cluster_.node(0).open(), 2u);
  // Another script finds that one busy.
  RunFor(cluster_.loop, 150);
  EXPECT_EQ(Ask({"EVAL", "short", "1", kKeys[0]}), "+OK\r\n");
  EXPECT_EQ(cluster_.node(0).open(), 3u);
}

}  // namespace
}  // namespace keyway::proxy::execution
