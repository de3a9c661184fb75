// What the tests of sockets share: a loop that runs until a condition holds, a handler that
// records, and plain blocking sockets for the other side.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/net/stream.h"

namespace keyway::net {

class LoopTest : public ::testing::Test {
 protected:
  // Runs the loop until `condition` holds; gives up after a minute: a sanitizer on a
  // busy machine is slow.
  [[nodiscard]] bool RunUntil(const std::function<bool()>& condition) {
    Timer tick(loop_, [] {});
    tick.Start(5, 5);
    const int64_t deadline = SystemClock::Instance().MonotonicMillis() + 60'000;
    while (!condition()) {
      if (SystemClock::Instance().MonotonicMillis() > deadline) return false;
      loop_.RunOnce(true);
    }
    return true;
  }

  // A few passes, for what must not happen.
  void RunFor(int64_t milliseconds) {
    const int64_t end = SystemClock::Instance().MonotonicMillis() + milliseconds;
    EXPECT_TRUE(RunUntil([&] { return SystemClock::Instance().MonotonicMillis() >= end; }));
  }

  EventLoop loop_;
};

class Recorder : public StreamHandler {
 public:
  void OnConnected() override {
    connected = true;
    if (on_connected) on_connected();
  }
  size_t OnBytes(std::string_view bytes) override {
    ++calls;
    if (on_bytes) return on_bytes(bytes);
    received.append(bytes);
    return bytes.size();
  }
  bool OnEndOfInput() override {
    ++ends;
    return on_end ? on_end() : false;
  }
  void OnClosed(CloseReason close_reason, std::string_view close_detail) override {
    reason = close_reason;
    detail = close_detail;
    if (on_closed) on_closed();
  }
  void OnOutputFull() override {
    ++fulls;
    if (on_full) on_full();
  }
  void OnDrained() override {
    ++drains;
    if (on_drained) on_drained();
  }
  bool closed() const { return reason.has_value(); }

  std::function<void()> on_connected;
  std::function<size_t(std::string_view)> on_bytes;
  std::function<bool()> on_end;
  std::function<void()> on_closed;
  std::function<void()> on_full;
  std::function<void()> on_drained;
  bool connected = false;
  std::string received;
  std::optional<CloseReason> reason;
  std::string detail;
  int calls = 0;
  int ends = 0;
  int fulls = 0;
  int drains = 0;
};

// A socket of the other side, driven by the test itself.
class PlainSocket {
 public:
  explicit PlainSocket(const Endpoint& peer) {
    sockaddr_storage address;
    EXPECT_TRUE(ToSockaddr(peer, &address));
    fd_ = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(0,
              connect(fd_, reinterpret_cast<sockaddr*>(&address),
                      address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)))
        << strerror(errno);
  }
  ~PlainSocket() { Close(); }
  PlainSocket(const PlainSocket&) = delete;
  PlainSocket& operator=(const PlainSocket&) = delete;

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void Send(std::string_view bytes) {
    EXPECT_EQ(static_cast<ssize_t>(bytes.size()),
              send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  void EndOutput() { shutdown(fd_, SHUT_WR); }
  // A reset instead of an orderly end.
  void Reset() {
    const linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    Close();
  }
  // What is there now, at most `max` bytes; sets ended() at the end.
  std::string Receive(size_t max = 65536) {
    std::string bytes(max, '\0');
    const ssize_t size = recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size == 0) ended_ = true;
    bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return bytes;
  }
  bool ended() const { return ended_; }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  bool ended_ = false;
};

// A listener that keeps the streams it accepted, each with a Recorder.
struct Acceptor {
  explicit Acceptor(EventLoop& loop, Listener::Options options = {}) {
    Expected<std::unique_ptr<Listener>> listening =
        Listener::Listen(loop, Endpoint{"127.0.0.1", 0}, options,
                         [this](std::unique_ptr<Stream> stream) { Accept(std::move(stream)); });
    EXPECT_TRUE(listening.ok());
    listener = std::move(*listening);
  }

  void Accept(std::unique_ptr<Stream> stream) {
    handlers.push_back(std::make_unique<Recorder>());
    streams.push_back(std::move(stream));
    if (prepare) prepare(*handlers.back(), *streams.back());
    if (start) streams.back()->Start(handlers.back().get());
  }

  Endpoint endpoint() const { return listener->local(); }

  bool start = true;
  std::function<void(Recorder&, Stream&)> prepare;
  std::vector<std::unique_ptr<Recorder>> handlers;
  std::vector<std::unique_ptr<Stream>> streams;
  std::unique_ptr<Listener> listener;
};

}  // namespace keyway::net
