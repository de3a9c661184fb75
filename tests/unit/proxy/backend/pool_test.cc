#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/backend/backend.h"
#include "tests/unit/proxy/backend/fake_node.h"
#include "tests/unit/proxy/backend/recording_call.h"

namespace keyway::proxy::backend {
namespace {

// Echoes the second word of a request, or "+OK".
std::string EchoAnswer(const FakeNode::Words& words) {
  return words.size() < 2 || words[0] == "SELECT" ? "+OK\r\n" : Bulk(words[1]);
}

class PoolTest : public ::testing::Test {
 protected:
  void Send(Pool& pool, const net::Endpoint& node, const std::vector<std::string>& words,
            Call* call, const SendOptions& options = {}) {
    const std::string bytes = Request(words);
    const std::string_view parts[] = {std::string_view(bytes).substr(0, 5),
                                      std::string_view(bytes).substr(5)};
    pool.Send(node, options, parts, call);
  }
  bool RunUntilEnded(const std::vector<RecordingCall*>& calls) {
    return RunUntil(loop_, [&] {
      for (const RecordingCall* call : calls) {
        if (call->ended == 0) return false;
      }
      return true;
    });
  }

  net::EventLoop loop_;
};

TEST_F(PoolTest, RequestAndReply) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {});
  RecordingCall call;
  Send(pool, node.endpoint(), {"GET", "key"}, &call);
  EXPECT_TRUE(call.pending());
  EXPECT_EQ(call.ended, 0);
  ASSERT_TRUE(RunUntilEnded({&call}));
  EXPECT_FALSE(call.pending());
  EXPECT_FALSE(call.failed);
  EXPECT_EQ(call.result, "$3\r\nkey\r\n");
  EXPECT_EQ(call.type, '$');
  EXPECT_EQ(node.hellos(), (std::vector<std::string>{"HELLO 2 SETNAME keyway-proxy"}));
  EXPECT_EQ(pool.stats().connects, 1u);
  EXPECT_EQ(pool.stats().requests, 1u);
  EXPECT_EQ(pool.stats().replies, 1u);
  EXPECT_EQ(pool.stats().open_connections, 1u);
  EXPECT_EQ(pool.stats().pending_requests, 0u);
}

TEST_F(PoolTest, ManyCallsShareAConnectionInOrder) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {});
  std::vector<std::unique_ptr<RecordingCall>> calls;
  std::vector<int> order;
  std::vector<std::string> expected_log;
  for (int i = 0; i < 1000; ++i) {
    calls.push_back(std::make_unique<RecordingCall>());
    calls.back()->then = [&order, i] { order.push_back(i); };
    Send(pool, node.endpoint(), {"GET", std::to_string(i)}, calls.back().get());
    expected_log.push_back("GET " + std::to_string(i));
  }
  EXPECT_EQ(pool.stats().pending_requests, 1000u);
  ASSERT_TRUE(RunUntil(loop_, [&] { return order.size() == calls.size(); }));
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(order[i], i);
    EXPECT_EQ(calls[i]->result, Bulk(std::to_string(i)));
  }
  EXPECT_EQ(node.log(), expected_log);
  EXPECT_EQ(node.accepted(), 1);
}

TEST_F(PoolTest, WhatIsSentInAPassLeavesInOneWrite) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {});
  RecordingCall first;
  Send(pool, node.endpoint(), {"GET", "a"}, &first);
  ASSERT_TRUE(RunUntilEnded({&first}));
  RunFor(loop_, 5);
  const uint64_t before = loop_.writes();
  std::vector<std::unique_ptr<RecordingCall>> calls;
  for (int i = 0; i < 100; ++i) {
    calls.push_back(std::make_unique<RecordingCall>());
    Send(pool, node.endpoint(), {"GET", "a"}, calls.back().get());
  }
  ASSERT_TRUE(RunUntil(loop_, [&] { return calls.back()->ended == 1; }));
  // One of the pool, one of the node, which lives on the same loop.
  EXPECT_EQ(loop_.writes() - before, 2u);
}

TEST_F(PoolTest, ACallIsSentAgainFromItsOwnReply) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {});
  RecordingCall call;
  call.then = [&] {
    if (call.ended < 5) Send(pool, node.endpoint(), {"GET", std::to_string(call.ended)}, &call);
  };
  Send(pool, node.endpoint(), {"GET", "0"}, &call);
  ASSERT_TRUE(RunUntil(loop_, [&] { return call.ended == 5; }));
  EXPECT_EQ(call.result, Bulk("4"));
}

TEST_F(PoolTest, ACallMayBeDestroyedInItsReply) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {});
  auto call = std::make_unique<RecordingCall>();
  RecordingCall other;
  call->then = [&] { call.reset(); };
  Send(pool, node.endpoint(), {"GET", "a"}, call.get());
  Send(pool, node.endpoint(), {"GET", "b"}, &other);
  ASSERT_TRUE(RunUntilEnded({&other}));
  EXPECT_EQ(call, nullptr);
  EXPECT_EQ(other.result, Bulk("b"));
}

TEST_F(PoolTest, CancelledCallsLeaveTheOthersInStep) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {});
  RecordingCall a, b, c, d;
  Send(pool, node.endpoint(), {"GET", "a"}, &a);  // cancelled while it is held
  Send(pool, node.endpoint(), {"GET", "b"}, &b);
  a.Cancel();
  a.Cancel();
  ASSERT_TRUE(RunUntilEnded({&b}));
  Send(pool, node.endpoint(), {"GET", "c"}, &c);  // cancelled on its way
  Send(pool, node.endpoint(), {"GET", "d"}, &d);
  loop_.RunOnce();
  c.Cancel();
  ASSERT_TRUE(RunUntilEnded({&d}));
  EXPECT_EQ(a.ended + c.ended, 0);
  EXPECT_EQ(b.result, Bulk("b"));
  EXPECT_EQ(d.result, Bulk("d"));
  EXPECT_EQ(node.log(), (std::vector<std::string>{"GET a", "GET b", "GET c", "GET d"}));
  Send(pool, node.endpoint(), {"GET", "again"}, &a);
  ASSERT_TRUE(RunUntilEnded({&a}));
  EXPECT_EQ(a.result, Bulk("again"));
}

TEST_F(PoolTest, OneConnectionForEachVersionAndForReplicas) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {});
  RecordingCall resp2, resp3, replica;
  Send(pool, node.endpoint(), {"GET", "2"}, &resp2);
  Send(pool, node.endpoint(), {"GET", "3"}, &resp3, {.version = resp::Version::kResp3});
  Send(pool, node.endpoint(), {"GET", "r"}, &replica, {.readonly = true});
  ASSERT_TRUE(RunUntilEnded({&resp2, &resp3, &replica}));
  EXPECT_EQ(node.accepted(), 3);
  std::vector<std::string> hellos = node.hellos();
  std::sort(hellos.begin(), hellos.end());
  EXPECT_EQ(hellos, (std::vector<std::string>{"HELLO 2 SETNAME keyway-proxy",
                                              "HELLO 2 SETNAME keyway-proxy",
                                              "HELLO 3 SETNAME keyway-proxy"}));
  EXPECT_EQ(std::count(node.log().begin(), node.log().end(), "READONLY"), 1);
}

TEST_F(PoolTest, Authentication) {
  FakeNode node(loop_, EchoAnswer);
  Pool with_user(loop_, {.username = "app", .password = "s3cret"});
  Pool without(loop_, {.password = "pw"});
  RecordingCall a, b;
  Send(with_user, node.endpoint(), {"GET", "a"}, &a);
  ASSERT_TRUE(RunUntilEnded({&a}));
  Send(without, node.endpoint(), {"GET", "b"}, &b);
  ASSERT_TRUE(RunUntilEnded({&b}));
  EXPECT_EQ(node.hellos(),
            (std::vector<std::string>{"HELLO 2 AUTH app s3cret SETNAME keyway-proxy",
                                      "HELLO 2 AUTH default pw SETNAME keyway-proxy"}));
}

TEST_F(PoolTest, AskingStandsInFrontOfItsRequest) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {});
  RecordingCall a, b, c;
  Send(pool, node.endpoint(), {"GET", "a"}, &a);
  Send(pool, node.endpoint(), {"GET", "b"}, &b, {.asking = true});
  Send(pool, node.endpoint(), {"GET", "c"}, &c);
  ASSERT_TRUE(RunUntilEnded({&a, &b, &c}));
  EXPECT_EQ(node.log(), (std::vector<std::string>{"GET a", "ASKING", "GET b", "GET c"}));
  EXPECT_EQ(b.result, Bulk("b"));
  EXPECT_EQ(c.result, Bulk("c"));
}

TEST_F(PoolTest, DatabasesAreSelectedWhenTheyChange) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {});
  RecordingCall calls[5];
  const int databases[] = {0, 3, 3, 0, 2};
  for (int i = 0; i < 5; ++i) {
    Send(pool, node.endpoint(), {"GET", std::to_string(i)}, &calls[i], {.database = databases[i]});
  }
  ASSERT_TRUE(RunUntilEnded({&calls[0], &calls[1], &calls[2], &calls[3], &calls[4]}));
  EXPECT_EQ(node.log(), (std::vector<std::string>{"GET 0", "SELECT 3", "GET 1", "GET 2", "SELECT 0",
                                                  "GET 3", "SELECT 2", "GET 4"}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(calls[i].result, Bulk(std::to_string(i)));
}

TEST_F(PoolTest, ARefusedDatabaseFailsOnlyWhatIsMeantForIt) {
  FakeNode node(loop_, [](const FakeNode::Words& words) {
    if (words[0] == "SELECT" && words[1] == "9")
      return std::string("-ERR DB index is out of range\r\n");
    return EchoAnswer(words);
  });
  Pool pool(loop_, {});
  RecordingCall a, b, c, d, e;
  Send(pool, node.endpoint(), {"SET", "a"}, &a, {.database = 1});
  Send(pool, node.endpoint(), {"SET", "b"}, &b, {.database = 9});
  Send(pool, node.endpoint(), {"SET", "c"}, &c, {.database = 1});
  Send(pool, node.endpoint(), {"SET", "d"}, &d, {.database = 9});
  Send(pool, node.endpoint(), {"SET", "e"}, &e);
  ASSERT_TRUE(RunUntilEnded({&a, &b, &c, &d, &e}));
  for (const RecordingCall* call : {&b, &d}) {
    EXPECT_TRUE(call->failed);
    EXPECT_EQ(call->failure, Failure::kHandshake);
    EXPECT_NE(call->result.find("DB index is out of range"), std::string::npos);
  }
  EXPECT_FALSE(a.failed || c.failed || e.failed);
  EXPECT_EQ(node.log(), (std::vector<std::string>{"SELECT 1", "SET a", "SELECT 9", "SET c",
                                                  "SELECT 0", "SET e"}));
  EXPECT_EQ(node.accepted(), 1);
}

TEST_F(PoolTest, PushesAreNoReplies) {
  FakeNode node(loop_, [](const FakeNode::Words& words) {
    return ">1\r\n+x\r\n" + EchoAnswer(words) + ">0\r\n";
  });
  Pool pool(loop_, {});
  RecordingCall a, b;
  Send(pool, node.endpoint(), {"GET", "a"}, &a, {.version = resp::Version::kResp3});
  Send(pool, node.endpoint(), {"GET", "b"}, &b, {.version = resp::Version::kResp3});
  ASSERT_TRUE(RunUntilEnded({&a, &b}));
  EXPECT_EQ(a.result, Bulk("a"));
  EXPECT_EQ(b.result, Bulk("b"));
}

TEST_F(PoolTest, AFenceEndsAnyNumberOfReplies) {
  FakeNode node(loop_, [](const FakeNode::Words& words) -> std::string {
    if (words[0] == "PING") return "+PONG\r\n";
    if (words[0] == "GET") return EchoAnswer(words);
    return words[1] == "bad" ? "-MOVED 1 127.0.0.1:1\r\n" : ">0\r\n";
  });
  Pool pool(loop_, {});
  RecordingCall subscriptions, after;
  const std::string bytes = Request({"SSUBSCRIBE", "good"}) + Request({"SSUBSCRIBE", "bad"}) +
                            Request({"SSUBSCRIBE", "bad"}) + Request({"PING"});
  const std::string_view parts[] = {bytes};
  std::vector<std::string> replies;
  subscriptions.then = [&] {
    replies.push_back(subscriptions.result + (subscriptions.pending() ? "more" : ""));
  };
  pool.Send(node.endpoint(), {.version = resp::Version::kResp3, .fenced = true}, parts,
            &subscriptions);
  Send(pool, node.endpoint(), {"GET", "x"}, &after, {.version = resp::Version::kResp3});
  ASSERT_TRUE(RunUntilEnded({&after}));
  EXPECT_EQ(replies, (std::vector<std::string>{"-MOVED 1 127.0.0.1:1\r\nmore",
                                               "-MOVED 1 127.0.0.1:1\r\nmore", "+PONG\r\n"}));
  EXPECT_EQ(after.result, Bulk("x"));
}

TEST_F(PoolTest, LargeValuesBothWays) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {.max_queued_bytes = 1024});
  RecordingCall call;
  const std::string value(8 * 1024 * 1024, 'v');
  Send(pool, node.endpoint(), {"ECHO", value}, &call);
  ASSERT_TRUE(RunUntilEnded({&call}));
  EXPECT_FALSE(call.failed);
  EXPECT_EQ(call.result, Bulk(value));
}

TEST_F(PoolTest, IdleConnectionsAreProbed) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {.idle_probe_ms = 20, .probe_timeout_ms = 2000});
  RecordingCall call;
  Send(pool, node.endpoint(), {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node.log().size() >= 4; }));
  EXPECT_EQ(node.log()[1], "PING");
  EXPECT_EQ(node.accepted(), 1);
}

TEST_F(PoolTest, UnusedConnectionsClose) {
  FakeNode node(loop_, EchoAnswer);
  Pool pool(loop_, {.idle_close_ms = 20});
  RecordingCall call;
  Send(pool, node.endpoint(), {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded({&call}));
  ASSERT_TRUE(RunUntil(loop_, [&] { return node.open() == 0; }));
  EXPECT_EQ(pool.stats().open_connections, 0u);
  EXPECT_EQ(pool.stats().connections_lost, 0u);
  call.ended = 0;
  Send(pool, node.endpoint(), {"GET", "b"}, &call);
  ASSERT_TRUE(RunUntilEnded({&call}));
  EXPECT_EQ(call.result, Bulk("b"));
}

TEST_F(PoolTest, OnlyNodesOfTheMapAreKept) {
  FakeNode kept(loop_, EchoAnswer);
  FakeNode leaving(loop_);
  Pool pool(loop_, {.idle_probe_ms = 40});
  RecordingCall a, b;
  Send(pool, kept.endpoint(), {"GET", "a"}, &a);
  Send(pool, leaving.endpoint(), {"GET", "b"}, &b);
  ASSERT_TRUE(RunUntil(loop_, [&] { return a.ended == 1 && leaving.log().size() == 1; }));
  pool.RetainOnly(std::vector<net::Endpoint>{kept.endpoint()});
  RunFor(loop_, 50);
  EXPECT_EQ(leaving.open(), 1u);  // b waits for its reply
  leaving.Say("+late\r\n");
  ASSERT_TRUE(RunUntilEnded({&b}));
  EXPECT_EQ(b.result, "+late\r\n");
  ASSERT_TRUE(RunUntil(loop_, [&] { return leaving.open() == 0; }));
  EXPECT_EQ(kept.open(), 1u);
}

}  // namespace
}  // namespace keyway::proxy::backend
