// A session from the client's socket to the shards' and back, all on one loop.
#include "proxy/session/session.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "proxy/routing/router.h"
#include "proxy/scripting/script_cache.h"
#include "proxy/session/deferred.h"
#include "tests/unit/proxy/session/session_rig.h"

namespace keyway::proxy::session {
namespace {

using Words = FakeNode::Words;

TEST_F(SessionTest, AnswersInOrderWhateverTheShardsDo) {
  Make();
  std::vector<std::string> waiting;
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  cluster_->node(1).set_answer([](const Words&) { return "+c\r\n"; });
  TestClient& client = Connect();
  client.Send(Request({"GET", "b"}) + Request({"PING"}) + Request({"GET", "c"}) +
              Request({"NOSUCH"}) + "PING inline\r\n");
  RunUntil(cluster_->loop, [&] { return !cluster_->node(1).log().empty(); });
  RunFor(cluster_->loop, 20);
  EXPECT_EQ(client.received(), "");
  cluster_->node(0).Say("+b\r\n");
  const std::string wanted =
      "+b\r\n+PONG\r\n+c\r\n-ERR unknown command 'NOSUCH', with args beginning with: \r\n" +
      Bulk("inline");
  EXPECT_EQ(client.Receive(wanted), wanted);
}

TEST_F(SessionTest, RepliesOfOnePipelineLeaveTogetherButWaitForNoSlowShard) {
  Make();
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  cluster_->node(1).set_answer([](const Words&) { return "+c\r\n"; });
  cluster_->node(2).set_answer([](const Words&) { return "+a\r\n"; });
  TestClient& client = Connect();
  Expect(client, {"GET", "c"}, "+c\r\n");
  Expect(client, {"GET", "a"}, "+a\r\n");
  client.Send(Request({"GET", "c"}) + Request({"GET", "a"}) + Request({"GET", "b"}));
  EXPECT_EQ(client.Receive("+c\r\n+a\r\n"), "+c\r\n+a\r\n");
  cluster_->node(0).Say("+b\r\n");
  EXPECT_EQ(client.Receive("+b\r\n"), "+b\r\n");
}

TEST_F(SessionTest, BytesOfARequestAreForwardedUntouched) {
  Make();
  Echoing();
  TestClient& client = Connect();
  const std::string value("\0\r\n*3\r\n", 7);
  Expect(client, {"SET", "a", value}, Bulk(value));
  client.Send("SET a \"x\\x00y\"\r\n");
  const std::string wanted = Bulk(std::string("x\0y", 3));
  EXPECT_EQ(client.Receive(wanted), wanted);
}

TEST_F(SessionTest, ARequestWithOddLineEndsIsWrittenAnew) {
  Make();
  for (int i = 0; i < 3; ++i) {
    cluster_->node(i).set_answer([](const Words& words) {
      return words[0] == "EVALSHA" ? "-NOSCRIPT No matching script. Please use EVAL.\r\n"
                                   : Bulk(words[0] == "SCRIPT" ? "sha1" : words[0]);
    });
  }
  TestClient& client = Connect();
  const std::string script = "return 1";
  const std::string sha1 = scripting::Sha1Digits(script);
  Expect(client, {"SCRIPT", "LOAD", script}, Bulk("sha1"));
  // Redis looks at the CR only. It becomes an EVAL on the way.
  client.Send("*4\rX$7\rXEVALSHAXX$40\rX" + sha1 + "XX$1\rX1XX$1\rXbXX");
  EXPECT_EQ(client.Receive(Bulk("EVAL")), Bulk("EVAL"));
  EXPECT_EQ(cluster_->node(0).log().back(), "EVAL return 1 1 b");
}

TEST_F(SessionTest, RequestsUnderWayAreBounded) {
  SessionOptions options;
  options.max_requests_in_flight = 4;
  Make(options);
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  TestClient& client = Connect();
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += Request({"GET", "{b}" + std::to_string(i)});
  client.Send(requests);
  RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().size() >= 4; });
  RunFor(cluster_->loop, 20);
  EXPECT_EQ(cluster_->node(0).log().size(), 4u);
  // Answers make room; all come, in order.
  cluster_->node(0).set_answer([](const Words& words) { return Bulk(words[1]); });
  std::string wanted;
  for (int i = 0; i < 4; ++i) cluster_->node(0).Say(Bulk("{b}" + std::to_string(i)));
  for (int i = 0; i < 20; ++i) wanted += Bulk("{b}" + std::to_string(i));
  EXPECT_EQ(client.Receive(wanted), wanted);
}

TEST_F(SessionTest, BytesUnderWayAreBounded) {
  SessionOptions options;
  options.max_request_bytes_in_flight = 1000;
  Make(options);
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  TestClient& client = Connect();
  for (int i = 0; i < 5; ++i) client.Send(Request({"SET", "b", std::string(600, 'x')}));
  RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().size() >= 2; });
  RunFor(cluster_->loop, 20);
  EXPECT_EQ(cluster_->node(0).log().size(), 2u);
}

TEST_F(SessionTest, ANewMapIsNotUsedWhileEarlierRequestsAreUnderWay) {
  Make();
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  cluster_->node(1).set_answer([](const Words&) { return "+new\r\n"; });
  TestClient& client = Connect();
  client.Send(Request({"SET", "b", "1"}));
  RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().size() == 1; });
  cluster_->access.SetMap(cluster_->Map({1, 1, 2}));
  client.Send(Request({"GET", "b"}));
  RunFor(cluster_->loop, 20);
  EXPECT_TRUE(cluster_->node(1).log().empty());
  cluster_->node(0).Say("+old\r\n");
  EXPECT_EQ(client.Receive("+old\r\n+new\r\n"), "+old\r\n+new\r\n");
}

TEST_F(SessionTest, NothingOvertakesARequestThatIsHeldUp) {
  Make();
  const uint16_t port = cluster_->node(0).port();
  cluster_->node(0).Stop();
  RunFor(cluster_->loop, 5);
  cluster_->node(1).set_answer([](const Words&) { return "+c\r\n"; });
  TestClient& client = Connect();
  client.Send(Request({"SET", "b", "1"}));
  RunUntil(cluster_->loop, [&] { return cluster_->statistics.waiting_requests.Get() == 1; });
  client.Send(Request({"GET", "c"}));
  RunFor(cluster_->loop, 20);
  EXPECT_TRUE(cluster_->node(1).log().empty());
  cluster_->nodes[0] = std::make_unique<FakeNode>(
      cluster_->loop, [](const Words&) { return "+OK\r\n"; }, port);
  EXPECT_EQ(client.Receive("+OK\r\n+c\r\n"), "+OK\r\n+c\r\n");
}

TEST_F(SessionTest, ScriptsKeepTheirPlaceAmongWhatTheProxyAsks) {
  Make();
  for (int i = 0; i < 3; ++i) cluster_->node(i).set_answer([](const Words&) { return "+v\r\n"; });
  TestClient& client = Connect();
  Expect(client, {"FCALL", "f", "1", "b"}, "+v\r\n");
  const Words reset = {"CONFIG", "RESETSTAT"};
  const Words call = {"FCALL", "f", "1", "b"};
  for (const auto& [first, second] : {std::pair(call, reset), std::pair(reset, call)}) {
    cluster_->node(0).set_answer([](const Words&) { return ""; });
    const size_t before = cluster_->node(0).log().size();
    client.Send(Request(first) + Request(second));
    RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().size() > before; });
    RunFor(cluster_->loop, 20);
    EXPECT_EQ(cluster_->node(0).log().size(), before + 1) << "behind " << first[0];
    cluster_->node(0).set_answer([](const Words&) { return "+v\r\n"; });
    // Only one of the two connections waits for it.
    cluster_->node(0).Drop();
    RunUntil(cluster_->loop, [&] { return client.received().ends_with("+v\r\n"); });
    client.Receive("");
  }
}

TEST_F(SessionTest, SelectAsksAShardAndHoldsWhatFollows) {
  Make();
  for (int i = 0; i < 3; ++i) {
    cluster_->node(i).set_answer([](const Words& words) {
      if (words[0] == "SELECT")
        return words[1] == "2" ? "-ERR DB index is out of range\r\n" : "+OK\r\n";
      return words[0] == "PING" ? "+PONG\r\n" : "+v\r\n";
    });
  }
  TestClient& client = Connect();
  client.Send(Request({"SELECT", "1"}) + Request({"GET", "b"}) + Request({"SELECT", "2"}) +
              Request({"GET", "b"}) + Request({"SELECT", "0"}) + Request({"GET", "b"}));
  const std::string wanted = "+OK\r\n+v\r\n-ERR DB index is out of range\r\n+v\r\n+OK\r\n+v\r\n";
  EXPECT_EQ(client.Receive(wanted), wanted);
  std::vector<std::string> of_key;
  for (const std::string& line : cluster_->node(0).log()) {
    if (line != "PING" && line != "SELECT 2") of_key.push_back(line);
  }
  EXPECT_EQ(of_key, (std::vector<std::string>{"SELECT 1", "GET b", "GET b", "SELECT 0", "GET b"}));
}

TEST_F(SessionTest, AnotherVersionWaitsForWhatIsUnderWay) {
  Make();
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  TestClient& client = Connect();
  client.Send(Request({"SET", "b", "1"}) + Request({"HELLO", "3"}) + Request({"GET", "b"}));
  RunUntil(cluster_->loop, [&] { return !cluster_->node(0).log().empty(); });
  RunFor(cluster_->loop, 20);
  EXPECT_EQ(cluster_->node(0).log().size(), 1u);
  cluster_->node(0).set_answer([](const Words&) { return "_\r\n"; });
  cluster_->node(0).Say("+OK\r\n");
  RunUntil(cluster_->loop, [&] { return client.received().ends_with("_\r\n"); });
  EXPECT_TRUE(client.received().starts_with("+OK\r\n%7\r\n"));
  EXPECT_EQ(cluster_->node(0).hellos().back().substr(0, 7), "HELLO 3");
}

TEST_F(SessionTest, ReplyModes) {
  Make();
  Echoing();
  TestClient& client = Connect();
  client.Send(Request({"CLIENT", "REPLY", "OFF"}) + Request({"GET", "b"}) + Request({"PING"}) +
              Request({"NOSUCH"}) + Request({"CLIENT", "REPLY", "ON"}) + Request({"GET", "c"}) +
              Request({"CLIENT", "REPLY", "SKIP"}) + Request({"GET", "a"}) + Request({"GET", "b"}));
  const std::string wanted = "+OK\r\n" + Bulk("c") + Bulk("b");
  EXPECT_EQ(client.Receive(wanted), wanted);
  EXPECT_EQ(cluster_->node(0).log().size(), 2u);
}

TEST_F(SessionTest, QuitAnswersWhatCameBeforeAndNothingAfter) {
  Make();
  Echoing();
  TestClient& client = Connect();
  client.Send(Request({"GET", "b"}) + Request({"QUIT"}) + Request({"GET", "c"}));
  EXPECT_TRUE(client.WaitClosed());
  EXPECT_EQ(client.received(), Bulk("b") + "+OK\r\n");
  EXPECT_TRUE(cluster_->node(1).log().empty());
  EXPECT_EQ(sessions_->size(), 0u);
}

TEST_F(SessionTest, AProtocolErrorComesAfterEarlierReplies) {
  Make();
  Echoing();
  TestClient& client = Connect();
  client.Send(Request({"GET", "b"}) + "*x\r\n");
  EXPECT_TRUE(client.WaitClosed());
  EXPECT_EQ(client.received(), Bulk("b") + "-ERR Protocol error: invalid multibulk length\r\n");
  EXPECT_EQ(statistics_.protocol_errors.Get(), 1u);
}

TEST_F(SessionTest, AClientThatIsKilledTakesItsRequestsAlong) {
  Make();
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  TestClient& client = Connect();
  client.Send(Request({"GET", "b"}) + Request({"MGET", "a", "b"}) + Request({"CLIENT", "LIST"}));
  RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().size() == 2; });
  EXPECT_GT(cluster_->statistics.in_flight.Get(), 0u);
  Expect(Connect(), {"CLIENT", "KILL", "ID", "1"}, ":1\r\n");
  EXPECT_TRUE(client.WaitClosed());
  EXPECT_EQ(sessions_->size(), 1u);
  EXPECT_EQ(cluster_->statistics.in_flight.Get(), 0u);
  EXPECT_EQ(directory_.connected(), 1);
}

TEST_F(SessionTest, AClientThatSendsNoMoreStillGetsItsReplies) {
  SessionOptions options;
  options.max_requests_in_flight = 2;
  Make(options);
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  TestClient& client = Connect();
  std::string requests;
  for (int i = 0; i < 5; ++i) requests += Request({"GET", "{b}" + std::to_string(i)});
  client.Send(requests + "*2\r\n$3\r\nGET");
  RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().size() == 2; });
  shutdown(client.stream().fd(), SHUT_WR);
  RunFor(cluster_->loop, 20);
  cluster_->node(0).set_answer([](const Words& words) { return Bulk(words[1]); });
  cluster_->node(0).Say(Bulk("{b}0") + Bulk("{b}1"));
  EXPECT_TRUE(client.WaitClosed());
  std::string wanted;
  for (int i = 0; i < 5; ++i) wanted += Bulk("{b}" + std::to_string(i));
  EXPECT_EQ(client.received(), wanted);
  EXPECT_TRUE(RunUntil(cluster_->loop, [&] { return sessions_->size() == 0; }));
}

TEST_F(SessionTest, AClientThatIsGoneIsForgottenWhenItsRepliesCannotBeSent) {
  Make();
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  Connect().Send(Request({"GET", "b"}));
  RunUntil(cluster_->loop, [&] { return cluster_->node(0).log().size() == 1; });
  clients_.clear();
  RunFor(cluster_->loop, 20);
  cluster_->node(0).Say("+v\r\n");
  EXPECT_TRUE(RunUntil(cluster_->loop, [&] { return sessions_->size() == 0; }));
  EXPECT_EQ(cluster_->statistics.in_flight.Get(), 0u);
}

TEST_F(SessionTest, TooManyClients) {
  Make();
  std::vector<TestClient*> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(&Connect());
    Expect(*clients.back(), {"PING"}, "+PONG\r\n");
  }
  TestClient& rejected = Connect();
  EXPECT_TRUE(rejected.WaitClosed());
  EXPECT_EQ(rejected.received(), "-ERR max number of clients reached\r\n");
  EXPECT_EQ(statistics_.rejected.Get(), 1u);
  clients[0]->Send(Request({"QUIT"}));
  EXPECT_TRUE(clients[0]->WaitClosed());
  Expect(Connect(), {"PING"}, "+PONG\r\n");
}

TEST_F(SessionTest, OutputOverTheLimitClosesTheClient) {
  SessionOptions options;
  options.output_limit.hard = 1'000'000;
  Make(options);
  cluster_->node(0).set_answer([](const Words&) { return Bulk(std::string(300'000, 'x')); });
  TestClient& client = Connect();
  Expect(client, {"PING"}, "+PONG\r\n");
  client.stream().PauseReading();
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += Request({"GET", "b"});
  client.Send(requests);
  EXPECT_TRUE(RunUntil(cluster_->loop, [&] { return sessions_->size() == 0; }));
  EXPECT_EQ(statistics_.closed_for_output.Get(), 1u);
}

TEST_F(SessionTest, UnreadOutputStopsReading) {
  net::StreamOptions stream;
  stream.output_high_bytes = 100'000;
  stream.output_low_bytes = 10'000;
  SessionOptions options;
  options.max_requests_in_flight = 2;
  Make(options, {}, stream);
  cluster_->node(0).set_answer([](const Words&) { return Bulk(std::string(200'000, 'x')); });
  TestClient& client = Connect();
  Expect(client, {"PING"}, "+PONG\r\n");
  client.stream().PauseReading();
  std::string requests;
  constexpr size_t kRequests = 200;
  for (size_t i = 0; i < kRequests; ++i) requests += Request({"GET", "b"});
  client.Send(requests);
  RunFor(cluster_->loop, 200);
  // The sockets' buffers hold some; nowhere near all was asked for.
  EXPECT_LT(cluster_->node(0).log().size(), kRequests / 2);
  client.stream().ResumeReading();
  const std::string wanted((Bulk(std::string(200'000, 'x')).size()) * kRequests, 'y');
  EXPECT_EQ(client.Receive(wanted).size(), wanted.size());
}

TEST_F(SessionTest, KillAndList) {
  Make();
  TestClient& one = Connect();
  TestClient& other = Connect();
  Expect(one, {"CLIENT", "SETNAME", "one"}, "+OK\r\n");
  Expect(other, {"CLIENT", "SETNAME", "other"}, "+OK\r\n");
  one.Send(Request({"CLIENT", "LIST"}));
  RunUntil(cluster_->loop, [&] { return one.received().ends_with("\n\r\n"); });
  const std::string list = one.Receive("");
  EXPECT_NE(list.find(" name=one "), std::string::npos) << list;
  EXPECT_NE(list.find(" name=other "), std::string::npos) << list;
  Expect(one, {"CLIENT", "KILL", "ID", "2"}, ":1\r\n");
  EXPECT_TRUE(other.WaitClosed());
  // Behind its own end nothing is executed.
  one.Send(Request({"CLIENT", "KILL", "ID", "1", "SKIPME", "no"}) + Request({"SET", "b", "1"}));
  EXPECT_TRUE(one.WaitClosed());
  EXPECT_EQ(one.received(), ":1\r\n");
  EXPECT_TRUE(cluster_->node(0).log().empty());
}

TEST_F(SessionTest, ListShowsWhatIsWhenItIsAsked) {
  Make();
  Connect();
  TestClient& client = Connect();
  Expect(client, {"CLIENT", "SETNAME", "old"}, "+OK\r\n");
  client.Send(Request({"CLIENT", "LIST", "ID", "2", "9", "1", "2"}) +
              Request({"CLIENT", "SETNAME", "new"}));
  RunUntil(cluster_->loop, [&] { return client.received().ends_with("+OK\r\n"); });
  EXPECT_EQ(client.received().find("name=new"), std::string::npos) << client.received();
  // In the order of the identifiers.
  std::vector<std::string> ids;
  std::istringstream lines(client.received());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("id=")) ids.push_back(line.substr(0, 4));
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"id=2", "id=1", "id=2"}));
}

TEST_F(SessionTest, UnblockKeepsItsPlace) {
  Make();
  for (int i = 0; i < 2; ++i) cluster_->node(i).set_answer([](const Words&) { return ""; });
  TestClient& waiting = Connect();
  waiting.Send(Request({"BLPOP", "b", "0"}));
  RunUntil(cluster_->loop, [this] { return statistics_.blocked.Get() == 1; });
  TestClient& client = Connect();
  client.Send(Request({"SET", "c", "1"}) + Request({"CLIENT", "UNBLOCK", "1"}));
  RunUntil(cluster_->loop, [this] { return !cluster_->node(1).log().empty(); });
  RunFor(cluster_->loop, 20);
  EXPECT_EQ(waiting.received(), "");
  cluster_->node(1).Say("+OK\r\n");
  // The shard is not there to be asked.
  cluster_->node(0).Drop();
  EXPECT_EQ(client.Receive("+OK\r\n:1\r\n").substr(0, 6), "+OK\r\n:");
}

TEST_F(SessionTest, IdleClientsAreClosedBusyOnesAreNot) {
  SessionOptions options;
  options.idle_timeout_seconds = 1;
  Make(options);
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  TestClient& idle = Connect();
  TestClient& busy = Connect();
  Expect(idle, {"PING"}, "+PONG\r\n");
  busy.Send(Request({"GET", "b"}));
  EXPECT_TRUE(idle.WaitClosed());
  EXPECT_EQ(sessions_->size(), 1u);
  cluster_->node(0).Say("+v\r\n");
  EXPECT_EQ(busy.Receive("+v\r\n"), "+v\r\n");
}

TEST_F(SessionTest, ADrainClosesWhoWaitsForNothing) {
  Make();
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  TestClient& silent = Connect();
  TestClient& busy = Connect();
  TestClient& queueing = Connect();
  Expect(silent, {"PING"}, "+PONG\r\n");
  Expect(queueing, {"MULTI"}, "+OK\r\n");
  busy.Send(Request({"GET", "b"}));
  RunUntil(cluster_->loop, [this] { return !cluster_->node(0).log().empty(); });
  sessions_->CloseSilent(60'000'000);
  EXPECT_EQ(statistics_.drained_idle.Get(), 0u);
  sessions_->CloseSilent(0);
  EXPECT_EQ(statistics_.drained_idle.Get(), 1u);
  EXPECT_TRUE(silent.WaitClosed());
  EXPECT_EQ(sessions_->size(), 2u);
  cluster_->node(0).Say("+v\r\n");
  EXPECT_EQ(busy.Receive("+v\r\n"), "+v\r\n");
  Expect(queueing, {"DISCARD"}, "+OK\r\n");
  // The first part of a request.
  busy.Send("*1\r\n$4\r\nPI");
  RunFor(cluster_->loop, 20);
  sessions_->CloseSilent(0);
  EXPECT_TRUE(queueing.WaitClosed());
  EXPECT_EQ(sessions_->size(), 1u);
  busy.Send("NG\r\n");
  EXPECT_EQ(busy.Receive("+PONG\r\n"), "+PONG\r\n");
}

TEST_F(SessionTest, ADrainClosesBehindALastReply) {
  Make();
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  TestClient& client = Connect();
  Expect(client, {"PING"}, "+PONG\r\n");
  sessions_->HoldLastReplies({});
  const auto close_silent = [this] {
    RunFor(cluster_->loop, 60);
    sessions_->CloseSilent(60'000'000);
  };
  client.Send(Request({"GET", "b"}) + Request({"GET", "b"}) + Request({"MULTI"}));
  RunUntil(cluster_->loop, [this] { return cluster_->node(0).log().size() == 2; });
  cluster_->node(0).Say("+1\r\n");
  close_silent();
  EXPECT_EQ(statistics_.drained_replied.Get(), 0u);
  cluster_->node(0).Say("+2\r\n");
  EXPECT_EQ(client.Receive("+1\r\n+2\r\n+OK\r\n"), "+1\r\n+2\r\n+OK\r\n");
  close_silent();
  EXPECT_EQ(statistics_.drained_replied.Get(), 0u);
  client.Send(Request({"DISCARD"}));
  close_silent();
  EXPECT_TRUE(client.WaitClosed());
  EXPECT_EQ(client.received(), "+OK\r\n");
  EXPECT_EQ(statistics_.drained_replied.Get(), 1u);
}

TEST_F(SessionTest, WhoIsServedIsNotIdle) {
  SessionOptions options;
  options.idle_timeout_seconds = 1;
  Make(options);
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  TestClient& client = Connect();
  client.Send(Request({"GET", "b"}));
  const auto idle = [this] {
    int64_t seconds = -1;
    sessions_->ForEach([&](Session& session) { seconds = session.idle_seconds(); });
    return seconds;
  };
  RunUntil(cluster_->loop, [&] { return idle() == 3; });
  cluster_->node(0).Say("+v\r\n");
  EXPECT_EQ(client.Receive("+v\r\n"), "+v\r\n");
  EXPECT_EQ(idle(), 0);
  // Held by a pause it waits, too.
  sessions_->pause().Begin(Pause::Kind::kAll, 60'000);
  client.Send(Request({"PING"}));
  RunUntil(cluster_->loop, [&] { return idle() == 3 || sessions_->size() == 0; });
  ASSERT_EQ(sessions_->size(), 1u);
  sessions_->pause().End();
  EXPECT_EQ(client.Receive("+PONG\r\n"), "+PONG\r\n");
}

TEST_F(SessionTest, WhoReadsSlowlyIsNotIdle) {
  SessionOptions options;
  options.idle_timeout_seconds = 1;
  Make(options);
  const std::string reply = Bulk(std::string(40'000'000, 'x'));
  cluster_->node(0).set_answer([&](const Words&) { return reply; });
  TestClient& client = Connect();
  Expect(client, {"PING"}, "+PONG\r\n");
  client.stream().PauseReading();
  client.Send(Request({"GET", "b"}));
  std::string room(500'000, ' ');
  size_t taken = 0;
  net::Timer reads(cluster_->loop, [&] {
    const ssize_t size = recv(client.stream().fd(), room.data(), room.size(), MSG_DONTWAIT);
    if (size > 0) taken += static_cast<size_t>(size);
  });
  reads.Start(100, 100);
  RunFor(cluster_->loop, 3500);
  EXPECT_EQ(sessions_->size(), 1u);
  EXPECT_GT(taken, 0u);
  reads.Stop();
  client.stream().ResumeReading();
  EXPECT_TRUE(RunUntil(cluster_->loop,
                       [&] { return taken + client.received().size() == reply.size(); }));
}

TEST_F(SessionTest, APauseHoldsRequestsInOrderAndLosesThoseOfWhoGoes) {
  Make();
  Echoing();
  TestClient& client = Connect();
  TestClient& leaver = Connect();
  Expect(client, {"CLIENT", "PAUSE", "60000", "WRITE"}, "+OK\r\n");
  client.Send(Request({"GET", "a"}) + Request({"SET", "a", "1"}) + Request({"GET", "b"}));
  leaver.Send(Request({"SET", "c", "2"}));
  EXPECT_EQ(client.Receive(Bulk("a")), Bulk("a"));
  RunFor(cluster_->loop, 20);
  EXPECT_EQ(client.received(), "");
  EXPECT_EQ(statistics_.blocked.Get(), 2u);
  clients_.pop_back();
  EXPECT_TRUE(RunUntil(cluster_->loop, [this] { return sessions_->size() == 1; }));
  EXPECT_EQ(statistics_.blocked.Get(), 1u);
  // The longer pause and the stricter kind count.
  sessions_->pause().Begin(Pause::Kind::kAll, 10);
  sessions_->pause().Begin(Pause::Kind::kWrites, 20);
  RunFor(cluster_->loop, 60);
  EXPECT_EQ(client.received(), "");
  sessions_->pause().End();
  EXPECT_EQ(statistics_.blocked.Get(), 0u);
  const std::string wanted = Bulk("1") + Bulk("b");
  EXPECT_EQ(client.Receive(wanted), wanted);
  EXPECT_TRUE(cluster_->node(1).log().empty());
  sessions_->pause().Begin(Pause::Kind::kAll, 20);
  Expect(client, {"PING"}, "+PONG\r\n");
}

TEST(LocalCommandsTest, EveryLocalRowHasAHandler) {
  const LocalCommands commands;
  const Status status = routing::Validate(
      [&](const command::Command& command) { return commands.Has(command); },
      [](const command::Command& command) { return execution::Executor::HasSpecial(command); });
  EXPECT_TRUE(status.ok()) << status.error().message;
}

TEST(LocalCommandsTest, IntegersAreReadStrictly) {
  int64_t value = 0;
  for (const char* text : {"0", "7", "-12", "9223372036854775807"}) {
    EXPECT_TRUE(ParseInteger(text, &value)) << text;
  }
  for (const char* text : {"", "-", "+1", "01", "-0", "1 ", " 1", "x", "9223372036854775808"}) {
    EXPECT_FALSE(ParseInteger(text, &value)) << text;
  }
}

}  // namespace
}  // namespace keyway::proxy::session
