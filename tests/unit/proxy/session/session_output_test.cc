// Clients that read slowly, or not at all: large replies in parts, the memory of all clients.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/proxy/session/session_rig.h"

namespace keyway::proxy::session {
namespace {

using Words = FakeNode::Words;

constexpr size_t kLarge = 30'000'000;
// The marks of a stream's output, and what may come before they are noticed.
constexpr size_t kMostInProxy = 4 * 1024 * 1024;

class SessionOutputTest : public SessionTest {
 protected:
  // Key b, of the first node, is large; the others have what was asked for last.
  void Start(SessionOptions options = {}) {
    Make(options);
    Echoing();
    cluster_->node(0).set_answer(
        [](const Words&) { return Bulk(std::string(kLarge, 'x')); });
  }
  bool Until(const std::function<bool()>& condition) {
    return RunUntil(cluster_->loop, condition);
  }
  size_t Memory() {
    size_t bytes = 0;
    sessions_->ForEach([&](Session& session) { bytes += session.memory(); });
    return bytes;
  }
  // A client that has asked and does not read, when no more of the reply comes.
  TestClient& Stalled(const std::string& requests) {
    TestClient& client = Connect();
    Expect(client, {"PING"}, "+PONG\r\n");
    client.stream().PauseReading();
    client.Send(requests);
    EXPECT_TRUE(Until([&] { return Memory() > 1024 * 1024; }));
    RunFor(cluster_->loop, 50);
    return client;
  }
};

TEST_F(SessionOutputTest, LargeReplyStandsInItsPlace) {
  Start();
  TestClient& client = Connect();
  client.Send(Request({"GET", "c"}) + Request({"GET", "b"}) + Request({"GET", "a"}) +
              Request({"PING"}));
  const std::string wanted =
      Bulk("c") + Bulk(std::string(kLarge, 'x')) + Bulk("a") + "+PONG\r\n";
  EXPECT_TRUE(client.Receive(wanted) == wanted);
}

TEST_F(SessionOutputTest, ReplyIsStoppedWhileItsClientDoesNotRead) {
  Start();
  TestClient& client = Stalled(Request({"GET", "b"}) + Request({"GET", "c"}));
  EXPECT_LT(Memory(), kMostInProxy);
  // Others have their replies of the same node meanwhile.
  cluster_->node(0).set_answer([](const Words&) { return Bulk("small"); });
  Expect(Connect(), {"GET", "b"}, Bulk("small"));
  client.stream().ResumeReading();
  const std::string wanted = Bulk(std::string(kLarge, 'x')) + Bulk("c");
  EXPECT_TRUE(client.Receive(wanted) == wanted);
}

TEST_F(SessionOutputTest, ReplyThatIsEarlyWaitsForItsTurn) {
  Start();
  cluster_->node(1).set_answer({});
  TestClient& client = Connect();
  client.Send(Request({"GET", "c"}) + Request({"GET", "b"}));
  ASSERT_TRUE(Until([&] { return Memory() > 1024 * 1024; }));
  RunFor(cluster_->loop, 50);
  EXPECT_LT(Memory(), kMostInProxy);
  cluster_->node(1).Say(Bulk("late"));
  const std::string wanted = Bulk("late") + Bulk(std::string(kLarge, 'x'));
  EXPECT_TRUE(client.Receive(wanted) == wanted);
}

TEST_F(SessionOutputTest, MessagesWaitForTheEndOfTheReply) {
  Start();
  TestClient& client = Stalled(Request({"GET", "b"}));
  sessions_->ForEach([](Session& session) { session.Push(">1\r\n+message\r\n"); });
  client.stream().ResumeReading();
  const std::string wanted = Bulk(std::string(kLarge, 'x')) + ">1\r\n+message\r\n";
  EXPECT_TRUE(client.Receive(wanted) == wanted);
}

TEST_F(SessionOutputTest, ReplyThatBreaksOffEndsItsClient) {
  Start();
  TestClient& client = Stalled(Request({"GET", "b"}));
  cluster_->node(0).Drop();
  client.stream().ResumeReading();
  EXPECT_TRUE(client.WaitClosed());
  EXPECT_EQ(statistics_.closed_for_broken_reply.Get(), 1u);
}

TEST_F(SessionOutputTest, ReplyThatBreaksOffBeforeItsTurnComesAgain) {
  Start();
  cluster_->node(0).set_answer(
      [](const Words&) { return "$3000000\r\n" + std::string(500'000, 'x'); });
  cluster_->node(1).set_answer({});
  TestClient& client = Connect();
  client.Send(Request({"GET", "c"}) + Request({"GET", "b"}));
  ASSERT_TRUE(Until([&] { return Memory() > 400'000; }));
  cluster_->node(0).set_answer([](const Words&) { return Bulk("again"); });
  cluster_->node(0).Drop();
  ASSERT_TRUE(Until([&] { return cluster_->node(0).log().size() == 2; }));
  EXPECT_LT(Memory(), 400'000u);
  cluster_->node(1).Say(Bulk("late"));
  const std::string wanted = Bulk("late") + Bulk("again");
  EXPECT_EQ(client.Receive(wanted), wanted);
}

TEST_F(SessionOutputTest, WhoReadsNothingIsClosedWhenOthersWaitBehind) {
  SessionOptions options;
  options.stalled_client_timeout_ms = 100;
  Start(options);
  cluster_->node(0).set_answer({});
  TestClient& client = Connect();
  TestClient& other = Connect();
  Expect(client, {"PING"}, "+PONG\r\n");
  client.stream().PauseReading();
  client.Send(Request({"GET", "b"}));
  ASSERT_TRUE(Until([&] { return cluster_->node(0).log().size() == 1; }));
  other.Send(Request({"GET", "b"}));
  ASSERT_TRUE(Until([&] { return cluster_->node(0).log().size() == 2; }));
  cluster_->node(0).Say(Bulk(std::string(kLarge, 'x')) + Bulk("behind"));
  EXPECT_EQ(other.Receive(Bulk("behind")), Bulk("behind"));
  EXPECT_EQ(statistics_.closed_for_stalling.Get(), 1u);
}

TEST_F(SessionOutputTest, WhoReadsNothingAndDelaysNobodyIsLeftAlone) {
  SessionOptions options;
  options.stalled_client_timeout_ms = 20;
  Start(options);
  TestClient& client = Stalled(Request({"GET", "b"}));
  RunFor(cluster_->loop, 1500);
  client.stream().ResumeReading();
  const std::string wanted = Bulk(std::string(kLarge, 'x'));
  EXPECT_TRUE(client.Receive(wanted) == wanted);
}

TEST_F(SessionOutputTest, SoftLimitIsForAWhile) {
  SessionOptions options;
  options.output_limit = {0, 100'000, 1};
  Start(options);
  Stalled(Request({"GET", "b"}));
  EXPECT_EQ(statistics_.closed_for_output.Get(), 0u);
  EXPECT_TRUE(Until([&] { return statistics_.closed_for_output.Get() == 1u; }));
}

TEST_F(SessionOutputTest, WhoHoldsTheMostIsClosedWhenAllHoldTooMuch) {
  memory_ = std::make_unique<ClientMemory>(10'000'000);
  Start();
  TestClient& small = Connect();
  Expect(small, {"PING"}, "+PONG\r\n");
  small.Send("*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$6000000\r\n" + std::string(4'000'000, 'v'));
  ASSERT_TRUE(Until([&] { return memory_->bytes() > 4'000'000; }));
  TestClient& large = Connect();
  large.Send("*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$20000000\r\n" + std::string(15'000'000, 'v'));
  EXPECT_TRUE(large.WaitClosed());
  EXPECT_EQ(statistics_.closed_for_memory.Get(), 1u);
  small.Send(std::string(2'000'000, 'v') + "\r\n");
  EXPECT_EQ(small.Receive(Bulk(std::string(6'000'000, 'v'))).size(),
            Bulk(std::string(6'000'000, 'v')).size());
  EXPECT_TRUE(Until([&] { return memory_->bytes() < 4'000'000; }));
}

}  // namespace
}  // namespace keyway::proxy::session
