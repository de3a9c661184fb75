#include "metrics/endpoint.h"

#include <thread>

#include "metrics/process.h"
#include "tests/unit/common/net/loop_fixture.h"
#include "tests/unit/metrics/promtool.h"

namespace keyway::metrics {
namespace {

// A blocking GET on a connection of its own: the whole answer.
std::string Get(const net::Endpoint& address, const std::string& path) {
  net::PlainSocket socket(address);
  socket.Send("GET " + path + " HTTP/1.0\r\n\r\n");
  std::string answer;
  char bytes[4096];
  ssize_t size = 0;
  while ((size = recv(socket.fd(), bytes, sizeof(bytes), 0)) > 0) {
    answer.append(bytes, static_cast<size_t>(size));
  }
  return answer;
}

std::string Body(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

// The endpoint on a thread of its own, as in the programs.
class EndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    AddProcessMetrics(registry_);
    registry_.HistogramFrom("keyway_test_seconds", "Durations.", {}, &histogram_);
    EndpointOptions options;
    options.address = {"127.0.0.1", 0};
    options.program = "keyway-test";
    options.ready = [this] { return ready_ ? ReadyState{} : ReadyState{false, "no topology"}; };
    auto endpoint = Endpoint::Start(loop_, registry_, options);
    ASSERT_TRUE(endpoint.ok());
    endpoint_ = std::move(*endpoint);
    address_ = endpoint_->local();
    thread_ = std::thread([this] { loop_.Run(); });
  }

  void TearDown() override {
    loop_.Stop();
    thread_.join();
    endpoint_.reset();
  }

  HotHistogram histogram_;
  Registry registry_;
  net::EventLoop loop_;
  std::atomic<bool> ready_{false};
  std::unique_ptr<Endpoint> endpoint_;
  net::Endpoint address_;
  std::thread thread_;
};

TEST_F(EndpointTest, TellsHealthAndReadiness) {
  EXPECT_TRUE(Get(address_, "/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ("ok\n", Body(Get(address_, "/healthz")));
  EXPECT_TRUE(Get(address_, "/readyz").starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_EQ("not ready: no topology\n", Body(Get(address_, "/readyz")));
  ready_ = true;
  EXPECT_TRUE(Get(address_, "/readyz").starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ("ready\n", Body(Get(address_, "/readyz")));
}

TEST_F(EndpointTest, HasAnIndex) {
  const std::string answer = Get(address_, "/");
  EXPECT_NE(std::string::npos, answer.find("Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_NE(std::string::npos, answer.find("<h1>keyway-test</h1>"));
  EXPECT_NE(std::string::npos, answer.find("href=\"/metrics\""));
}

TEST_F(EndpointTest, ServesMetricsThatPromtoolAccepts) {
  const std::string answer = Get(address_, "/metrics");
  EXPECT_NE(std::string::npos,
            answer.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_NE(std::string::npos, answer.find("\nkeyway_test_seconds_count 0\n"));
  if (HavePromtool()) {
    EXPECT_EQ("", Promtool(Body(answer)));
  }
}

TEST_F(EndpointTest, ServesManyScrapesAtOnce) {
  std::atomic<int> good{0};
  std::vector<std::thread> scrapers;
  for (int i = 0; i < 8; ++i) {
    scrapers.emplace_back([&] {
      for (int n = 0; n < 25; ++n) {
        histogram_.Observe(10);
        const std::string answer = Get(address_, "/metrics");
        const size_t length = answer.find("Content-Length: ") + 16;
        if (answer.starts_with("HTTP/1.1 200") &&
            std::stoul(answer.substr(length)) == Body(answer).size()) {
          ++good;
        }
      }
    });
  }
  for (std::thread& scraper : scrapers) scraper.join();
  EXPECT_EQ(200, good);
  EXPECT_NE(std::string::npos, Get(address_, "/metrics").find("\nkeyway_test_seconds_count 200\n"));
}

}  // namespace
}  // namespace keyway::metrics
