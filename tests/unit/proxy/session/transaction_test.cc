// Transactions: what is queued, what the shards see of it, and what becomes of a watch.
#include "proxy/session/transaction.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/proxy/session/session_rig.h"

namespace keyway::proxy::session {
namespace {

using Words = FakeNode::Words;

constexpr const char* kOk = "+OK\r\n";
constexpr const char* kQueued = "+QUEUED\r\n";
constexpr const char* kAborted =
    "-EXECABORT Transaction discarded because of previous errors.\r\n";
constexpr const char* kCrossSlot = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";

class TransactionTest : public SessionTest {
 protected:
  // Node `index` queues and executes: every command echoes its last word.
  void Transacting(int index) {
    cluster_->node(index).set_answer([this, index](const Words& words) {
      return Transact(&states_[static_cast<size_t>(index)], words);
    });
  }

  struct NodeState {
    bool multi = false;
    std::vector<std::string> replies;
    std::string exec;    // instead of the array
    std::string refuse;  // instead of QUEUED
  };

  static std::string Transact(NodeState* state, const Words& words) {
    if (words[0] == "MULTI") {
      state->multi = true;
      state->replies.clear();
      return kOk;
    }
    if (words[0] == "WATCH" || words[0] == "UNWATCH") return kOk;
    if (words[0] == "EXEC") {
      state->multi = false;
      if (!state->refuse.empty()) return kAborted;
      if (!state->exec.empty()) return state->exec;
      std::string reply = "*" + std::to_string(state->replies.size()) + "\r\n";
      for (const std::string& element : state->replies) reply += element;
      return reply;
    }
    const std::string reply = words[0] == "SELECT"   ? kOk
                              : words[0] == "EXISTS" ? ":1\r\n"
                                                     : Bulk(words.back());
    if (!state->multi) return reply;
    if (!state->refuse.empty()) return state->refuse;
    state->replies.push_back(reply);
    return kQueued;
  }

  void MakeTransacting(SessionOptions options = {}, execution::AccessOptions access = {}) {
    Make(options, access);
    for (int i = 0; i < 3; ++i) Transacting(i);
  }

  size_t leases() const { return cluster_->pool.stats().leases; }
  size_t spares() const { return cluster_->pool.stats().spare_leases; }

  NodeState states_[3];
};

TEST_F(TransactionTest, GoesToItsShardInOnePiece) {
  MakeTransacting();
  TestClient& client = Connect();
  client.Send(Request({"SET", "b", "0"}) + Request({"MULTI"}) + Request({"SET", "b", "1"}) +
              Request({"GET", "{b}2"}) + Request({"EXEC"}) + Request({"GET", "b"}));
  const std::string wanted = Bulk("0") + kOk + kQueued + kQueued + "*2\r\n" + Bulk("1") +
                             Bulk("{b}2") + Bulk("b");
  EXPECT_EQ(client.Receive(wanted), wanted);
  const std::vector<std::string> log = {"SET b 0", "MULTI", "SET b 1", "GET {b}2", "EXEC", "GET b"};
  EXPECT_EQ(cluster_->node(0).log(), log);
  EXPECT_EQ(cluster_->node(0).accepted(), 1);
  EXPECT_EQ(leases(), 0u);
}

TEST_F(TransactionTest, ErrorsWhileQueueingAbort) {
  MakeTransacting();
  TestClient& client = Connect();
  const Words wrong[] = {{"NOSUCH"}, {"GET"}, {"CONFIG", "FOO"}, {"SYNC"}, {"MULTI", "x"},
                         {"SHUTDOWN"}};
  for (const Words& request : wrong) {
    Expect(client, {"MULTI"}, kOk);
    Expect(client, {"SET", "b", "1"}, kQueued);
    client.Send(Request(request));
    EXPECT_EQ(client.Receive("-").substr(0, 5), "-ERR ") << request[0];
    Expect(client, {"SET", "b", "1"}, kQueued);
    Expect(client, {"EXEC"}, kAborted);
    Expect(client, {"EXEC"}, "-ERR EXEC without MULTI\r\n");
  }
  EXPECT_TRUE(cluster_->node(0).log().empty());
}

TEST_F(TransactionTest, SomeErrorsDoNotAbort) {
  MakeTransacting();
  TestClient& client = Connect();
  Expect(client, {"DISCARD"}, "-ERR DISCARD without MULTI\r\n");
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"MULTI"}, "-ERR MULTI calls can not be nested\r\n");
  Expect(client, {"WATCH", "b"}, "-ERR WATCH inside MULTI is not allowed\r\n");
  Expect(client, {"EXEC"}, "*0\r\n");
  // A refused EXEC takes the transaction with it.
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"EXEC", "x"},
         "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' "
         "command\r\n");
  Expect(client, {"EXEC"}, "-ERR EXEC without MULTI\r\n");
}

TEST_F(TransactionTest, KeysInSeveralSlotsAreAnErrorAtExec) {
  MakeTransacting();
  TestClient& client = Connect();
  const std::vector<std::vector<Words>> torn = {{{"SET", "a", "1"}, {"SET", "b", "1"}},
                                                {{"MSET", "a", "1", "b", "1"}},
                                                {{"RENAME", "a", "b"}},
                                                {{"FLUSHALL"}, {"GET", "a"}},
                                                {{"SCAN", "0"}}};
  for (const std::vector<Words>& requests : torn) {
    Expect(client, {"MULTI"}, kOk);
    for (const Words& request : requests) Expect(client, request, kQueued);
    Expect(client, {"EXEC"}, kCrossSlot);
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(cluster_->node(i).log().empty());
}

TEST_F(TransactionTest, LocalRepliesStandInTheirPlaces) {
  MakeTransacting();
  TestClient& client = Connect();
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"PING"}, kQueued);
  Expect(client, {"GET", "b"}, kQueued);
  Expect(client, {"CLIENT", "SETNAME", "me"}, kQueued);
  Expect(client, {"SELECT", "-1"}, kQueued);
  Expect(client, {"GET", "{b}2"}, kQueued);
  Expect(client, {"CLIENT", "GETNAME"}, kQueued);
  Expect(client, {"EXEC"},
         "*6\r\n+PONG\r\n" + Bulk("b") + kOk + "-ERR DB index is out of range\r\n" + Bulk("{b}2") +
             Bulk("me"));
  const std::vector<std::string> log = {"MULTI", "GET b", "GET {b}2", "EXEC"};
  EXPECT_EQ(cluster_->node(0).log(), log);
  // No shard is needed for these, even if one has to ask other threads.
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"CLIENT", "KILL", "1.1.1.1:1"}, kQueued);
  Expect(client, {"ECHO", "x"}, kQueued);
  Expect(client, {"EXEC"}, "*2\r\n-ERR No such client\r\n" + Bulk("x"));
}

TEST_F(TransactionTest, SelectIsExecutedInItsPlaceAndTakenBack) {
  MakeTransacting();
  TestClient& client = Connect();
  client.Send(Request({"MULTI"}) + Request({"SELECT", "5"}) + Request({"GET", "b"}) +
              Request({"EXEC"}) + Request({"GET", "b"}));
  const std::string wanted =
      std::string(kOk) + kQueued + kQueued + "*2\r\n" + kOk + Bulk("b") + Bulk("b");
  EXPECT_EQ(client.Receive(wanted), wanted);
  const std::vector<std::string> log = {"MULTI", "SELECT 5", "GET b",    "SELECT 0",
                                        "EXEC",  "SELECT 5", "GET b"};
  EXPECT_EQ(cluster_->node(0).log(), log);
}

TEST_F(TransactionTest, RepliesThatAreOffStayOff) {
  MakeTransacting();
  TestClient& client = Connect();
  client.Send(Request({"MULTI"}) + Request({"PING"}) + Request({"CLIENT", "REPLY", "OFF"}) +
              Request({"GET", "b"}) + Request({"EXEC"}) + Request({"CLIENT", "REPLY", "ON"}));
  std::string wanted =
      std::string(kOk) + kQueued + kQueued + kQueued + "*3\r\n+PONG\r\n" + kOk;
  EXPECT_EQ(client.Receive(wanted), wanted);
  client.Send(Request({"CLIENT", "REPLY", "OFF"}) + Request({"MULTI"}) + Request({"GET", "b"}) +
              Request({"CLIENT", "REPLY", "ON"}) + Request({"ECHO", "x"}) + Request({"EXEC"}));
  wanted = kOk + Bulk("x");
  EXPECT_EQ(client.Receive(wanted), wanted);
}

TEST_F(TransactionTest, AShardThatRefusesToQueueAborts) {
  MakeTransacting();
  states_[0].refuse = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
  TestClient& client = Connect();
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"SET", "b", "1"}, kQueued);
  Expect(client, {"EXEC"},
         "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > "
         "'maxmemory'.\r\n");
}

TEST_F(TransactionTest, OneThatAbortsDoesNotEndTheNext) {
  MakeTransacting();
  const std::string error = "OOM command not allowed when used memory > 'maxmemory'.";
  states_[0].refuse = "-" + error + "\r\n";
  TestClient& client = Connect();
  const std::string once =
      Request({"MULTI"}) + Request({"EVAL", "return 1", "1", "b"}) + Request({"EXEC"});
  const std::string reply = std::string(kOk) + kQueued +
                            "-EXECABORT Transaction discarded because of: " + error + "\r\n";
  client.Send(once + once);
  EXPECT_EQ(client.Receive(reply + reply), reply + reply);
}

TEST_F(TransactionTest, ScriptsAreRemembered) {
  MakeTransacting();
  TestClient& client = Connect();
  const std::string script = "return ARGV[1]";
  const std::string sha1 = scripting::Sha1Digits(script);
  // In one pipeline: the next transaction begins before the first has been answered.
  client.Send(Request({"MULTI"}) + Request({"EVAL", script, "1", "b", "x"}) + Request({"EXEC"}) +
              Request({"MULTI"}) + Request({"EVALSHA", sha1, "1", "c", "y"}) +
              Request({"EVALSHA", sha1, "1", "c", "z"}) + Request({"EXEC"}));
  const std::string first = std::string(kOk) + kQueued + "*1\r\n" + Bulk("x");
  const std::string wanted = first + kOk + kQueued + kQueued + "*2\r\n" + Bulk("y") + Bulk("z");
  EXPECT_EQ(client.Receive(wanted), wanted);
  const std::vector<std::string> load = {"SCRIPT LOAD " + script};
  EXPECT_EQ(cluster_->node(2).log(), load);

  // A shard that may have been restarted is sent the text once a transaction.
  Expect(client, {"MULTI"}, kOk);
  for (int i = 0; i < 2; ++i) Expect(client, {"EVALSHA", sha1, "1", "a", "y"}, kQueued);
  Expect(client, {"EXEC"}, "*2\r\n" + Bulk("y") + Bulk("y"));
  const std::vector<std::string> log = {load[0], "MULTI", "EVAL " + script + " 1 a y",
                                        "EVALSHA " + sha1 + " 1 a y", "EXEC"};
  EXPECT_EQ(cluster_->node(2).log(), log);
}

TEST_F(TransactionTest, ScriptsOfOneThatWasNotExecutedAreForgotten) {
  MakeTransacting();
  TestClient& client = Connect();
  Expect(client, {"WATCH", "b"}, kOk);
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"EVAL", "return 1", "1", "b"}, kQueued);
  states_[0].exec = "*-1\r\n";
  Expect(client, {"EXEC"}, "*-1\r\n");
  EXPECT_TRUE(cluster_->node(1).log().empty());
  EXPECT_EQ(cluster_->scripts.count(), 0u);
}

TEST_F(TransactionTest, FollowsASlotThatHasMoved) {
  MakeTransacting();
  states_[0].refuse = "-MOVED 3300 127.0.0.1:" + std::to_string(cluster_->node(1).port()) + "\r\n";
  TestClient& client = Connect();
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"SET", "b", "1"}, kQueued);
  Expect(client, {"EXEC"}, "*1\r\n" + Bulk("1"));
  const std::vector<std::string> log = {"MULTI", "SET b 1", "EXEC"};
  EXPECT_EQ(cluster_->node(1).log(), log);
}

TEST_F(TransactionTest, OneWhoseFateIsUnknownIsNotRepeated) {
  MakeTransacting();
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  TestClient& client = Connect();
  client.Send(Request({"MULTI"}) + Request({"SET", "b", "1"}) + Request({"EXEC"}));
  RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().size() == 3; });
  cluster_->node(0).Drop();
  const std::string start = std::string(kOk) + kQueued + "-UNCERTAIN ";
  const std::string reply = client.Receive(start);
  EXPECT_EQ(reply.substr(0, start.size()), start);
  EXPECT_EQ(cluster_->node(0).log().size(), 3u);
}

TEST_F(TransactionTest, IsBounded) {
  SessionOptions options;
  options.max_transaction_commands = 2;
  MakeTransacting(options);
  TestClient& client = Connect();
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"PING"}, kQueued);
  Expect(client, {"PING"}, kQueued);
  client.Send(Request({"PING"}));
  EXPECT_EQ(client.Receive("-ERR keyway-proxy: the transaction is too large").substr(0, 46),
            "-ERR keyway-proxy: the transaction is too larg");
  Expect(client, {"EXEC"}, kAborted);
}

TEST_F(TransactionTest, DiscardAndResetForget) {
  MakeTransacting();
  TestClient& client = Connect();
  for (const char* end : {"DISCARD", "RESET"}) {
    Expect(client, {"MULTI"}, kOk);
    Expect(client, {"SET", "b", "1"}, kQueued);
    Expect(client, {end}, end == std::string("RESET") ? "+RESET\r\n" : kOk);
    Expect(client, {"EXEC"}, "-ERR EXEC without MULTI\r\n");
  }
  EXPECT_TRUE(cluster_->node(0).log().empty());
}

TEST_F(TransactionTest, WatchIsOnAConnectionOfItsOwn) {
  MakeTransacting();
  TestClient& client = Connect();
  client.Send(Request({"SET", "b", "0"}) + Request({"WATCH", "b", "{b}2"}) + Request({"GET", "b"}) +
              Request({"MULTI"}) + Request({"SET", "b", "1"}) + Request({"EXEC"}) +
              Request({"GET", "b"}));
  const std::string wanted = Bulk("0") + kOk + Bulk("b") + kOk + kQueued + "*1\r\n" + Bulk("1") +
                             Bulk("b");
  EXPECT_EQ(client.Receive(wanted), wanted);
  // Each begins when those before are answered, whichever connection they use.
  const std::vector<std::string> log = {"SET b 0", "WATCH b {b}2", "GET b",
                                        "MULTI",   "SET b 1",      "EXISTS b {b}2",
                                        "EXEC",    "GET b"};
  EXPECT_EQ(cluster_->node(0).log(), log);
  EXPECT_EQ(cluster_->node(0).accepted(), 2);
  EXPECT_EQ(leases(), 0u);
  EXPECT_EQ(spares(), 1u);
}

TEST_F(TransactionTest, AChangedKeyIsNil) {
  MakeTransacting();
  states_[0].exec = "*-1\r\n";
  TestClient& client = Connect();
  Expect(client, {"WATCH", "b"}, kOk);
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"CLIENT", "SETNAME", "x"}, kQueued);
  Expect(client, {"EXEC"}, "*-1\r\n");
  // What the proxy would have done itself has not been done either.
  Expect(client, {"CLIENT", "GETNAME"}, "$-1\r\n");
  client.Send(Request({"HELLO", "3"}));
  RunFor(cluster_->loop, 10);
  client.Receive("");
  Expect(client, {"WATCH", "b"}, kOk);
  Expect(client, {"MULTI"}, kOk);
  states_[0].exec = "_\r\n";
  Expect(client, {"EXEC"}, "_\r\n");
}

TEST_F(TransactionTest, WatchedKeysLieInOneSlot) {
  MakeTransacting();
  TestClient& client = Connect();
  Expect(client, {"WATCH", "a", "b"}, kCrossSlot);
  EXPECT_EQ(leases(), 0u);
  Expect(client, {"WATCH", "b"}, kOk);
  Expect(client, {"WATCH", "a"}, kCrossSlot);
  Expect(client, {"WATCH", "{b}2"}, kOk);
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"SET", "a", "1"}, kQueued);
  Expect(client, {"EXEC"}, kCrossSlot);
  RunUntil(cluster_->loop, [&] { return spares() == 1; });
  EXPECT_EQ(leases(), 0u);
}

TEST_F(TransactionTest, ALostWatchIsNil) {
  MakeTransacting();
  TestClient& client = Connect();
  Expect(client, {"WATCH", "b"}, kOk);
  cluster_->node(0).Drop();
  RunUntil(cluster_->loop, [&] { return leases() == 0; });
  Expect(client, {"WATCH", "{b}2"}, kOk);
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"SET", "b", "1"}, kQueued);
  Expect(client, {"EXEC"}, "*-1\r\n");
  // That was that; the next one begins anew.
  Expect(client, {"WATCH", "b"}, kOk);
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"SET", "b", "1"}, kQueued);
  Expect(client, {"EXEC"}, "*1\r\n" + Bulk("1"));
}

TEST_F(TransactionTest, AWatchDoesNotOutliveItsPrimary) {
  MakeTransacting();
  TestClient& client = Connect();
  Expect(client, {"WATCH", "b"}, kOk);
  cluster_->access.SetMap(cluster_->Map({1, 1, 2}));
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"SET", "b", "1"}, kQueued);
  Expect(client, {"EXEC"}, "*-1\r\n");
  EXPECT_EQ(cluster_->node(0).log().size(), 1u);
  EXPECT_EQ(leases(), 0u);
}

TEST_F(TransactionTest, AWatchedSlotThatMovesIsNil) {
  MakeTransacting();
  for (const char* code : {"MOVED", "ASK"}) {
    TestClient& client = Connect();
    Expect(client, {"WATCH", "b"}, kOk);
    states_[0].refuse = std::string("-") + code + " 3300 127.0.0.1:1\r\n";
    Expect(client, {"MULTI"}, kOk);
    Expect(client, {"EXEC"}, "*-1\r\n");
    states_[0].refuse.clear();
    EXPECT_EQ(leases(), 0u);
  }
}

TEST_F(TransactionTest, AWatchedTransactionWhoseFateIsUnknownSaysSo) {
  MakeTransacting();
  TestClient& client = Connect();
  Expect(client, {"WATCH", "b"}, kOk);
  Expect(client, {"MULTI"}, kOk);
  Expect(client, {"SET", "b", "1"}, kQueued);
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  client.Send(Request({"EXEC"}));
  RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().back() == "EXEC"; });
  cluster_->node(0).Drop();
  EXPECT_EQ(client.Receive("-UNCERTAIN ").substr(0, 11), "-UNCERTAIN ");
  EXPECT_EQ(leases(), 0u);
}

TEST_F(TransactionTest, WatchFindsItsShardLate) {
  execution::AccessOptions access;
  access.retry_interval_ms = 5;
  MakeTransacting({}, access);
  int asked = 0;
  cluster_->node(0).set_answer([&](const Words&) {
    ++asked;
    return asked == 1 ? std::string("-TRYAGAIN Multiple keys request during rehashing of slot\r\n")
                      : "-MOVED 3300 127.0.0.1:" + std::to_string(cluster_->node(1).port()) + "\r\n";
  });
  TestClient& client = Connect();
  Expect(client, {"WATCH", "b"}, kOk);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(cluster_->node(1).log().back(), "WATCH b");
}

TEST_F(TransactionTest, UnwatchGivesTheConnectionBack) {
  MakeTransacting();
  TestClient& client = Connect();
  for (int round = 0; round < 3; ++round) {
    Expect(client, {"WATCH", "b"}, kOk);
    EXPECT_EQ(leases(), 1u);
    Expect(client, {"UNWATCH"}, kOk);
    RunUntil(cluster_->loop, [&] { return leases() == 0; });
    EXPECT_EQ(spares(), 1u);
  }
  EXPECT_EQ(cluster_->node(0).accepted(), 1);
  Expect(client, {"UNWATCH"}, kOk);
}

TEST_F(TransactionTest, AClientThatGoesLeavesNothing) {
  MakeTransacting();
  for (const char* last : {"WATCH", "MULTI", "SET", "EXEC"}) {
    TestClient& client = Connect();
    if (last == std::string("WATCH")) {
      cluster_->node(0).set_answer([](const Words&) { return ""; });
      client.Send(Request({"WATCH", "b"}));
      RunUntil(cluster_->loop, [&] { return !cluster_->node(0).log().empty(); });
    } else {
      Transacting(0);
      Expect(client, {"WATCH", "b"}, kOk);
      Expect(client, {"MULTI"}, kOk);
      if (last != std::string("MULTI")) Expect(client, {"SET", "b", "1"}, kQueued);
      if (last == std::string("EXEC")) {
        cluster_->node(0).set_answer([](const Words&) { return ""; });
        client.Send(Request({"EXEC"}));
        RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().back() == "EXEC"; });
      }
    }
    EXPECT_EQ(leases(), 1u) << last;
    // With something under way it would get its reply first, were it not killed.
    sessions_->ForEach([](Session& session) { session.Doom(); });
    clients_.clear();
    EXPECT_TRUE(RunUntil(cluster_->loop, [&] { return sessions_->size() == 0; })) << last;
    EXPECT_EQ(leases(), 0u) << last;
    EXPECT_TRUE(RunUntil(cluster_->loop, [&] { return cluster_->node(0).open() == 0; })) << last;
  }
}

}  // namespace
}  // namespace keyway::proxy::session
