// Requests as they should be, and all the others.
#include "metrics/http_server.h"

#include <algorithm>

#include "tests/unit/common/net/loop_fixture.h"

namespace keyway::metrics {
namespace {

using net::PlainSocket;

class HttpServerTest : public net::LoopTest {
 protected:
  void Listen(HttpServer::Options options = {}) {
    auto listening = HttpServer::Listen(loop_, {"127.0.0.1", 0}, options);
    ASSERT_TRUE(listening.ok());
    server_ = std::move(*listening);
    server_->Handle("/", [](const HttpRequest&) { return HttpResponse{.body = "root"}; });
    server_->Handle("/echo", [this](const HttpRequest& request) {
      last_ = request;
      return HttpResponse{.body = request.query + "|" + request.body};
    });
    server_->Handle(
        "/big", [](const HttpRequest&) { return HttpResponse{.body = std::string(100'000, 'b')}; });
  }

  std::unique_ptr<PlainSocket> Connect() { return std::make_unique<PlainSocket>(server_->local()); }

  // Sends `bytes` on a new connection and returns what comes until the server closes.
  std::string Exchange(std::string_view bytes) {
    auto socket = Connect();
    socket->Send(bytes);
    return ReadToEnd(*socket);
  }

  std::string ReadToEnd(PlainSocket& socket) {
    std::string received;
    EXPECT_TRUE(RunUntil([&] {
      received += socket.Receive();
      return socket.ended();
    })) << received;
    return received;
  }

  std::string ReadUntil(PlainSocket& socket, std::string_view end, int times = 1) {
    std::string received;
    EXPECT_TRUE(RunUntil([&] {
      received += socket.Receive();
      return Count(received, end) >= times;
    })) << received.substr(0, 1000);
    return received;
  }

  static int Count(std::string_view text, std::string_view part) {
    int count = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) {
      ++count;
    }
    return count;
  }

  static bool Has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
  }

  static bool IsStatus(std::string_view text, int status) {
    return text.starts_with("HTTP/1.1 " + std::to_string(status) + " ");
  }

  std::unique_ptr<HttpServer> server_;
  HttpRequest last_;
};

TEST_F(HttpServerTest, AnswersGet) {
  Listen();
  const std::string answer = Exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(IsStatus(answer, 200)) << answer;
  EXPECT_TRUE(Has(answer, "\r\nContent-Length: 4\r\n"));
  EXPECT_TRUE(Has(answer, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_TRUE(Has(answer, "\r\nConnection: close\r\n"));
  EXPECT_TRUE(Has(answer, " GMT\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nroot"));
}

TEST_F(HttpServerTest, PassesTheRequestOn) {
  Listen();
  const std::string answer = Exchange(
      "GET /echo?a=1&b=?2 HTTP/1.1\r\nHost: a\r\nX-Thing:  some value \r\nContent-Length: 3\r\n"
      "Connection: close\r\n\r\nxyz");
  EXPECT_TRUE(answer.ends_with("\r\n\r\na=1&b=?2|xyz")) << answer;
  EXPECT_EQ("/echo", last_.path);
  EXPECT_EQ("some value", last_.Header("x-thing"));
  EXPECT_EQ("", last_.Header("x-other"));
}

TEST_F(HttpServerTest, TakesTheAbsoluteForm) {
  Listen();
  EXPECT_TRUE(Exchange("GET http://a.b:80/echo?q HTTP/1.0\r\n\r\n").ends_with("q|"));
  EXPECT_TRUE(Exchange("GET http://a.b HTTP/1.0\r\n\r\n").ends_with("root"));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  Listen();
  const std::string answer = Exchange("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(IsStatus(answer, 200));
  EXPECT_TRUE(Has(answer, "\r\nContent-Length: 4\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
  EXPECT_TRUE(Exchange("HEAD /none HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, KeepsAliveAndPipelines) {
  Listen();
  auto socket = Connect();
  constexpr int kRequests = 500;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) {
    requests += "GET /echo?" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  socket->Send(requests);
  const std::string answers = ReadUntil(*socket, "HTTP/1.1 200 OK", kRequests);
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(Has(answers, "\r\n\r\n" + std::to_string(i) + "|")) << i;
  }
  EXPECT_FALSE(Has(answers, "Connection"));
  // And again, byte by byte.
  const std::string_view slow = "GET /echo?slow HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const char byte : slow) {
    socket->Send(std::string_view(&byte, 1));
    loop_.RunOnce();
  }
  EXPECT_TRUE(ReadUntil(*socket, "slow|").ends_with("slow|"));
  socket->Send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n");
  EXPECT_EQ(1, Count(ReadToEnd(*socket), "HTTP/1.1"));
}

TEST_F(HttpServerTest, Http10ClosesUnlessAskedNotTo) {
  Listen();
  EXPECT_TRUE(Exchange("GET / HTTP/1.0\r\n\r\n").ends_with("root"));
  auto socket = Connect();
  socket->Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(Has(ReadUntil(*socket, "root"), "\r\nConnection: keep-alive\r\n"));
  socket->Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(ReadToEnd(*socket).ends_with("root"));
}

TEST_F(HttpServerTest, RefusesUnknownPathsAndMethods) {
  Listen();
  auto socket = Connect();
  socket->Send("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(IsStatus(ReadUntil(*socket, "404 Not Found\n"), 404));
  for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"}) {
    socket->Send(method + " / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    const std::string answer = ReadUntil(*socket, "Allowed\n");
    EXPECT_TRUE(IsStatus(answer, 405)) << answer;
    EXPECT_TRUE(Has(answer, "\r\nAllow: GET, HEAD\r\n"));
  }
  socket->Send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(IsStatus(ReadUntil(*socket, "Allowed\n"), 405));
  socket->Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(ReadUntil(*socket, "root").ends_with("root")) << "the connection is still good";
}

TEST_F(HttpServerTest, AnswersMalformedRequestsWith400AndCloses) {
  Listen();
  const std::string bad[] = {
      "\r\n\r\nnonsense\r\n\r\n",
      "*1\r\n$4\r\nPING\r\n",
      "GET\r\n\r\n",
      "GET / HTTP/1.1\r\nHost a\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: a\001b\r\n\r\n",
      "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "FLY / HTTP/1.1\r\nHost: a\r\n\r\n",
      "get / HTTP/1.1\r\nHost: a\r\n\r\n",
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(200, '\xff'),
      std::string(300, '\0'),
  };
  for (const std::string& request : bad) {
    const std::string answer = Exchange(request);
    EXPECT_TRUE(IsStatus(answer, 400)) << request << answer;
    EXPECT_TRUE(Has(answer, "\r\nConnection: close\r\n"));
    EXPECT_EQ(1, Count(answer, "HTTP/1.1"));
  }
  EXPECT_TRUE(IsStatus(Exchange("GET / HTTP/2.0\r\n\r\n"), 505));
}

TEST_F(HttpServerTest, BoundsTheHead) {
  Listen();
  const std::string fits = "GET /echo?" + std::string(8000, 'q') + " HTTP/1.0\r\n\r\n";
  EXPECT_TRUE(IsStatus(Exchange(fits), 200));
  EXPECT_TRUE(IsStatus(Exchange("GET /" + std::string(9000, 'q') + " HTTP/1.0\r\n\r\n"), 431));
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 2000; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_TRUE(IsStatus(Exchange(many + "\r\n"), 431));
  EXPECT_TRUE(IsStatus(Exchange(std::string(10'000, '\n')), 431));
  // Endless, and the client keeps sending: the answer arrives all the same.
  auto socket = Connect();
  socket->Send("GET / HTTP/1.1\r\nX: ");
  std::string received;
  ASSERT_TRUE(RunUntil([&] {
    const std::string more(1000, 'x');
    send(socket->fd(), more.data(), more.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    received += socket->Receive();
    return socket->ended();
  }));
  EXPECT_TRUE(IsStatus(received, 431)) << received;
}

TEST_F(HttpServerTest, BoundsTheBody) {
  Listen();
  const auto with_length = [](size_t size) {
    return "GET /echo HTTP/1.0\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'c');
  };
  EXPECT_TRUE(IsStatus(Exchange(with_length(64 * 1024)), 200));
  EXPECT_EQ(64u * 1024, last_.body.size());
  EXPECT_TRUE(IsStatus(Exchange(with_length(64 * 1024 + 1)), 413));
  std::string chunked = "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_TRUE(
      IsStatus(Exchange("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
               200));
  EXPECT_EQ("abcde", last_.body);
  std::string endless = chunked;
  for (int i = 0; i < 10; ++i) endless += "2710\r\n" + std::string(10'000, 'c') + "\r\n";
  EXPECT_TRUE(IsStatus(Exchange(endless), 413));
  // A little data in a lot of framing.
  std::string framing = chunked;
  for (int i = 0; i < 200; ++i) framing += "1;" + std::string(1000, 'e') + "\r\nc\r\n";
  EXPECT_TRUE(IsStatus(Exchange(framing), 413));
  std::string trailers = chunked + "0\r\n";
  for (int i = 0; i < 200; ++i) trailers += "T: " + std::string(1000, 't') + "\r\n";
  EXPECT_TRUE(IsStatus(Exchange(trailers), 413));
}

TEST_F(HttpServerTest, ContinuesOnRequest) {
  Listen();
  auto socket = Connect();
  socket->Send(
      "GET /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(IsStatus(ReadUntil(*socket, "\r\n\r\n"), 100));
  socket->Send("hi");
  EXPECT_TRUE(IsStatus(ReadUntil(*socket, "|hi"), 200));
}

TEST_F(HttpServerTest, AnswersAnUpgradeWithoutUpgrading) {
  Listen();
  const std::string answer = Exchange(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n\x81\x05hello");
  EXPECT_TRUE(IsStatus(answer, 200));
  EXPECT_TRUE(answer.ends_with("root"));
  EXPECT_TRUE(IsStatus(Exchange("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nxxxx"), 405));
}

TEST_F(HttpServerTest, CutsOffSlowRequests) {
  HttpServer::Options options;
  options.request_timeout_ms = 100;
  Listen(options);
  auto silent = Connect();
  auto drip = Connect();
  auto body = Connect();
  body->Send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nx");
  size_t sent = 0;
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(5000, 'x');
  std::string received;
  std::string body_received;
  std::string silent_received;
  ASSERT_TRUE(RunUntil([&] {
    if (sent < request.size()) {
      send(drip->fd(), request.data() + sent++, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    received += drip->Receive();
    body_received += body->Receive();
    silent_received += silent->Receive();
    return drip->ended() && body->ended() && silent->ended();
  }));
  EXPECT_TRUE(IsStatus(received, 408)) << received;
  EXPECT_TRUE(IsStatus(body_received, 408)) << body_received;
  EXPECT_EQ("", silent_received);
}

TEST_F(HttpServerTest, ClosesIdleConnections) {
  HttpServer::Options options;
  options.idle_timeout_ms = 50;
  Listen(options);
  auto socket = Connect();
  socket->Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(ReadToEnd(*socket).ends_with("root"));
  EXPECT_EQ(0u, server_->connections());
}

TEST_F(HttpServerTest, StopsForAClientThatDoesNotRead) {
  HttpServer::Options options;
  options.write_timeout_ms = 300;
  Listen(options);
  auto socket = Connect();
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";
  socket->Send(requests);
  ASSERT_TRUE(RunUntil([&] { return server_->connections() == 1; }));
  ASSERT_TRUE(RunUntil([&] { return server_->connections() == 0; }));
}

TEST_F(HttpServerTest, GoesOnWhenTheClientReadsAgain) {
  Listen();
  auto socket = Connect();
  std::string requests;
  constexpr int kRequests = 200;
  for (int i = 0; i < kRequests; ++i) requests += "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";
  socket->Send(requests);
  RunFor(50);
  std::string answers;
  ASSERT_TRUE(RunUntil([&] {
    answers += socket->Receive(1 << 20);
    return answers.size() >= kRequests * 100'000;
  }));
  EXPECT_GE(Count(answers, "HTTP/1.1 200 OK"), kRequests - 1);
  EXPECT_EQ(1u, server_->connections());
}

TEST_F(HttpServerTest, AnswersAClientThatEndsItsSide) {
  Listen();
  auto socket = Connect();
  socket->Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  socket->EndOutput();
  EXPECT_TRUE(ReadToEnd(*socket).ends_with("root"));
  auto half = Connect();
  half->Send("GET / HTT");
  half->EndOutput();
  EXPECT_EQ("", ReadToEnd(*half));
}

TEST_F(HttpServerTest, RefusesTooManyConnections) {
  Listen();
  std::vector<std::unique_ptr<PlainSocket>> sockets;
  for (int i = 0; i < 64; ++i) sockets.push_back(Connect());
  ASSERT_TRUE(RunUntil([&] { return server_->connections() == 64; }));
  auto extra = Connect();
  EXPECT_TRUE(IsStatus(ReadToEnd(*extra), 503));
  sockets[0]->Close();
  ASSERT_TRUE(RunUntil([&] { return server_->connections() == 63; }));
  EXPECT_TRUE(IsStatus(Exchange("GET / HTTP/1.0\r\n\r\n"), 200));
}

TEST_F(HttpServerTest, ClientsMayLeaveAtAnyTime) {
  Listen();
  const std::string_view request = "GET /big HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  for (size_t size = 0; size <= request.size(); ++size) {
    auto socket = Connect();
    socket->Send(request.substr(0, size));
    if (size % 3 != 0) loop_.RunOnce();
    if (size % 2 == 0) socket->Reset();
  }
  ASSERT_TRUE(RunUntil([&] { return server_->connections() == 0; }));
}

TEST_F(HttpServerTest, SurvivesAnyBytes) {
  Listen();
  uint32_t seed = 12345;
  const std::string_view pieces[] = {
      "GET ",
      "/",
      " HTTP/1.1",
      "\r\n",
      "Host: a",
      "Content-Length: 3",
      "\r\n\r\n",
      "HEAD ",
      "\n",
      ": ",
      "chunked",
      "Transfer-Encoding: chunked",
      "0\r\n",
      "\0x",
      "\xff",
      "POST ",
      "Expect: 100-continue",
      "Connection: upgrade",
      "5\r\nabcde",
  };
  for (int round = 0; round < 400; ++round) {
    auto socket = Connect();
    std::string bytes;
    for (int i = 0; i < 30; ++i) {
      seed = seed * 1664525 + 1013904223;
      const uint32_t pick = (seed >> 16) % 24;
      if (pick < std::size(pieces)) {
        bytes += pieces[pick];
      } else {
        bytes += static_cast<char>(seed >> 24);
      }
    }
    socket->Send(bytes);
    socket->EndOutput();
    ASSERT_TRUE(RunUntil([&] {
      socket->Receive();
      return socket->ended();
    })) << bytes;
  }
  EXPECT_TRUE(IsStatus(Exchange("GET / HTTP/1.0\r\n\r\n"), 200));
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  Listen();
  auto second = HttpServer::Listen(loop_, server_->local());
  ASSERT_FALSE(second.ok());
  EXPECT_TRUE(Has(second.error().message, "Address already in use"));
}

TEST_F(HttpServerTest, MayEndWithConnectionsOpen) {
  Listen();
  auto idle = Connect();
  auto busy = Connect();
  busy->Send("GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET /b");
  ASSERT_TRUE(RunUntil([&] { return server_->connections() == 2; }));
  server_.reset();
  RunFor(10);
}

}  // namespace
}  // namespace keyway::metrics
