// How streams come to be: connecting, failing to connect, and giving up on it.
#include <chrono>
#include <cstdlib>
#include <thread>

#include "tests/unit/common/net/loop_fixture.h"

namespace keyway::net {
namespace {

using ConnectTest = LoopTest;

// A port where nobody listens.
Endpoint NobodyThere() {
  EventLoop loop;
  auto listener = Listener::Listen(loop, {"127.0.0.1", 0}, {}, [](std::unique_ptr<Stream>) {});
  return (*listener)->local();
}

// Accepts nothing, and its queue is full: a connect to it hangs.
class FullListener {
 public:
  FullListener() {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(0, bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
    EXPECT_EQ(0, listen(fd_, 0));
    socklen_t length = sizeof(address);
    EXPECT_EQ(0, getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length));
    endpoint_ = FromSockaddr(reinterpret_cast<sockaddr*>(&address));
    for (int i = 0; i < 4; ++i) {
      const int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      connect(filler, reinterpret_cast<sockaddr*>(&address), sizeof(address));
      fillers_.push_back(filler);
    }
  }
  ~FullListener() {
    for (const int filler : fillers_) close(filler);
    close(fd_);
  }
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  int fd_;
  std::vector<int> fillers_;
  Endpoint endpoint_;
};

TEST_F(ConnectTest, RefusedIsReportedAfterwards) {
  Recorder handler;
  auto stream = Stream::Connect(loop_, NobodyThere(), {}, &handler);
  EXPECT_FALSE(handler.closed());
  stream->output().Append("lost");
  stream->ScheduleWrite();
  ASSERT_TRUE(RunUntil([&] { return handler.closed(); }));
  EXPECT_FALSE(handler.connected);
  EXPECT_EQ(CloseReason::kConnectFailed, *handler.reason);
  EXPECT_EQ("connection refused", handler.detail);
}

TEST_F(ConnectTest, GivesUpAfterTheTimeout) {
  FullListener full;
  Recorder handler;
  StreamOptions options;
  options.connect_timeout_ms = 50;
  auto stream = Stream::Connect(loop_, full.endpoint(), options, &handler);
  ASSERT_TRUE(RunUntil([&] { return handler.closed(); }));
  EXPECT_EQ(CloseReason::kConnectFailed, *handler.reason);
  EXPECT_EQ("connection timed out", handler.detail);
}

TEST_F(ConnectTest, ALoopHeldUpDoesNotMissTheConnect) {
  Acceptor acceptor(loop_);
  Recorder handler;
  Recorder refused;
  StreamOptions options;
  options.connect_timeout_ms = 20;
  auto stream = Stream::Connect(loop_, acceptor.endpoint(), options, &handler);
  auto failing = Stream::Connect(loop_, NobodyThere(), options, &refused);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  ASSERT_TRUE(RunUntil([&] { return handler.connected && refused.closed(); })) << handler.detail;
  EXPECT_EQ("connection refused", refused.detail);
  RunFor(60);
  EXPECT_TRUE(stream->connected());
}

TEST_F(ConnectTest, MarksCountWhileConnecting) {
  FullListener full;
  Recorder handler;
  StreamOptions options;
  options.output_high_bytes = 1000;
  auto stream = Stream::Connect(loop_, full.endpoint(), options, &handler);
  stream->output().Append(std::string(2000, 'x'));
  stream->ScheduleWrite();
  ASSERT_TRUE(RunUntil([&] { return handler.fulls == 1; }));
  EXPECT_FALSE(stream->connected());
}

TEST_F(ConnectTest, CloseAfterFlushWhileConnecting) {
  FullListener full;
  Recorder given_up;
  auto hanging = Stream::Connect(loop_, full.endpoint(), {}, &given_up);
  hanging->CloseAfterFlush(50);
  Acceptor acceptor(loop_);
  Recorder handler;
  auto stream = Stream::Connect(loop_, acceptor.endpoint(), {}, &handler);
  stream->output().Append("parting");
  stream->CloseAfterFlush();
  ASSERT_TRUE(RunUntil([&] {
    return handler.closed() && given_up.closed() && !acceptor.handlers.empty() &&
           acceptor.handlers[0]->closed();
  }));
  EXPECT_EQ(CloseReason::kFlushed, *handler.reason);
  EXPECT_EQ("parting", acceptor.handlers[0]->received);
  EXPECT_EQ(CloseReason::kConnectFailed, *given_up.reason);
}

TEST_F(ConnectTest, DestroyedAtAnyStage) {
  Acceptor acceptor(loop_);
  FullListener full;
  Recorder unused;
  for (const Endpoint& peer :
       {acceptor.endpoint(), full.endpoint(), NobodyThere(), Endpoint{"localhost", 1},
        Endpoint{"no-such-name.invalid", 1}, Endpoint{"/no/such/socket", 0}}) {
    for (int passes = 0; passes < 4; ++passes) {
      auto stream = Stream::Connect(loop_, peer, {}, &unused);
      for (int i = 0; i < passes; ++i) loop_.RunOnce();
    }
  }
  // And in the callbacks.
  std::unique_ptr<Stream> stream;
  Recorder handler;
  handler.on_connected = [&] { stream.reset(); };
  stream = Stream::Connect(loop_, acceptor.endpoint(), {}, &handler);
  ASSERT_TRUE(RunUntil([&] { return stream == nullptr; }));
  handler.on_closed = [&] { stream.reset(); };
  for (const Endpoint& peer :
       {NobodyThere(), Endpoint{"/no/such/socket", 0}, Endpoint{"no-such-name.invalid", 1}}) {
    stream = Stream::Connect(loop_, peer, {}, &handler);
    ASSERT_TRUE(RunUntil([&] { return stream == nullptr; }));
    EXPECT_EQ(CloseReason::kConnectFailed, *handler.reason);
  }
  StreamOptions hurried;
  hurried.connect_timeout_ms = 10;
  stream = Stream::Connect(loop_, full.endpoint(), hurried, &handler);
  ASSERT_TRUE(RunUntil([&] { return stream == nullptr; }));
}

TEST(Connect, LoopMayEndWhileANameIsResolved) {
  Recorder handler;
  EventLoop loop;
  for (int i = 0; i < 20; ++i) Stream::Connect(loop, {"localhost", 1}, {}, &handler);
  EXPECT_FALSE(handler.closed());
}

TEST_F(ConnectTest, ResolvesNamesAndTriesEveryAddress) {
  // "localhost" is ::1 and 127.0.0.1 on most machines; only the second is listened on.
  Acceptor acceptor(loop_);
  Recorder handler;
  auto stream =
      Stream::Connect(loop_, Endpoint{"localhost", acceptor.endpoint().port}, {}, &handler);
  ASSERT_TRUE(RunUntil([&] { return handler.connected || handler.closed(); }));
  EXPECT_TRUE(handler.connected) << handler.detail;
  EXPECT_EQ(acceptor.endpoint(), stream->peer());

  Recorder refused;
  auto failing = Stream::Connect(loop_, Endpoint{"localhost", NobodyThere().port}, {}, &refused);
  failing->output().Append("kept for the next address, dropped at the end");
  ASSERT_TRUE(RunUntil([&] { return refused.closed(); }));
  EXPECT_EQ("connection refused", refused.detail);

  Recorder unknown;
  auto nowhere = Stream::Connect(loop_, Endpoint{"no-such-name.invalid", 1}, {}, &unknown);
  ASSERT_TRUE(RunUntil([&] { return unknown.closed(); }));
  EXPECT_EQ(CloseReason::kConnectFailed, *unknown.reason);
  EXPECT_FALSE(unknown.detail.empty());
}

TEST_F(ConnectTest, LeavesFromTheSourceAddress) {
  Acceptor acceptor(loop_);
  Recorder handler;
  StreamOptions options;
  options.source_host = "127.0.0.5";
  auto stream = Stream::Connect(loop_, acceptor.endpoint(), options, &handler);
  ASSERT_TRUE(RunUntil([&] { return acceptor.streams.size() == 1; }));
  EXPECT_EQ("127.0.0.5", acceptor.streams[0]->peer().host);
  EXPECT_EQ("127.0.0.5", stream->local().host);

  Recorder failed;
  options.source_host = "not-an-address";
  auto failing = Stream::Connect(loop_, acceptor.endpoint(), options, &failed);
  ASSERT_TRUE(RunUntil([&] { return failed.closed(); }));
  EXPECT_EQ(CloseReason::kConnectFailed, *failed.reason);
}

TEST_F(ConnectTest, SetsSocketOptions) {
  Acceptor acceptor(loop_);
  Recorder handler;
  StreamOptions options;
  options.keepalive_seconds = 60;
  auto stream = Stream::Connect(loop_, acceptor.endpoint(), options, &handler);
  ASSERT_TRUE(RunUntil([&] { return handler.connected; }));
  const auto option = [&](int level, int name) {
    int value = -1;
    socklen_t length = sizeof(value);
    getsockopt(stream->fd(), level, name, &value, &length);
    return value;
  };
  EXPECT_EQ(1, option(6, 1));  // TCP_NODELAY
  EXPECT_EQ(1, option(SOL_SOCKET, SO_KEEPALIVE));
  EXPECT_EQ(60, option(6, 4));  // TCP_KEEPIDLE
  EXPECT_EQ(20, option(6, 5));  // TCP_KEEPINTVL
  EXPECT_EQ(3, option(6, 6));   // TCP_KEEPCNT
  options.keepalive_seconds = 0;
  options.no_delay = false;
  stream->SetOptions(options);
  EXPECT_EQ(0, option(SOL_SOCKET, SO_KEEPALIVE));
  EXPECT_EQ(0, option(6, 1));
}

}  // namespace
}  // namespace keyway::net
