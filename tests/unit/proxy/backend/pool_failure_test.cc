#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/backend/backend.h"
#include "tests/unit/proxy/backend/fake_node.h"
#include "tests/unit/proxy/backend/recording_call.h"

namespace keyway::proxy::backend {
namespace {

std::string OkAnswer(const FakeNode::Words&) {
  return "+OK\r\n";
}

class PoolFailureTest : public ::testing::Test {
 protected:
  void Send(Pool& pool, const net::Endpoint& node, const std::vector<std::string>& words,
            Call* call, const SendOptions& options = {}) {
    const std::string bytes = Request(words);
    const std::string_view part = bytes;
    pool.Send(node, options, {&part, 1}, call);
  }
  bool RunUntilEnded(const RecordingCall& call) {
    return RunUntil(loop_, [&] { return call.ended > 0; });
  }
  void ExpectFailure(const RecordingCall& call, Failure failure, const std::string& text) {
    EXPECT_TRUE(call.failed);
    EXPECT_EQ(static_cast<int>(call.failure), static_cast<int>(failure));
    EXPECT_NE(call.result.find(text), std::string::npos) << call.result;
    EXPECT_FALSE(call.pending());
    EXPECT_EQ(call.ended, 1);
  }

  net::EventLoop loop_;
};

TEST_F(PoolFailureTest, NobodyListens) {
  FakeNode node(loop_);
  const net::Endpoint endpoint = node.endpoint();
  node.Stop();
  Pool pool(loop_, {.reconnect_min_ms = 10'000, .reconnect_max_ms = 10'000});
  RecordingCall a, b;
  Send(pool, endpoint, {"GET", "a"}, &a);
  EXPECT_EQ(a.ended, 0);
  ASSERT_TRUE(RunUntilEnded(a));
  ExpectFailure(a, Failure::kConnect, "cannot connect to " + net::ToString(endpoint));
  EXPECT_FALSE(MayHaveExecuted(a.failure));
  // While backing off it fails without an attempt, and still not inside Send.
  Send(pool, endpoint, {"GET", "b"}, &b);
  EXPECT_EQ(b.ended, 0);
  EXPECT_TRUE(b.pending());
  ASSERT_TRUE(RunUntilEnded(b));
  ExpectFailure(b, Failure::kConnect, "cannot connect to");
  EXPECT_EQ(pool.stats().connect_failures, 1u);
}

TEST_F(PoolFailureTest, ComesBackByItself) {
  auto node = std::make_unique<FakeNode>(loop_, OkAnswer);
  const net::Endpoint endpoint = node->endpoint();
  node->Stop();
  Pool pool(loop_, {.reconnect_min_ms = 1, .reconnect_max_ms = 5});
  RecordingCall call;
  Send(pool, endpoint, {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  EXPECT_TRUE(call.failed);
  node = std::make_unique<FakeNode>(loop_, OkAnswer, endpoint.port);
  ASSERT_TRUE(RunUntil(loop_, [&] {
    if (!call.pending()) {
      if (call.result == "+OK\r\n") return true;
      Send(pool, endpoint, {"GET", "a"}, &call);
    }
    return false;
  }));
}

TEST_F(PoolFailureTest, RefusedHandshake) {
  FakeNode node(loop_, OkAnswer);
  node.set_hello("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  Pool pool(loop_, {.password = "x", .reconnect_min_ms = 10'000, .reconnect_max_ms = 10'000});
  RecordingCall a, b;
  Send(pool, node.endpoint(), {"GET", "a"}, &a);
  ASSERT_TRUE(RunUntilEnded(a));
  ExpectFailure(a, Failure::kHandshake, "WRONGPASS");
  EXPECT_TRUE(node.log().empty());
  Send(pool, node.endpoint(), {"GET", "b"}, &b);
  ASSERT_TRUE(RunUntilEnded(b));
  EXPECT_EQ(node.accepted(), 1);
}

TEST_F(PoolFailureTest, RefusedReadonly) {
  FakeNode node(loop_, [](const FakeNode::Words& words) {
    return std::string(words[0] == "READONLY" ? "-ERR no\r\n" : "+OK\r\n");
  });
  Pool pool(loop_, {});
  RecordingCall call;
  Send(pool, node.endpoint(), {"GET", "a"}, &call, {.readonly = true});
  ASSERT_TRUE(RunUntilEnded(call));
  ExpectFailure(call, Failure::kHandshake, "ERR no");
}

TEST_F(PoolFailureTest, ClosedDuringTheHandshake) {
  FakeNode node(loop_, [](const FakeNode::Words&) { return ""; });
  node.set_hello("");
  Pool pool(loop_, {});
  RecordingCall call;
  Send(pool, node.endpoint(), {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node.log().size() == 1; }));
  node.Drop();
  ASSERT_TRUE(RunUntilEnded(call));
  ExpectFailure(call, Failure::kConnect, net::ToString(node.endpoint()));
}

TEST_F(PoolFailureTest, NoAnswerToTheHandshake) {
  FakeNode node(loop_);
  node.Freeze();
  Pool pool(loop_, {.connect_timeout_ms = 30});
  RecordingCall call;
  Send(pool, node.endpoint(), {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  ExpectFailure(call, Failure::kConnect, "did not answer the handshake in time");
}

TEST_F(PoolFailureTest, TooManyClients) {
  FakeNode node(loop_, [](const FakeNode::Words&) { return ""; });
  node.set_hello("-ERR max number of clients reached\r\n");
  Pool pool(loop_, {});
  RecordingCall call;
  Send(pool, node.endpoint(), {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  ExpectFailure(call, Failure::kHandshake, "max number of clients reached");
}

TEST_F(PoolFailureTest, LostAfterTheRequestWasWritten) {
  FakeNode node(loop_);
  Pool pool(loop_, {});
  RecordingCall a, b;
  Send(pool, node.endpoint(), {"SET", "a"}, &a);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node.log().size() == 1; }));
  Send(pool, node.endpoint(), {"SET", "b"}, &b);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node.log().size() == 2; }));
  node.Drop();
  ASSERT_TRUE(RunUntilEnded(b));
  ExpectFailure(a, Failure::kConnectionLost, "was lost");
  ExpectFailure(b, Failure::kConnectionLost, "was lost");
  EXPECT_TRUE(MayHaveExecuted(a.failure));
  EXPECT_EQ(pool.stats().connections_lost, 1u);
}

TEST_F(PoolFailureTest, TellsWhatWasWrittenFromWhatWasNot) {
  FakeNode node(loop_, OkAnswer);
  Pool pool(loop_, {});
  RecordingCall first, behind;
  std::vector<RecordingCall> many(40);
  Send(pool, node.endpoint(), {"SET", "a"}, &first);
  ASSERT_TRUE(RunUntilEnded(first));
  node.Freeze();
  // More than the socket buffers of both sides take, so that they are written in part only.
  for (RecordingCall& call : many) {
    Send(pool, node.endpoint(), {"SET", std::string(900'000, 'v')}, &call);
  }
  Send(pool, node.endpoint(), {"SET", "b"}, &behind);
  RunFor(loop_, 50);
  EXPECT_GT(pool.stats().queued_bytes, 0u);
  node.Drop();
  ASSERT_TRUE(RunUntilEnded(behind));
  ExpectFailure(many[0], Failure::kConnectionLost, "was lost");
  ExpectFailure(behind, Failure::kNotSent, "was lost");
}

TEST_F(PoolFailureTest, ReconnectsAtOnceAfterALoss) {
  FakeNode node(loop_, OkAnswer);
  Pool pool(loop_, {.reconnect_min_ms = 10'000, .reconnect_max_ms = 10'000});
  RecordingCall call;
  Send(pool, node.endpoint(), {"SET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  node.Drop();
  ASSERT_TRUE(RunUntil(loop_, [&] { return pool.stats().open_connections == 0; }));
  call.ended = 0;
  Send(pool, node.endpoint(), {"SET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  EXPECT_FALSE(call.failed);
}

TEST_F(PoolFailureTest, ConnectionStateStartsAnewAfterALoss) {
  FakeNode node(loop_, OkAnswer);
  Pool pool(loop_, {});
  RecordingCall call;
  for (int i = 0; i < 2; ++i) {
    call.ended = 0;
    Send(pool, node.endpoint(), {"SET", "a"}, &call, {.database = 3});
    ASSERT_TRUE(RunUntilEnded(call));
    node.Drop();
    ASSERT_TRUE(RunUntil(loop_, [&] { return pool.stats().open_connections == 0; }));
  }
  EXPECT_EQ(node.log(), (std::vector<std::string>{"SELECT 3", "SET a", "SELECT 3", "SET a"}));
}

TEST_F(PoolFailureTest, RefusedSelectOfAKnownDatabaseEndsTheConnection) {
  int selects = 0;
  FakeNode node(loop_, [&](const FakeNode::Words& words) {
    if (words[0] == "SELECT" && ++selects == 3) return std::string("-BUSY Redis is busy\r\n");
    return std::string(words[1] == "wait" ? "" : "+OK\r\n");
  });
  Pool pool(loop_, {});
  RecordingCall a, b, c, d;
  Send(pool, node.endpoint(), {"SET", "a"}, &a, {.database = 1});
  Send(pool, node.endpoint(), {"SET", "b"}, &b);
  ASSERT_TRUE(RunUntilEnded(b));
  Send(pool, node.endpoint(), {"SET", "c"}, &c, {.database = 1});
  ASSERT_TRUE(RunUntilEnded(c));
  EXPECT_TRUE(c.failed);
  EXPECT_EQ(static_cast<int>(c.failure), static_cast<int>(Failure::kConnectionLost));
  Send(pool, node.endpoint(), {"SET", "d"}, &d, {.database = 1});
  ASSERT_TRUE(RunUntilEnded(d));
  EXPECT_FALSE(d.failed);
}

TEST_F(PoolFailureTest, MalformedReplies) {
  for (const char* bytes : {"hello\r\n", "$-7\r\n", "+OK\n", "\0"}) {
    FakeNode node(loop_, [bytes](const FakeNode::Words&) { return std::string(bytes) + "xxx"; });
    Pool pool(loop_, {});
    RecordingCall call;
    Send(pool, node.endpoint(), {"GET", "a"}, &call);
    ASSERT_TRUE(RunUntilEnded(call));
    ExpectFailure(call, Failure::kConnectionLost, "what is no reply");
  }
}

TEST_F(PoolFailureTest, AReplyNobodyAskedFor) {
  FakeNode node(loop_, OkAnswer);
  Pool pool(loop_, {});
  RecordingCall call;
  Send(pool, node.endpoint(), {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  node.Say("+surprise\r\n");
  ASSERT_TRUE(RunUntil(loop_, [&] { return node.open() == 0; }));
  EXPECT_EQ(pool.stats().open_connections, 0u);
}

TEST_F(PoolFailureTest, ReplyAboveTheLimit) {
  FakeNode node(loop_, [](const FakeNode::Words&) { return Bulk(std::string(300'000, 'x')); });
  Pool pool(loop_, {.max_reply_bytes = 100'000});
  RecordingCall call;
  Send(pool, node.endpoint(), {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  ExpectFailure(call, Failure::kConnectionLost, "was lost");
}

TEST_F(PoolFailureTest, QueueBounds) {
  FakeNode node(loop_);
  Pool pool(loop_, {.max_queued_bytes = 1000, .max_pending_requests = 3});
  RecordingCall a, b, c, d, e;
  Send(pool, node.endpoint(), {"SET", std::string(900, 'v')}, &a);
  Send(pool, node.endpoint(), {"SET", std::string(200, 'v')}, &b);
  ASSERT_TRUE(RunUntilEnded(b));
  ExpectFailure(b, Failure::kQueueFull, "too many requests wait for");
  ASSERT_TRUE(RunUntil(loop_, [&] { return node.log().size() == 1; }));
  Send(pool, node.endpoint(), {"SET", "c"}, &c);
  Send(pool, node.endpoint(), {"SET", "d"}, &d);
  Send(pool, node.endpoint(), {"SET", "e"}, &e);
  ASSERT_TRUE(RunUntilEnded(e));
  ExpectFailure(e, Failure::kQueueFull, "too many requests wait for");
  EXPECT_EQ(a.ended + c.ended + d.ended, 0);
  EXPECT_EQ(pool.stats().queue_full, 2u);
}

TEST_F(PoolFailureTest, ASilentNodeIsLetGoByTheProbe) {
  FakeNode node(loop_, OkAnswer);
  Pool pool(loop_, {.idle_probe_ms = 20, .probe_timeout_ms = 40});
  RecordingCall call;
  Send(pool, node.endpoint(), {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  node.Freeze();
  ASSERT_TRUE(RunUntil(loop_, [&] { return pool.stats().connections_lost == 1; }));
}

TEST_F(PoolFailureTest, ALongCommandIsNotCutOffByTheProbe) {
  FakeNode node(loop_);
  Pool pool(loop_, {.idle_probe_ms = 10, .probe_timeout_ms = 20, .idle_close_ms = 30});
  RecordingCall call;
  Send(pool, node.endpoint(), {"KEYS", "*"}, &call);
  RunFor(loop_, 120);
  EXPECT_EQ(call.ended, 0);
  node.Say("*0\r\n");
  ASSERT_TRUE(RunUntilEnded(call));
  EXPECT_FALSE(call.failed);
}

TEST_F(PoolFailureTest, CancelOfACallThatHasFailedAlready) {
  FakeNode node(loop_);
  const net::Endpoint endpoint = node.endpoint();
  node.Stop();
  Pool pool(loop_, {.reconnect_min_ms = 10'000, .reconnect_max_ms = 10'000});
  RecordingCall a, b, c;
  Send(pool, endpoint, {"GET", "a"}, &a);
  ASSERT_TRUE(RunUntilEnded(a));
  Send(pool, endpoint, {"GET", "b"}, &b);
  Send(pool, endpoint, {"GET", "c"}, &c);
  b.Cancel();
  ASSERT_TRUE(RunUntilEnded(c));
  EXPECT_EQ(b.ended, 0);
}

TEST_F(PoolFailureTest, CallsCancelAndResendEachOtherWhileFailing) {
  FakeNode node(loop_);
  Pool pool(loop_, {.reconnect_min_ms = 10'000, .reconnect_max_ms = 10'000});
  auto a = std::make_unique<RecordingCall>();
  RecordingCall b, c, d;
  a->then = [&] {
    b.Cancel();
    a.reset();
  };
  int resent = 0;
  c.then = [&] {
    if (++resent < 20) Send(pool, node.endpoint(), {"GET", "c"}, &c);
  };
  for (RecordingCall* call : {a.get(), &b, &c, &d}) Send(pool, node.endpoint(), {"GET", "x"}, call);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node.log().size() == 4; }));
  node.Stop();
  ASSERT_TRUE(RunUntil(loop_, [&] { return resent == 20; }));
  EXPECT_EQ(a, nullptr);
  EXPECT_EQ(b.ended, 0);
  EXPECT_EQ(d.ended, 1);
}

TEST_F(PoolFailureTest, TheEndOfThePoolEndsItsCalls) {
  FakeNode node(loop_);
  RecordingCall held, written, stubborn;
  auto pool = std::make_unique<Pool>(loop_, BackendOptions{});
  Send(*pool, node.endpoint(), {"SET", "a"}, &written);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node.log().size() == 1; }));
  Send(*pool, node.endpoint(), {"SET", "b"}, &held, {.version = resp::Version::kResp3});
  Pool* dying = pool.get();
  stubborn.then = [&] { Send(*dying, node.endpoint(), {"SET", "c"}, &stubborn); };
  Send(*pool, node.endpoint(), {"SET", "c"}, &stubborn);
  pool.reset();
  ExpectFailure(written, Failure::kConnectionLost, "shutting down");
  ExpectFailure(held, Failure::kNotSent, "shutting down");
  EXPECT_GE(stubborn.ended, 1);
  EXPECT_FALSE(stubborn.pending());
}

}  // namespace
}  // namespace keyway::proxy::backend
