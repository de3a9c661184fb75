// Operations that wait: at a shard, for keys of several shards, and for replicas.
#include "proxy/execution/blocking.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/slot/slot.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/key_watch.h"
#include "proxy/execution/timeout.h"
#include "proxy/execution/wait.h"
#include "proxy/routing/router.h"
#include "tests/unit/proxy/execution/fake_cluster.h"

namespace keyway::proxy::execution {
namespace {

using Words = FakeNode::Words;

constexpr const char* kNothing = "*-1\r\n";

backend::BackendOptions QuickBackend() {
  backend::BackendOptions options;
  options.reconnect_min_ms = options.reconnect_max_ms = 5;
  options.connect_timeout_ms = 1000;
  return options;
}

AccessOptions Quick() {
  AccessOptions options;
  options.retry_interval_ms = 5;
  return options;
}

class BlockingTest : public testing::Test, protected ReplySink {
 protected:
  explicit BlockingTest(AccessOptions options = Quick()) : cluster_(options, QuickBackend()) {
    cluster_.access.SetMap(cluster_.Map());
    for (int i = 0; i < 3; ++i) {
      node(i).set_hello("*4\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:42\r\n");
    }
  }
  ~BlockingTest() override { CancelAll(); }

  FakeNode& node(int index) { return cluster_.node(index); }
  void CancelAll() {
    for (Operation* operation : running_) {
      cluster_.executor.Cancel(*operation);
      cluster_.executor.Release(*operation);
    }
    running_.clear();
  }

  // Starts a request; its number, for reply().
  size_t Start(const Words& words, Operation* operation = nullptr) {
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
    if (operation == nullptr) {
      operation = cluster_.executor.Create(request);
    } else {
      cluster_.executor.Adopt(operation);
    }
    const size_t number = replies_.size();
    numbers_[operation] = number;
    replies_.emplace_back();
    running_.push_back(operation);
    cluster_.executor.Start(*operation, request, *this);
    return number;
  }
  std::string reply(size_t number) {
    RunUntil(cluster_.loop, [&] { return !replies_[number].empty(); });
    return replies_[number];
  }
  bool Until(const std::function<bool()>& condition) { return RunUntil(cluster_.loop, condition); }
  Operation& last() { return *running_.back(); }
  size_t leases() { return cluster_.pool.stats().leases; }

  void OnReply(Operation& operation, std::string_view reply) override {
    replies_[numbers_.at(&operation)] = reply;
    numbers_.erase(&operation);
    std::erase(running_, &operation);
    cluster_.executor.Release(operation);
  }
  void OnReply(Operation& operation, OutputBuffer&& reply) override {
    const std::string bytes = reply.ToString();
    OnReply(operation, bytes);
  }
  void OnHeldUp(Operation&) override {}

  FakeCluster cluster_;
  routing::Router router_;
  routing::Plan plan_;
  std::map<Operation*, size_t> numbers_;
  std::vector<std::string> replies_;
  std::vector<Operation*> running_;
};

// At one shard
// ---------------------------------------------------------------------------------

TEST_F(BlockingTest, RepliesAndReturnsItsLease) {
  node(0).set_answer([](const Words&) { return "*2\r\n$1\r\nb\r\n$1\r\nx\r\n"; });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(reply(Start({"BLPOP", "b", "0"})), "*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
  }
  EXPECT_EQ(node(0).accepted(), 1);
  EXPECT_EQ(leases(), 0u);
  EXPECT_EQ(cluster_.pool.stats().spare_leases, 1u);
}

TEST_F(BlockingTest, ClientThatGoesAwayClosesItsLease) {
  Start({"BLPOP", "b", "0"});
  ASSERT_TRUE(Until([&] { return node(0).log().size() == 1; }));
  EXPECT_EQ(node(0).open(), 1u);
  CancelAll();
  EXPECT_EQ(leases(), 0u);
  EXPECT_TRUE(Until([&] { return node(0).open() == 0; }));
}

TEST_F(BlockingTest, FollowsMovedAndAsk) {
  const std::string port = std::to_string(node(1).port());
  node(0).set_answer([port](const Words&) { return "-MOVED 3300 127.0.0.1:" + port + "\r\n"; });
  node(1).set_answer([this](const Words& words) {
    if (words[0] == "ASKING") return std::string("+OK\r\n");
    return "-ASK 3300 127.0.0.1:" + std::to_string(node(2).port()) + "\r\n";
  });
  node(2).set_answer([](const Words& words) {
    return words[0] == "ASKING" ? "+OK\r\n" : "*2\r\n$1\r\nb\r\n$1\r\nx\r\n";
  });
  EXPECT_EQ(reply(Start({"BLPOP", "b", "7"})), "*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
  EXPECT_EQ(node(2).log()[0], "ASKING");
  EXPECT_GT(cluster_.refreshes, 0);
  // Clean ones, all three.
  EXPECT_EQ(cluster_.pool.stats().spare_leases, 3u);
}

TEST_F(BlockingTest, LostAtOnceIsUncertainUnlessItOnlyReads) {
  bool drop = true;
  node(0).set_answer([&](const Words&) {
    cluster_.loop.Post([&] {
      if (std::exchange(drop, false)) node(0).Drop();
    });
    return drop ? "" : kNothing;
  });
  EXPECT_TRUE(reply(Start({"BLPOP", "b", "5"})).starts_with("-UNCERTAIN "));
  drop = true;
  EXPECT_EQ(reply(Start({"XREAD", "BLOCK", "5000", "STREAMS", "b", "0"})), kNothing);
}

TEST_F(BlockingTest, LostWhileItWaitsGoesOnWithTheRestOfTheTime) {
  Start({"BLPOP", "b", "5"});
  ASSERT_TRUE(Until([&] { return node(0).log().size() == 1; }));
  RunFor(cluster_.loop, 150);
  node(0).Drop();
  ASSERT_TRUE(Until([&] { return node(0).log().size() == 2; }));
  ASSERT_TRUE(node(0).log()[1].starts_with("BLPOP b 4."));
  EXPECT_LT(std::stod(node(0).log()[1].substr(8)), 4.9);
  node(0).Say("*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
  EXPECT_EQ(reply(0), "*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
}

TEST_F(BlockingTest, PrimaryThatIsOneNoMore) {
  node(0).set_answer([](const Words&) {
    return "-UNBLOCKED force unblock from blocking operation, instance state changed\r\n";
  });
  node(1).set_answer([](const Words&) { return "*2\r\n$1\r\nb\r\n$1\r\nx\r\n"; });
  Start({"BLPOP", "b", "0"});
  ASSERT_TRUE(Until([&] { return !node(0).log().empty(); }));
  cluster_.access.SetMap(cluster_.Map({1, 1, 2}));
  EXPECT_EQ(reply(0), "*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
}

TEST_F(BlockingTest, TimePassesWhileItsShardIsAway) {
  node(0).Stop();
  EXPECT_EQ(reply(Start({"BLPOP", "b", "0.05"})), kNothing);
  EXPECT_EQ(leases(), 0u);
}

class ImpatientTest : public BlockingTest {
 protected:
  ImpatientTest() : BlockingTest(Impatient()) {}
  static AccessOptions Impatient() {
    AccessOptions options = Quick();
    options.deadline_ms = 60;
    return options;
  }
};

TEST_F(ImpatientTest, ShardThatStaysAwayIsAnError) {
  node(0).Stop();
  EXPECT_TRUE(reply(Start({"BLPOP", "b", "0"})).starts_with("-ERR keyway-proxy: cannot connect to "));
}

TEST_F(ImpatientTest, WaitsBeyondTheDeadlineOfRequests) {
  Start({"BLPOP", "b", "0"});
  EXPECT_TRUE(last().blocks_client());
  RunFor(cluster_.loop, 150);
  EXPECT_EQ(leases(), 1u);
  node(0).Say(kNothing);
  EXPECT_EQ(reply(0), kNothing);
}

TEST_F(BlockingTest, UnblockAsksTheShard) {
  node(0).set_answer([this](const Words& words) -> std::string {
    if (words[0] != "CLIENT") return "";
    EXPECT_EQ(node(0).log().back(), "CLIENT UNBLOCK 42 ERROR");
    return ":0\r\n";
  });
  Start({"BLPOP", "b", "0"});
  ASSERT_TRUE(Until([&] { return node(0).log().size() == 1; }));
  int answers = 0;
  bool unblocked = true;
  last().Unblock(true, [&](bool yes) {
    ++answers;
    unblocked = yes;
  });
  // It is asked a few times: the shard may not have begun with the command yet.
  ASSERT_TRUE(Until([&] { return answers == 1; }));
  EXPECT_FALSE(unblocked);
  EXPECT_GT(node(0).log().size(), 2u);
  // Then somebody else's UNBLOCK is not for this client.
  EXPECT_EQ(running_.size(), 1u);
}

TEST_F(BlockingTest, UnblockedWhileItsShardIsAway) {
  node(0).Stop();
  Start({"BLPOP", "b", "0"});
  RunFor(cluster_.loop, 20);
  bool unblocked = false;
  last().Unblock(true, [&](bool yes) { unblocked = yes; });
  EXPECT_EQ(reply(0), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  EXPECT_TRUE(unblocked);
  Start({"BLPOP", "b", "0"});
  last().Unblock(false, [&](bool) {});
  EXPECT_EQ(reply(1), kNothing);
}

TEST_F(BlockingTest, LeaseThatMayYetBeUnblockedIsForNobodyElse) {
  Start({"BLPOP", "b", "0"});
  EXPECT_FALSE(last().waits());
  ASSERT_TRUE(Until([&] { return node(0).log().size() == 1; }));
  EXPECT_TRUE(last().waits());
  bool unblocked = true;
  last().Unblock(false, [&](bool yes) { unblocked = yes; });
  ASSERT_TRUE(Until([&] { return node(0).log().size() == 2; }));
  // It is served just then.
  node(0).Say("*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
  EXPECT_EQ(reply(0), "*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
  EXPECT_FALSE(unblocked);
  EXPECT_EQ(leases(), 0u);
  EXPECT_EQ(cluster_.pool.stats().spare_leases, 0u);
}

TEST_F(BlockingTest, UnblockedWhileItsSlotMoves) {
  const std::string moved = "-MOVED 3300 127.0.0.1:" + std::to_string(node(1).port()) + "\r\n";
  Start({"BLPOP", "b", "0"});
  ASSERT_TRUE(Until([&] { return node(0).log().size() == 1; }));
  bool unblocked = false;
  last().Unblock(false, [&](bool yes) { unblocked = yes; });
  ASSERT_TRUE(Until([&] { return node(0).log().size() == 2; }));
  node(0).Say(moved);
  EXPECT_EQ(reply(0), kNothing);
  EXPECT_TRUE(unblocked);
  EXPECT_TRUE(node(1).log().empty());
}

TEST_F(BlockingTest, StaysWhereItsSlotIsOnItsWayTo) {
  node(0).set_answer([this](const Words&) {
    return "-ASK 3300 127.0.0.1:" + std::to_string(node(1).port()) + "\r\n";
  });
  node(1).set_answer([](const Words& words) { return words[0] == "ASKING" ? "+OK\r\n" : ""; });
  Start({"BLPOP", "b", "0"});
  ASSERT_TRUE(Until([&] { return node(1).log().size() == 2; }));
  cluster_.access.SetMap(cluster_.Map());
  // Longer than the patience with a node that hangs.
  RunFor(cluster_.loop, 3200);
  EXPECT_EQ(node(0).log().size(), 1u);
  EXPECT_EQ(node(1).open(), 1u);
}

TEST_F(BlockingTest, UnblockedBeforeItsShardWasAskedGetsWhatIsThere) {
  node(0).set_answer([](const Words& words) {
    return words[0] == "PING" ? "+PONG\r\n" : "*2\r\n$1\r\nb\r\n$1\r\nx\r\n";
  });
  Start({"BLPOP", "b", "0"});
  int answers = 0;
  bool unblocked = true;
  last().Unblock(false, [&](bool yes) {
    ++answers;
    unblocked = yes;
  });
  EXPECT_EQ(reply(0), "*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
  EXPECT_EQ(answers, 1);
  EXPECT_FALSE(unblocked);
  ASSERT_GE(node(0).log().size(), 2u);
  EXPECT_EQ(node(0).log()[1], "BLPOP b 0");
}

TEST_F(BlockingTest, UnblockedBeforeItsShardWasAskedWaitsForNothing) {
  node(0).set_answer([this](const Words& words) -> std::string {
    if (words[0] == "PING") return "+PONG\r\n";
    if (words[0] != "CLIENT") return "";
    node(0).Say(kNothing);
    return ":1\r\n";
  });
  Start({"BLPOP", "b", "0"});
  bool unblocked = false;
  last().Unblock(false, [&](bool yes) { unblocked = yes; });
  EXPECT_EQ(reply(0), kNothing);
  EXPECT_TRUE(unblocked);
  ASSERT_GE(node(0).log().size(), 3u);
  EXPECT_EQ(node(0).log()[2], "CLIENT UNBLOCK 42 TIMEOUT");
}

// For keys of several shards
// ------------------------------------------------------------------

// Lists on three nodes. What changes is told to all connections, as if each had asked for it.
class FirstReadyTest : public BlockingTest {
 protected:
  FirstReadyTest() {
    for (int i = 0; i < 3; ++i) {
      node(i).set_answer([this](const Words& words) { return Answer(words); });
    }
  }

  std::string Answer(const Words& words) {
    if (words[0] == "TYPE") {
      const auto found = lists_.find(words[1]);
      if (found == lists_.end() || found->second.empty()) return "+none\r\n";
      return found->second[0] == "string" ? "+string\r\n" : "+list\r\n";
    }
    if (words[0] == "LMPOP") {
      if (hold_) return "";
      std::vector<std::string>& list = lists_[words[2]];
      if (list.empty()) return kNothing;
      if (list[0] == "string") return "-WRONGTYPE no list\r\n";
      const std::string element = list.front();
      list.erase(list.begin());
      return "*2\r\n" + Bulk(words[2]) + "*1\r\n" + Bulk(element);
    }
    if (words[0] == "GET") return late_ + Bulk("got");
    return "+OK\r\n";
  }
  void Push(int index, const std::string& element) {
    lists_[kKeys[index]].push_back(element);
    Changed(index);
  }
  void Changed(int index) {
    node(index).Say(">2\r\n$10\r\ninvalidate\r\n*1\r\n" + Bulk(kKeys[index]));
  }
  size_t Count(int index, const std::string& start) {
    size_t count = 0;
    for (const std::string& line : node(index).log()) count += line.starts_with(start) ? 1 : 0;
    return count;
  }
  bool UntilWaiting() {
    return Until([&] {
      return Count(0, "TYPE") > 0 && Count(1, "TYPE") > 0 && Count(2, "TYPE") > 0;
    }) && (RunFor(cluster_.loop, 10), true);
  }

  std::map<std::string, std::vector<std::string>> lists_;
  bool hold_ = false;
  std::string late_;
};

TEST_F(FirstReadyTest, TakesFromTheFirstThatExists) {
  lists_ = {{"a", {"1"}}, {"c", {"2"}}};
  EXPECT_EQ(reply(Start({"BLPOP", "b", "c", "a", "0"})), "*2\r\n$1\r\nc\r\n$1\r\n2\r\n");
  EXPECT_EQ(lists_["a"].size(), 1u);
  EXPECT_EQ(Count(2, "LMPOP"), 0u);
  EXPECT_EQ(cluster_.executor.key_watch()->connections(), 3u);
  EXPECT_TRUE(Until([&] { return cluster_.executor.key_watch()->keys() == 0; }));
  EXPECT_EQ(node(0).log()[0], "CLIENT TRACKING ON");
}

TEST_F(FirstReadyTest, WrongTypeInTheOrderOfTheRequest) {
  lists_ = {{"b", {"string"}}, {"a", {"1"}}};
  EXPECT_EQ(reply(Start({"BLPOP", "c", "b", "a", "0"})), "-WRONGTYPE no list\r\n");
  EXPECT_EQ(reply(Start({"BLPOP", "c", "a", "b", "0"})), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
  // Who waits does not mind.
  lists_.clear();
  const size_t waits = Start({"BLPOP", "b", "c", "a", "0"});
  ASSERT_TRUE(UntilWaiting());
  Push(0, "string");
  RunFor(cluster_.loop, 10);
  EXPECT_EQ(replies_[waits], "");
  Push(1, "x");
  EXPECT_EQ(reply(waits), "*2\r\n$1\r\nc\r\n$1\r\nx\r\n");
}

TEST_F(FirstReadyTest, FirstComeFirstServed) {
  const size_t first = Start({"BLPOP", "b", "c", "0"});
  const size_t second = Start({"BLPOP", "a", "b", "0"});
  const size_t third = Start({"BLPOP", "b", "a", "0"});
  ASSERT_TRUE(UntilWaiting());
  Push(0, "1");
  EXPECT_EQ(reply(first), "*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
  lists_["b"] = {"2", "3", "4"};
  Changed(0);
  EXPECT_EQ(reply(second), "*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
  EXPECT_EQ(reply(third), "*2\r\n$1\r\nb\r\n$1\r\n3\r\n");
  EXPECT_EQ(lists_["b"], (std::vector<std::string>{"4"}));
}

TEST_F(FirstReadyTest, WhatIsTakenForNobodyIsPutBack) {
  lists_ = {{"b", {"1"}}};
  hold_ = true;
  Start({"BRPOP", "b", "c", "0"});
  ASSERT_TRUE(Until([&] { return Count(0, "LMPOP") == 1; }));
  CancelAll();
  // The reply comes after all, before that of the next request.
  late_ = "*2\r\n$1\r\nb\r\n*1\r\n$1\r\n1\r\n";
  EXPECT_EQ(reply(Start({"GET", "b"})), Bulk("got"));
  ASSERT_TRUE(Until([&] { return Count(0, "RPUSH") == 1; }));
  EXPECT_EQ(node(0).log().back(), "RPUSH b 1");
}

TEST_F(FirstReadyTest, NothingIsPutBackWhenNothingWasTaken) {
  lists_ = {{"b", {"1"}}};
  hold_ = true;
  Start({"BLPOP", "b", "c", "0"});
  ASSERT_TRUE(Until([&] { return Count(0, "LMPOP") == 1; }));
  CancelAll();
  late_ = kNothing;
  EXPECT_EQ(reply(Start({"GET", "b"})), Bulk("got"));
  RunFor(cluster_.loop, 10);
  EXPECT_EQ(Count(0, "LPUSH"), 0u);
}

TEST_F(FirstReadyTest, LosesItsConnectionsAndLooksAgain) {
  const size_t waits = Start({"BLPOP", "b", "c", "0"});
  Start({"BLPOP", "a", "b", "0"});
  ASSERT_TRUE(UntilWaiting());
  node(1).Drop();
  lists_["c"] = {"1"};
  EXPECT_EQ(reply(waits), "*2\r\n$1\r\nc\r\n$1\r\n1\r\n");
}

TEST_F(FirstReadyTest, SlotThatMovesIsLookedAtElsewhere) {
  const size_t waits = Start({"BLPOP", "b", "c", "0"});
  ASSERT_TRUE(Until([&] { return Count(0, "TYPE") == 1 && Count(1, "TYPE") == 1; }));
  cluster_.access.SetMap(cluster_.Map({2, 1, 2}));
  ASSERT_TRUE(Until([&] { return Count(2, "TYPE b") == 1; }));
  lists_["b"] = {"1"};
  node(2).Say(">2\r\n$10\r\ninvalidate\r\n_\r\n");
  EXPECT_EQ(reply(waits), "*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
}

TEST_F(FirstReadyTest, LookAtAShardThatHangsDoesNotKeepItFromLookingElsewhere) {
  node(0).set_answer([](const Words&) { return ""; });
  const size_t waits = Start({"BLPOP", "b", "c", "0"});
  ASSERT_TRUE(Until([&] { return Count(0, "TYPE") == 1 && Count(1, "TYPE") == 1; }));
  cluster_.access.SetMap(cluster_.Map({2, 1, 2}));
  ASSERT_TRUE(Until([&] { return Count(2, "TYPE b") == 1; }));
  RunFor(cluster_.loop, 10);
  lists_["b"] = {"1"};
  node(2).Say(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nb\r\n");
  EXPECT_EQ(reply(waits), "*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
}

TEST_F(FirstReadyTest, ShardThatIsAwayDoesNotKeepTheOthersFromServing) {
  node(1).Stop();
  lists_["b"] = {"1"};
  EXPECT_EQ(reply(Start({"BLPOP", "c", "b", "0.1"})), "*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
  EXPECT_EQ(reply(Start({"BLPOP", "c", "b", "0.1"})), kNothing);
  node(0).Stop();
  EXPECT_TRUE(reply(Start({"BLPOP", "c", "b", "0.1"})).starts_with("-ERR keyway-proxy: cannot connect"));
}

TEST_F(FirstReadyTest, LostWhileItTakesIsUncertain) {
  lists_["b"] = {"1"};
  hold_ = true;
  const size_t number = Start({"BLPOP", "b", "c", "0"});
  ASSERT_TRUE(Until([&] { return Count(0, "LMPOP") == 1; }));
  node(0).Drop();
  EXPECT_TRUE(reply(number).starts_with("-UNCERTAIN "));
}

TEST_F(FirstReadyTest, TimesOutAndIsUnblocked) {
  EXPECT_EQ(reply(Start({"BLPOP", "b", "c", "0.02"})), kNothing);
  const size_t error = Start({"BLPOP", "b", "c", "0"});
  EXPECT_FALSE(last().waits());
  ASSERT_TRUE(Until([&] { return last().waits(); }));
  EXPECT_GE(Count(1, "TYPE"), 2u);
  bool unblocked = false;
  last().Unblock(true, [&](bool yes) { unblocked = yes; });
  EXPECT_TRUE(unblocked);
  EXPECT_EQ(replies_[error], "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  // One that is being served is not unblocked.
  lists_["b"] = {"1"};
  hold_ = true;
  const size_t served = Start({"BLPOP", "b", "c", "0"});
  ASSERT_TRUE(Until([&] { return Count(0, "LMPOP") == 1; }));
  last().Unblock(false, [&](bool yes) { unblocked = yes; });
  EXPECT_TRUE(replies_[served].empty());
  late_ = "*2\r\n$1\r\nb\r\n*1\r\n$1\r\n1\r\n";
  Start({"GET", "b"});
  EXPECT_EQ(reply(served), "*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
  EXPECT_FALSE(unblocked);
}

TEST_F(FirstReadyTest, UnblockedBeforeItHasLookedGetsWhatIsThere) {
  lists_["b"] = {"1"};
  const size_t served = Start({"BLPOP", "b", "c", "0"});
  bool unblocked = true;
  last().Unblock(false, [&](bool yes) { unblocked = yes; });
  EXPECT_EQ(reply(served), "*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
  EXPECT_FALSE(unblocked);
  const size_t waits = Start({"BLPOP", "b", "c", "0"});
  last().Unblock(true, [&](bool yes) { unblocked = yes; });
  EXPECT_EQ(reply(waits), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  EXPECT_TRUE(unblocked);
  // Whose shards are all away.
  node(0).Stop();
  node(1).Stop();
  const size_t away = Start({"BLPOP", "b", "c", "0"});
  last().Unblock(false, [](bool) {});
  EXPECT_EQ(reply(away), kNothing);
}

TEST_F(FirstReadyTest, SlotThatIsKeptAfterAllIsLookedAtThere) {
  bool leaves = true;
  node(0).set_answer([&](const Words& words) -> std::string {
    if (leaves && words[0] == "TYPE") {
      return "-ASK 3300 127.0.0.1:" + std::to_string(node(2).port()) + "\r\n";
    }
    return Answer(words);
  });
  const size_t waits = Start({"BLPOP", "b", "c", "0"});
  ASSERT_TRUE(Until([&] { return last().waits(); }));
  EXPECT_GE(Count(2, "TYPE b"), 1u);
  leaves = false;
  lists_["b"] = {"1"};
  EXPECT_EQ(reply(waits), "*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
}

TEST_F(FirstReadyTest, MalformedIsTheShardsToSay) {
  node(0).set_answer([](const Words& words) {
    if (words[0] == "EXEC") return "*1\r\n-ERR timeout is negative\r\n";
    return words[0] == "MULTI" ? "+OK\r\n" : "+QUEUED\r\n";
  });
  EXPECT_EQ(reply(Start({"BLPOP", "b", "c", "-1"})), "-ERR timeout is negative\r\n");
  EXPECT_EQ(node(0).log(), (std::vector<std::string>{"MULTI", "BLPOP b -1", "EXEC"}));
}

// For replicas
// --------------------------------------------------------------------------------

TEST_F(BlockingTest, WaitTellsTheLeast) {
  const char* replicas[] = {":2\r\n", ":1\r\n", ":3\r\n"};
  for (int i = 0; i < 3; ++i) {
    node(i).set_answer([text = replicas[i]](const Words& words) {
      return words[0] == "PING" ? "+PONG\r\n" : text;
    });
  }
  EXPECT_EQ(reply(Start({"WAIT", "1", "0"}, new WaitOperation)), ":1\r\n");
  EXPECT_EQ(node(1).log(), (std::vector<std::string>{"PING", "WAIT 1 0"}));
  EXPECT_EQ(leases(), 0u);
  node(1).set_answer([](const Words& words) { return words[0] == "PING" ? "+PONG\r\n" : ""; });
  const size_t number = Start({"WAIT", "1", "0"}, new WaitOperation);
  ASSERT_TRUE(Until([&] { return node(1).log().size() == 4; }));
  node(1).Drop();
  EXPECT_TRUE(reply(number).starts_with("-ERR keyway-proxy: the connection to "));
  EXPECT_EQ(leases(), 0u);
}

TEST_F(BlockingTest, WaitIsUnblockedAtEachShardOnceItWaitsThere) {
  for (int i = 0; i < 3; ++i) {
    node(i).set_answer([](const Words& words) { return words[0] == "PING" ? "+PONG\r\n" : ""; });
  }
  const size_t number = Start({"WAIT", "1", "0"}, new WaitOperation);
  EXPECT_FALSE(last().waits());
  // There is no connection to any of them yet.
  int answers = 0;
  last().Unblock(false, [&](bool yes) { answers += yes ? 1 : 0; });
  last().Unblock(false, [&](bool yes) { answers += yes ? 1 : 0; });
  EXPECT_EQ(answers, 1);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Until([&] { return node(i).log().size() == 3; }));
    EXPECT_EQ(node(i).log()[2], "CLIENT UNBLOCK 42 TIMEOUT");
    EXPECT_TRUE(replies_[number].empty());
    node(i).Say(":" + std::to_string(i) + "\r\n");
  }
  EXPECT_EQ(reply(number), ":0\r\n");
  EXPECT_EQ(leases(), 0u);
}

TEST_F(BlockingTest, WaitIsUnblockedWithAnErrorAtOnce) {
  Start({"WAIT", "1", "0"}, new WaitOperation);
  last().Unblock(true, [](bool) {});
  EXPECT_EQ(replies_[0], "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  EXPECT_EQ(leases(), 0u);
}

TEST_F(ImpatientTest, WaitThatAShardDoesNotEndWhenUnblockedIsAnError) {
  Start({"WAIT", "1", "0"}, new WaitOperation);
  RunFor(cluster_.loop, 150);
  EXPECT_TRUE(replies_[0].empty());
  last().Unblock(false, [](bool) {});
  EXPECT_TRUE(reply(0).starts_with("-ERR keyway-proxy: no reply within 60 ms"));
}

// Time-outs
// -----------------------------------------------------------------------------------

TEST(TimeoutTest, ReadsWhatRedisReads) {
  EXPECT_EQ(ParseTimeout("0", false), 0);
  EXPECT_EQ(ParseTimeout("1.5", false), 1500);
  EXPECT_EQ(ParseTimeout("0.0001", false), 1);
  EXPECT_EQ(ParseTimeout("1e-3", false), 1);
  EXPECT_EQ(ParseTimeout("0x1p1", false), 2000);
  EXPECT_EQ(ParseTimeout("-0.0001", false), 0);
  for (const char* bad : {"", " 1", "1 ", "x", "nan", "inf", "-1", "1e300", "1e5000"}) {
    EXPECT_FALSE(ParseTimeout(bad, false).has_value()) << bad;
  }
  EXPECT_EQ(ParseTimeout("15", true), 15);
  EXPECT_FALSE(ParseTimeout("1.5", true).has_value());
  EXPECT_FALSE(ParseTimeout("-1", true).has_value());
}

TEST(TimeoutTest, WritesWhatIsLeft) {
  EXPECT_EQ(FormatTimeout(1234, false), "1.234");
  EXPECT_EQ(FormatTimeout(60'005, false), "60.005");
  EXPECT_EQ(FormatTimeout(0, false), "0.001");
  EXPECT_EQ(FormatTimeout(-5, true), "1");
  EXPECT_EQ(FormatTimeout(17, true), "17");
  EXPECT_EQ(WithArgument("*3\r\n$5\r\nBLPOP\r\n$4\r\n\r\n$9\r\n$1\r\n5\r\n", 2, "4.999"),
            "*3\r\n$5\r\nBLPOP\r\n$4\r\n\r\n$9\r\n$5\r\n4.999\r\n");
  EXPECT_EQ(WithArgument("*3\r.$5\r.BLPOP..$1\r.k..$1\r.5..", 2, "4.999"),
            "*3\r\n$5\r\nBLPOP\r\n$1\r\nk\r\n$5\r\n4.999\r\n");
}

}  // namespace
}  // namespace keyway::proxy::execution
