#include "shard/server/peer_connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace keyway::shard {
namespace {

constexpr int64_t kTimeoutMs = 10'000;

// A listener on the loopback address.
class Listener {
 public:
  Listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(socket_, 128), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = std::to_string(ntohs(address.sin_port));
  }
  ~Listener() { close(socket_); }
  const std::string& port() const { return port_; }
  int Accept() const { return accept(socket_, nullptr, nullptr); }

 private:
  int socket_;
  std::string port_;
};

class PeerConnectionsTest : public ::testing::Test {
 protected:
  net::EventLoop loop_;
  ManualClock clock_;
  Random random_{1};
  PeerConnections peers_{loop_, clock_, random_};
  Listener listener_;
};

TEST_F(PeerConnectionsTest, LinesInPieces) {
  PeerConnection* peer = peers_.Find("127.0.0.1", listener_.port(), kTimeoutMs);
  ASSERT_NE(peer, nullptr);
  const int other = listener_.Accept();
  const std::string sent = "+OK\r\n-ERR a\n+" + std::string(3000, 'x') + "\r\n+" +
                           std::string(5000, 'y') + "\r\n\r\n+last\r\n\n";
  std::thread writer([&] {
    for (size_t at = 0; at < sent.size(); at += 7) {
      const std::string piece = sent.substr(at, 7);
      EXPECT_EQ(write(other, piece.data(), piece.size()), static_cast<ssize_t>(piece.size()));
    }
  });
  std::string line;
  EXPECT_EQ(peer->ReadLine(&line, kTimeoutMs), PeerResult::kOk);
  EXPECT_EQ(line, "+OK");
  EXPECT_EQ(peer->ReadLine(&line, kTimeoutMs), PeerResult::kOk);
  EXPECT_EQ(line, "-ERR a");
  EXPECT_EQ(peer->ReadLine(&line, kTimeoutMs), PeerResult::kOk);
  EXPECT_EQ(line, "+" + std::string(PeerConnection::kLineBytes - 1, 'x'));
  EXPECT_EQ(peer->ReadLine(&line, kTimeoutMs), PeerResult::kOk);
  EXPECT_EQ(line, "+" + std::string(PeerConnection::kLineBytes - 1, 'y'));
  EXPECT_EQ(peer->ReadLine(&line, kTimeoutMs), PeerResult::kOk);
  EXPECT_EQ(line, "");
  EXPECT_EQ(peer->ReadLine(&line, kTimeoutMs), PeerResult::kOk);
  EXPECT_EQ(line, "+last");
  EXPECT_EQ(peer->ReadLine(&line, kTimeoutMs), PeerResult::kBroken);
  writer.join();
  EXPECT_EQ(peer->ReadLine(&line, 20), PeerResult::kTimedOut);
  close(other);
  EXPECT_EQ(peer->ReadLine(&line, kTimeoutMs), PeerResult::kBroken);
}

TEST_F(PeerConnectionsTest, WritesAllOrFails) {
  PeerConnection* peer = peers_.Find("127.0.0.1", listener_.port(), kTimeoutMs);
  ASSERT_NE(peer, nullptr);
  const int other = listener_.Accept();
  const std::string sent(1'000'000, 'z');
  size_t received = 0;
  std::thread reader([&] {
    std::vector<char> buffer(1 << 16);
    while (received < sent.size()) {
      const ssize_t count = read(other, buffer.data(), buffer.size());
      if (count <= 0) return;
      received += static_cast<size_t>(count);
    }
  });
  EXPECT_EQ(peer->Write(sent, kTimeoutMs), PeerResult::kOk);
  reader.join();
  EXPECT_EQ(received, sent.size());
  // Nobody reads any more.
  EXPECT_EQ(peer->Write(std::string(50'000'000, 'z'), 20), PeerResult::kTimedOut);
  close(other);
  EXPECT_EQ(peer->Write(std::string(50'000'000, 'z'), kTimeoutMs), PeerResult::kBroken);
}

TEST_F(PeerConnectionsTest, KeepsAndDrops) {
  PeerConnection* peer = peers_.Find("127.0.0.1", listener_.port(), kTimeoutMs);
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(peer->database, -1);
  peer->database = 3;
  EXPECT_EQ(peers_.Find("127.0.0.1", listener_.port(), kTimeoutMs), peer);
  EXPECT_EQ(peers_.size(), 1U);
  peers_.Drop("127.0.0.1", listener_.port());
  peers_.Drop("127.0.0.1", "no such port");
  EXPECT_EQ(peers_.size(), 0U);
  peer = peers_.Find("127.0.0.1", listener_.port(), kTimeoutMs);
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(peer->database, -1);
}

TEST_F(PeerConnectionsTest, KeepsNotTooMany) {
  std::string port = listener_.port();
  for (size_t i = 0; i < PeerConnections::kMostKept + 10; ++i) {
    EXPECT_NE(peers_.Find("127.0.0.1", port, kTimeoutMs), nullptr);
    port.insert(0, "0");
  }
  EXPECT_EQ(peers_.size(), PeerConnections::kMostKept);
}

TEST_F(PeerConnectionsTest, ClosesWhatIsNotUsed) {
  EXPECT_NE(peers_.Find("127.0.0.1", listener_.port(), kTimeoutMs), nullptr);
  clock_.AdvanceMicros(PeerConnections::kKeptMicros / 2);
  EXPECT_NE(peers_.Find("127.0.0.1", "0" + listener_.port(), kTimeoutMs), nullptr);
  clock_.AdvanceMicros(PeerConnections::kKeptMicros / 2 + 1);
  while (peers_.size() == 2) loop_.RunOnce(true);
  EXPECT_EQ(peers_.size(), 1U);
  clock_.AdvanceMicros(PeerConnections::kKeptMicros);
  while (peers_.size() == 1) loop_.RunOnce(true);
  // Nothing is left to be done.
  EXPECT_FALSE(loop_.RunOnce());
}

TEST_F(PeerConnectionsTest, NobodyThere) {
  EXPECT_EQ(peers_.Find("no such host", "1", kTimeoutMs), nullptr);
  EXPECT_EQ(peers_.Find("", "1", kTimeoutMs), nullptr);
  EXPECT_EQ(peers_.size(), 0U);
}

}  // namespace
}  // namespace keyway::shard
