// Operations from plan to reply, against fake nodes whose answers each test arranges.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/slot/slot.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/executor.h"
#include "proxy/routing/router.h"
#include "tests/unit/proxy/execution/fake_cluster.h"

namespace keyway::proxy::execution {
namespace {

using Words = FakeNode::Words;

backend::BackendOptions QuickBackend() {
  backend::BackendOptions options;
  options.reconnect_min_ms = options.reconnect_max_ms = 5;
  options.connect_timeout_ms = 1000;
  return options;
}

class OperationsTest : public testing::Test, protected ReplySink {
 protected:
  void Make(AccessOptions options = {}) {
    cluster_ = std::make_unique<FakeCluster>(options, QuickBackend());
    cluster_->access.SetMap(cluster_->Map());
  }
  ~OperationsTest() override {
    if (cluster_ == nullptr) return;
    for (Operation* operation : running_) {
      cluster_->executor.Cancel(*operation);
      cluster_->executor.Release(*operation);
    }
  }

  // Starts a request; its number, for reply().
  size_t Start(const Words& words, resp::Version version = resp::Version::kResp2) {
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
    request.version = version;
    Operation* operation = cluster_->executor.Create(request);
    const size_t number = numbers_.size();
    numbers_[operation] = number;
    replies_.emplace_back();
    running_.push_back(operation);
    cluster_->executor.Start(*operation, request, *this);
    return number;
  }
  std::string reply(size_t number) {
    RunUntil(cluster_->loop, [&] { return !replies_[number].empty(); });
    return replies_[number];
  }
  std::string Ask(const Words& words, resp::Version version = resp::Version::kResp2) {
    numbers_.clear();
    replies_.clear();
    return reply(Start(words, version));
  }

  void OnReply(Operation& operation, std::string_view reply) override {
    replies_[numbers_[&operation]] = reply;
    order_.push_back(numbers_[&operation]);
    outcome_ = operation.outcome();
    std::erase(running_, &operation);
    cluster_->executor.Release(operation);
  }
  void OnReply(Operation& operation, OutputBuffer&& reply) override {
    const std::string bytes = reply.ToString();
    OnReply(operation, bytes);
  }
  void OnHeldUp(Operation&) override { ++held_up_; }

  std::unique_ptr<FakeCluster> cluster_;
  routing::Router router_;
  routing::Plan plan_;
  std::map<Operation*, size_t> numbers_;
  std::vector<std::string> replies_;
  std::vector<size_t> order_;
  std::vector<Operation*> running_;
  Outcome outcome_ = Outcome::kOk;
  int held_up_ = 0;
};

std::string Moved(const char* key, const FakeNode& node) {
  return "-MOVED " + std::to_string(KeySlot(key)) + " " + net::ToString(node.endpoint()) + "\r\n";
}

std::string AskAt(const char* key, const FakeNode& node) {
  return "-ASK " + std::to_string(KeySlot(key)) + " " + net::ToString(node.endpoint()) + "\r\n";
}

TEST_F(OperationsTest, ForwardsToTheOwnerAndPassesTheReplyOn) {
  Make();
  for (int i = 0; i < 3; ++i) {
    cluster_->node(i).set_answer(
        [i](const Words& words) { return Bulk(words[1] + std::to_string(i)); });
    EXPECT_EQ(Ask({"GET", kKeys[i]}), Bulk(kKeys[i] + std::to_string(i)));
    EXPECT_EQ(outcome_, Outcome::kOk);
  }
  cluster_->node(0).set_answer([](const Words&) { return "-WRONGTYPE x\r\n"; });
  EXPECT_EQ(Ask({"GET", kKeys[0]}), "-WRONGTYPE x\r\n");
  EXPECT_EQ(outcome_, Outcome::kError);
  const auto id = command::FindCommand("get")->id;
  EXPECT_EQ(cluster_->statistics.requests(id, Outcome::kOk), 3u);
  EXPECT_EQ(cluster_->statistics.requests(id, Outcome::kError), 1u);
  EXPECT_EQ(cluster_->statistics.in_flight.Get(), 0u);
}

TEST_F(OperationsTest, FollowsMovedAndAsksForANewMap) {
  Make();
  cluster_->node(0).set_answer([this](const Words&) { return Moved(kKeys[0], cluster_->node(1)); });
  cluster_->node(1).set_answer([](const Words&) { return "+there\r\n"; });
  EXPECT_EQ(Ask({"SET", kKeys[0], "v"}), "+there\r\n");
  EXPECT_EQ(cluster_->refreshes, 1);
  EXPECT_EQ(cluster_->statistics.moved.Get(), 1u);
}

TEST_F(OperationsTest, FollowsAskWithAsking) {
  Make();
  cluster_->node(0).set_answer([this](const Words&) { return AskAt(kKeys[0], cluster_->node(2)); });
  cluster_->node(2).set_answer(
      [](const Words& words) { return words[0] == "ASKING" ? "+OK\r\n" : "+there\r\n"; });
  EXPECT_EQ(Ask({"SET", kKeys[0], "v"}), "+there\r\n");
  EXPECT_EQ(cluster_->node(2).log(), (std::vector<std::string>{"ASKING", "SET b v"}));
  EXPECT_EQ(cluster_->refreshes, 0);
}

TEST_F(OperationsTest, RedirectsHaveAnEnd) {
  Make({.max_redirects = 3});
  cluster_->node(0).set_answer([this](const Words&) { return Moved(kKeys[0], cluster_->node(1)); });
  cluster_->node(1).set_answer([this](const Words&) { return Moved(kKeys[0], cluster_->node(0)); });
  EXPECT_EQ(Ask({"GET", kKeys[0]}),
            "-ERR keyway-proxy: gave up after 3 redirects, the last one to " +
                net::ToString(cluster_->node(0).endpoint()) + "\r\n");
  EXPECT_EQ(outcome_, Outcome::kRedirects);
}

TEST_F(OperationsTest, ALostReadIsRepeatedALostWriteIsNot) {
  Make();
  int asked = 0;
  cluster_->node(0).set_answer([&](const Words&) -> std::string {
    if (++asked > 1) return "+again\r\n";
    cluster_->loop.Post([this] { cluster_->node(0).Drop(); });
    return "";
  });
  EXPECT_EQ(Ask({"GET", kKeys[0]}), "+again\r\n");
  EXPECT_EQ(held_up_, 1);
  EXPECT_GE(cluster_->refreshes, 1);

  asked = 0;
  const std::string lost = Ask({"INCR", kKeys[0]});
  EXPECT_TRUE(lost.starts_with("-UNCERTAIN ")) << lost;
  EXPECT_TRUE(lost.ends_with("; the command may or may not have been executed\r\n")) << lost;
  EXPECT_EQ(outcome_, Outcome::kUncertain);
}

TEST_F(OperationsTest, WaitsForANodeThatCannotBeReached) {
  Make();
  const uint16_t port = cluster_->node(0).port();
  cluster_->nodes[0]->Stop();
  RunFor(cluster_->loop, 5);
  const size_t number = Start({"INCR", kKeys[0]});
  RunFor(cluster_->loop, 150);
  EXPECT_TRUE(replies_[number].empty());
  // Between two attempts it waits.
  EXPECT_TRUE(RunUntil(cluster_->loop,
                       [this] { return cluster_->statistics.waiting_requests.Get() == 1; }));
  cluster_->nodes[0] = std::make_unique<FakeNode>(
      cluster_->loop, [](const Words&) { return ":1\r\n"; }, port);
  EXPECT_EQ(reply(number), ":1\r\n");
  EXPECT_EQ(cluster_->statistics.waiting_requests.Get(), 0u);
  EXPECT_EQ(cluster_->statistics.waiting_bytes.Get(), 0u);
}

TEST_F(OperationsTest, WaitsUntilTheDeadlineHoweverLongItIs) {
  Make({.deadline_ms = 1500, .retry_interval_ms = 1});
  cluster_->node(0).Stop();
  RunFor(cluster_->loop, 5);
  const std::string node = net::ToString(cluster_->node(0).endpoint());
  EXPECT_EQ(Ask({"GET", kKeys[0]}),
            "-ERR keyway-proxy: no reply from " + node + " within 1500 ms: cannot connect to " + node +
                ": connection refused\r\n");
}

TEST_F(OperationsTest, ANewMapWakesWhatWaitsInItsOrder) {
  Make({.retry_interval_ms = 60'000});
  cluster_->node(0).Stop();
  RunFor(cluster_->loop, 5);
  for (int i = 0; i < 20; ++i) Start({"APPEND", kKeys[0], std::to_string(i)});
  RunUntil(cluster_->loop, [this] { return cluster_->statistics.waiting_requests.Get() == 20; });
  cluster_->node(1).set_answer([](const Words&) { return ":1\r\n"; });
  cluster_->access.SetMap(cluster_->Map({1, 1, 2}));
  EXPECT_EQ(reply(19), ":1\r\n");
  ASSERT_EQ(cluster_->node(1).log().size(), 20u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(cluster_->node(1).log()[static_cast<size_t>(i)], "APPEND b " + std::to_string(i));
  }
}

TEST_F(OperationsTest, TheWaitingRoomIsBounded) {
  Make({.retry_interval_ms = 60'000, .max_waiting_requests = 2});
  cluster_->node(0).Stop();
  RunFor(cluster_->loop, 5);
  for (int i = 0; i < 3; ++i) Start({"GET", kKeys[0]});
  const std::string error = reply(2);
  EXPECT_TRUE(error.starts_with("-ERR keyway-proxy: too many requests wait")) << error;
  EXPECT_EQ(outcome_, Outcome::kOverloaded);
  EXPECT_TRUE(replies_[0].empty());
}

TEST_F(OperationsTest, DeadlinesEndRequestsAndLeaveTheConnection) {
  Make({.deadline_ms = 100});
  bool silent = true;
  cluster_->node(0).set_answer([&](const Words&) { return silent ? "" : "+late\r\n"; });
  const std::string node = net::ToString(cluster_->node(0).endpoint());
  EXPECT_EQ(Ask({"GET", kKeys[0]}),
            "-ERR keyway-proxy: no reply from " + node + " within 100 ms\r\n");
  EXPECT_EQ(outcome_, Outcome::kDeadline);
  EXPECT_EQ(Ask({"INCR", kKeys[0]}), "-UNCERTAIN no reply from " + node +
                                         " within 100 ms; the command may or may not have been "
                                         "executed\r\n");
  EXPECT_EQ(outcome_, Outcome::kUncertain);
  // The late replies are nobody's; the next request gets its own.
  cluster_->node(0).Say("+one\r\n+two\r\n");
  silent = false;
  EXPECT_EQ(Ask({"GET", kKeys[0]}), "+late\r\n");
  EXPECT_EQ(cluster_->node(0).accepted(), 1);
}

TEST_F(OperationsTest, ACancelledRequestIsForgotten) {
  Make();
  Start({"GET", kKeys[0]});
  Start({"MGET", "a", "b", "c"});
  Start({"SCAN", "0"});
  Start({"RANDOMKEY"});
  RunUntil(cluster_->loop, [this] { return cluster_->node(0).log().size() >= 4; });
  for (Operation* operation : running_) {
    cluster_->executor.Cancel(*operation);
    cluster_->executor.Release(*operation);
  }
  running_.clear();
  for (int i = 0; i < 3; ++i) cluster_->node(i).Say("+late\r\n+late\r\n+late\r\n");
  RunFor(cluster_->loop, 20);
  EXPECT_TRUE(order_.empty());
  EXPECT_EQ(cluster_->statistics.in_flight.Get(), 0u);
}

TEST_F(OperationsTest, WithoutAMapThereIsOneClearError) {
  cluster_ = std::make_unique<FakeCluster>(AccessOptions{.deadline_ms = 50, .startup_nodes = "10.0.0.1:7001"});
  const std::string error =
      "-CLUSTERDOWN keyway-proxy knows no cluster yet: none of 10.0.0.1:7001 has answered\r\n";
  for (const Words& words : {Words{"GET", "a"}, Words{"MSET", "a", "1", "b", "2"}, Words{"DBSIZE"},
                             Words{"SCAN", "0"}, Words{"RANDOMKEY"}, Words{"PUBLISH", "c", "m"}}) {
    EXPECT_EQ(Ask(words), error) << words[0];
    EXPECT_EQ(outcome_, Outcome::kNoTopology);
  }
}

TEST_F(OperationsTest, WhatCameBeforeTheMapIsSentWhenItIsThere) {
  cluster_ = std::make_unique<FakeCluster>();
  for (int i = 0; i < 3; ++i) cluster_->node(i).set_answer([](const Words&) { return ":2\r\n"; });
  const size_t get = Start({"APPEND", kKeys[0], "x"});
  const size_t all = Start({"DBSIZE"});
  EXPECT_EQ(held_up_, 2);
  cluster_->access.SetMap(cluster_->Map({0, 1, 2}, /*complete=*/false));
  EXPECT_EQ(reply(get), ":2\r\n");
  EXPECT_TRUE(replies_[all].empty());
  cluster_->access.SetMap(cluster_->Map());
  EXPECT_EQ(reply(all), ":6\r\n");
}

TEST_F(OperationsTest, ALostWriteThatLeavesTheSameEachTimeIsRepeated) {
  Make({.deadline_ms = 300});
  bool well = true;
  cluster_->node(0).set_answer([&](const Words&) -> std::string {
    if (well && cluster_->node(0).accepted() > 1) return "+OK\r\n";
    cluster_->loop.Post([this] { cluster_->node(0).Drop(); });
    return "";
  });
  EXPECT_EQ(Ask({"SET", kKeys[0], "v"}), "+OK\r\n");
  // It may have been executed all the same.
  well = false;
  const std::string late = Ask({"SET", kKeys[0], "v"});
  EXPECT_TRUE(late.starts_with("-UNCERTAIN ")) << late;
  EXPECT_EQ(cluster_->statistics.ambiguous_deadline.Get(), 1u);
  const std::string lost = Ask({"SET", kKeys[0], "v", "NX"});
  EXPECT_TRUE(lost.starts_with("-UNCERTAIN ")) << lost;
  EXPECT_EQ(cluster_->statistics.ambiguous_lost.Get(), 1u);
}

TEST_F(OperationsTest, OneScoutAsksANodeThatCannotServe) {
  for (const std::string error : {"LOADING Redis is loading the dataset in memory",
                                  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
                                  "CLUSTERDOWN The cluster is down"}) {
    Make({.retry_interval_ms = 1});
    bool away = true;
    cluster_->node(0).set_answer(
        [&](const Words&) { return away ? "-" + error + "\r\n" : std::string(":1\r\n"); });
    numbers_.clear();
    replies_.clear();
    Start({"INCR", kKeys[0]});
    RunUntil(cluster_->loop, [this] { return cluster_->node(0).log().size() > 5; });
    for (int i = 0; i < 5; ++i) Start({"APPEND", kKeys[0], std::to_string(i)});
    const size_t before = cluster_->node(0).log().size();
    RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().size() > before + 5; });
    for (const std::string& line : cluster_->node(0).log()) EXPECT_EQ(line, "INCR b");
    // Others are not held up.
    cluster_->node(1).set_answer([](const Words&) { return ":7\r\n"; });
    EXPECT_EQ(reply(Start({"INCR", kKeys[1]})), ":7\r\n");
    away = false;
    EXPECT_EQ(reply(5), ":1\r\n");
    const auto& log = cluster_->node(0).log();
    for (size_t i = 0; i < 5; ++i) EXPECT_EQ(log[log.size() - 5 + i], "APPEND b " + std::to_string(i));
    EXPECT_EQ(cluster_->statistics.waiting_requests.Get(), 0u);
  }
}

TEST_F(OperationsTest, AScoutThatGivesUpIsFollowedByTheNext) {
  Make({.deadline_ms = 80, .retry_interval_ms = 5});
  int asked = 0;
  cluster_->node(0).set_answer([&](const Words& words) -> std::string {
    if (++asked == 1) return "-LOADING x\r\n";
    return words[0] == "INCR" ? "" : "+OK\r\n";
  });
  const size_t scout = Start({"INCR", kKeys[0]});
  RunUntil(cluster_->loop, [&] { return asked == 2; });
  RunFor(cluster_->loop, 20);
  const size_t second = Start({"SET", kKeys[0], "v"});
  EXPECT_TRUE(reply(scout).starts_with("-UNCERTAIN "));
  // The silent connection keeps the order of replies: the answer to the scout comes first.
  cluster_->node(0).Say(":1\r\n");
  EXPECT_EQ(reply(second), "+OK\r\n");
}

TEST_F(OperationsTest, AScoutThatTakesLongIsFollowedByAnother) {
  Make({.retry_interval_ms = 5});
  int asked = 0;
  cluster_->node(0).set_answer(
      [&](const Words&) { return ++asked == 1 ? "-LOADING x\r\n" : ""; });
  Start({"INCR", kKeys[0]});
  RunUntil(cluster_->loop, [&] { return asked == 2; });
  Start({"APPEND", kKeys[0], "x"});
  EXPECT_TRUE(RunUntil(cluster_->loop, [&] { return asked == 3; }));
  EXPECT_EQ(cluster_->node(0).log().back(), "APPEND b x");
}

TEST_F(OperationsTest, WhatASilentNodeOwesIsGivenUpWhenAnotherOneHasItsSlots) {
  Make({.deadline_ms = 5000});
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  const size_t read = Start({"GET", kKeys[0]});
  const size_t write = Start({"INCR", kKeys[0]});
  RunUntil(cluster_->loop, [this] { return cluster_->node(0).log().size() == 2; });
  cluster_->node(1).set_answer([](const Words&) { return "+there\r\n"; });
  cluster_->access.SetMap(cluster_->Map({1, 1, 2}));
  EXPECT_EQ(reply(read), "+there\r\n");
  EXPECT_TRUE(reply(write).starts_with("-UNCERTAIN ")) << replies_[write];
}

TEST_F(OperationsTest, ASuccessorDoesNotWaitForANodeThatHasSlotsAgain) {
  Make({.deadline_ms = 5000});
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  Start({"GET", kKeys[0]});
  RunUntil(cluster_->loop, [this] { return cluster_->node(0).log().size() == 1; });
  cluster_->node(1).set_answer([](const Words&) { return "+there\r\n"; });
  cluster_->access.SetMap(cluster_->Map({1, 1, 2}));
  const size_t later = Start({"GET", kKeys[0]});
  EXPECT_EQ(cluster_->statistics.waiting_requests.Get(), 1u);
  cluster_->access.SetMap(cluster_->Map({1, 0, 2}));
  EXPECT_EQ(reply(later), "+there\r\n");
}

TEST_F(OperationsTest, NothingMoreIsSentToANodeThatHangsWhileOthersAnswer) {
  auto backend_options = QuickBackend();
  backend_options.stuck_ms = 50;
  cluster_ = std::make_unique<FakeCluster>(AccessOptions{}, backend_options);
  cluster_->access.SetMap(cluster_->Map());
  for (int i = 0; i < 3; ++i) cluster_->node(i).set_answer([](const Words&) { return ":1\r\n"; });
  EXPECT_EQ(Ask({"INCR", kKeys[0]}), ":1\r\n");
  bool hangs = true;
  cluster_->node(0).set_answer([&](const Words&) { return hangs ? "" : ":2\r\n"; });
  numbers_.clear();
  replies_.clear();
  const size_t first = Start({"INCR", kKeys[0]});
  RunUntil(cluster_->loop, [this] { return cluster_->node(0).log().size() == 2; });
  while (cluster_->statistics.waiting_requests.Get() == 0) {
    reply(Start({"INCR", kKeys[1]}));
    Start({"INCR", kKeys[0]});
    RunFor(cluster_->loop, 5);
  }
  const size_t sent = cluster_->node(0).log().size();
  const size_t parked = Start({"INCR", kKeys[0]});
  RunFor(cluster_->loop, 50);
  EXPECT_EQ(cluster_->node(0).log().size(), sent);
  hangs = false;
  cluster_->node(0).Say(":2\r\n");
  EXPECT_EQ(reply(first), ":2\r\n");
  for (size_t i = 2; i < sent; ++i) cluster_->node(0).Say(":2\r\n");
  EXPECT_EQ(reply(parked), ":2\r\n");
}

TEST_F(OperationsTest, ASlotThatNobodyServes) {
  Make({.deadline_ms = 50});
  cluster_->access.SetMap(cluster_->Map({0, 1, 2}, /*complete=*/false));
  const std::string error = "-CLUSTERDOWN Hash slot not served\r\n";
  EXPECT_EQ(Ask({"GET", kKeys[2]}), error);
  // All of the cluster is needed for these.
  for (const Words& words : {Words{"DBSIZE"}, Words{"SCAN", "0"}, Words{"RANDOMKEY"}}) {
    EXPECT_EQ(Ask(words), error) << words[0];
  }
}

TEST_F(OperationsTest, SplitsByKeyAndMergesInTheOrderOfTheRequest) {
  Make();
  for (int i = 0; i < 3; ++i) {
    cluster_->node(i).set_answer([](const Words& words) {
      std::string reply = "*" + std::to_string(words.size() - 1) + "\r\n";
      for (size_t k = 1; k < words.size(); ++k) reply += Bulk("v" + words[k]);
      return reply;
    });
  }
  EXPECT_EQ(
      Ask({"MGET", "a", "b", "c", "{a}2", "{b}2", "a"}),
      "*6\r\n" + Bulk("va") + Bulk("vb") + Bulk("vc") + Bulk("v{a}2") + Bulk("v{b}2") + Bulk("va"));
  EXPECT_EQ(cluster_->node(2).log(), (std::vector<std::string>{"MGET a {a}2 a"}));
  EXPECT_EQ(cluster_->node(0).log(), (std::vector<std::string>{"MGET b {b}2"}));
}

TEST_F(OperationsTest, AddsUp) {
  Make();
  for (int i = 0; i < 3; ++i) {
    cluster_->node(i).set_answer(
        [](const Words& words) { return ":" + std::to_string(words.size() - 1) + "\r\n"; });
  }
  EXPECT_EQ(Ask({"DEL", "a", "b", "c", "{c}"}), ":4\r\n");
}

TEST_F(OperationsTest, KeysOfASlotOnItsWayAreAskedForOneAtATime) {
  Make();
  cluster_->node(2).set_answer([this](const Words& words) -> std::string {
    if (words.size() > 2) return "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
    if (words[1] == "{a}2") return AskAt(kKeys[2], cluster_->node(1));
    return words[0] == "MGET" ? "*1\r\n" + Bulk("here") : ":1\r\n";
  });
  cluster_->node(1).set_answer([](const Words& words) -> std::string {
    return words[0] == "MGET" ? "*1\r\n" + Bulk("there") : words[0] == "ASKING" ? "+OK\r\n" : ":1\r\n";
  });
  cluster_->node(0).set_answer([](const Words& words) -> std::string {
    return words[0] == "MGET" ? "*1\r\n" + Bulk("b") : ":1\r\n";
  });
  EXPECT_EQ(Ask({"MGET", "a", "{a}2"}), "*2\r\n" + Bulk("here") + Bulk("there"));
  EXPECT_EQ(Ask({"MGET", "{a}2", "b", "a"}), "*3\r\n" + Bulk("there") + Bulk("b") + Bulk("here"));
  EXPECT_EQ(Ask({"DEL", "a", "{a}2", "b"}), ":3\r\n");
  EXPECT_EQ(outcome_, Outcome::kOk);
  cluster_->node(1).set_answer([](const Words& words) -> std::string {
    return words[0] == "ASKING" ? "+OK\r\n" : "-OOM x\r\n";
  });
  EXPECT_EQ(Ask({"UNLINK", "a", "{a}2", "b"}), "-OOM x\r\n");
}

TEST_F(OperationsTest, WhatIsNotDivisibleWaitsForItsKeysToArrive) {
  Make({.retry_interval_ms = 5});
  int asked = 0;
  cluster_->node(2).set_answer([&](const Words&) -> std::string {
    return ++asked < 3 ? "-TRYAGAIN Multiple keys\r\n" : "+OK\r\n";
  });
  EXPECT_EQ(Ask({"RENAME", "a", "{a}2"}), "+OK\r\n");

  // It is asked at once, and when the deadline passes it waits to be asked again.
  Make({.deadline_ms = 500, .retry_interval_ms = 60'000});
  cluster_->node(2).set_answer([](const Words&) { return "-TRYAGAIN Multiple keys\r\n"; });
  EXPECT_EQ(Ask({"RENAME", "a", "{a}2"}), "-TRYAGAIN Multiple keys\r\n");
  EXPECT_EQ(Ask({"EVAL", "x", "2", "a", "{a}2"}), "-TRYAGAIN Multiple keys\r\n");
}

TEST_F(OperationsTest, WhatWaitsForItsKeysWhereTheSlotGoesIsNotRedirectedTooOften) {
  Make({.max_redirects = 2, .retry_interval_ms = 5});
  cluster_->node(2).set_answer([this](const Words&) { return AskAt(kKeys[2], cluster_->node(1)); });
  int asked = 0;
  cluster_->node(1).set_answer([&](const Words& words) -> std::string {
    if (words[0] == "ASKING") return "+OK\r\n";
    return ++asked < 10 ? "-TRYAGAIN Multiple keys\r\n" : "+OK\r\n";
  });
  EXPECT_EQ(Ask({"RENAME", "a", "{a}2"}), "+OK\r\n");
}

TEST_F(OperationsTest, WaitsForANodeThatItIsSentOnTo) {
  Make({.max_redirects = 2, .retry_interval_ms = 5});
  const uint16_t port = cluster_->node(1).port();
  const std::string ask = AskAt(kKeys[2], cluster_->node(1));
  cluster_->node(2).set_answer([ask](const Words&) { return ask; });
  cluster_->node(1).Stop();
  RunFor(cluster_->loop, 5);
  const size_t number = Start({"SET", "a", "v"});
  RunUntil(cluster_->loop, [this] { return cluster_->node(2).log().size() > 5; });
  cluster_->nodes[1] = std::make_unique<FakeNode>(
      cluster_->loop, [](const Words&) { return "+OK\r\n"; }, port);
  EXPECT_EQ(reply(number), "+OK\r\n");
}

TEST_F(OperationsTest, AWriteThatHangsAfterTryAgainIsUncertain) {
  Make({.deadline_ms = 400, .retry_interval_ms = 5});
  int asked = 0;
  cluster_->node(2).set_answer([&](const Words&) -> std::string {
    return ++asked < 3 ? "-TRYAGAIN Multiple keys\r\n" : "";
  });
  const std::string error = Ask({"RENAME", "a", "{a}2"});
  EXPECT_TRUE(error.starts_with("-UNCERTAIN no reply from ")) << error;
  EXPECT_EQ(outcome_, Outcome::kUncertain);
}

TEST_F(OperationsTest, OnePartThatFailsIsTheReply) {
  Make();
  for (int i = 0; i < 3; ++i) {
    cluster_->node(i).set_answer([](const Words& words) {
      return words[0] == "MSET" ? "+OK\r\n" : words[0] == "MGET" ? "*1\r\n$1\r\nv\r\n" : ":1\r\n";
    });
  }
  EXPECT_EQ(Ask({"MSET", "a", "1", "b", "2", "c", "3"}), "+OK\r\n");
  cluster_->node(1).set_answer([](const Words&) { return "-OOM command not allowed\r\n"; });
  for (const Words& words :
       {Words{"MSET", "a", "1", "b", "2", "c", "3"}, Words{"MGET", "a", "b", "c"},
        Words{"EXISTS", "a", "b", "c"}, Words{"DBSIZE"}}) {
    EXPECT_EQ(Ask(words), "-OOM command not allowed\r\n") << words[0];
    EXPECT_EQ(outcome_, Outcome::kError);
  }
  cluster_->node(1).set_answer([](const Words&) { return "+surprise\r\n"; });
  EXPECT_EQ(Ask({"MGET", "a", "b", "c"}),
            "-ERR keyway-proxy: the shards gave replies of different shapes\r\n");
}

TEST_F(OperationsTest, ASplitWriteThatIsHalfDoneAtTheDeadlineIsUncertain) {
  Make({.deadline_ms = 100});
  for (int i = 0; i < 2; ++i) cluster_->node(i).set_answer([](const Words&) { return "+OK\r\n"; });
  cluster_->node(2).Stop();
  RunFor(cluster_->loop, 5);
  const std::string error = Ask({"MSET", "a", "1", "b", "2", "c", "3"});
  EXPECT_TRUE(error.starts_with("-UNCERTAIN no reply from ")) << error;
  // A read that waits has done nothing.
  const std::string read = Ask({"EXISTS", "a", "b"});
  EXPECT_TRUE(read.starts_with("-ERR keyway-proxy: no reply from ")) << read;
}

TEST_F(OperationsTest, RandomKeyAsksWhoHasKeysUntilOneNamesOne) {
  Make();
  const auto answer = [](const char* size, const char* key) {
    return [=](const Words& words) { return words[0] == "DBSIZE" ? size : key; };
  };
  cluster_->node(0).set_answer(answer(":0\r\n", "+never\r\n"));
  cluster_->node(1).set_answer(answer(":1000000\r\n", "$-1\r\n"));
  cluster_->node(2).set_answer(answer(":1\r\n", "$1\r\na\r\n"));
  EXPECT_EQ(Ask({"RANDOMKEY"}), "$1\r\na\r\n");
  cluster_->node(2).set_answer(answer(":1\r\n", "$-1\r\n"));
  EXPECT_EQ(Ask({"RANDOMKEY"}), "$-1\r\n");
  cluster_->node(1).set_answer(answer(":0\r\n", "+never\r\n"));
  cluster_->node(2).set_answer(answer(":0\r\n", "+never\r\n"));
  EXPECT_EQ(Ask({"RANDOMKEY"}), "$-1\r\n");
  EXPECT_EQ(Ask({"RANDOMKEY"}, resp::Version::kResp3), "_\r\n");
  cluster_->node(1).set_answer(answer("-ERR x\r\n", "+never\r\n"));
  EXPECT_EQ(Ask({"RANDOMKEY"}), "-ERR x\r\n");
}

}  // namespace
}  // namespace keyway::proxy::execution
