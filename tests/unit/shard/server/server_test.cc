// A whole shard in this process, on a thread of its own, spoken to through sockets: for the
// sanitizers, which the tests with separate processes do not reach.
#include "shard/server/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/config/registry.h"
#include "shard/commands/register_all.h"
#include "shard/config/directives.h"
#include "shard/config/shard_config.h"

namespace keyway::shard {
namespace {

using std::string_literals::operator""s;

std::string Request(const std::vector<std::string>& words) {
  std::string request = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    request += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return request;
}

// A port that is free now.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  close(fd);
  return ntohs(address.sin_port);
}

// A connection whose reads give up after ten seconds.
class Connection {
 public:
  explicit Connection(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience = {10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Returns whether the peer took all of it.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void EndSending() { shutdown(fd_, SHUT_WR); }
  // Exactly `bytes` bytes, fewer only at the end of the connection.
  std::string Read(size_t bytes) {
    std::string text(bytes, '\0');
    size_t done = 0;
    while (done < bytes) {
      const ssize_t received = recv(fd_, text.data() + done, bytes - done, 0);
      if (received <= 0) break;
      done += static_cast<size_t>(received);
    }
    text.resize(done);
    return text;
  }
  std::string ReadToEnd() { return Read(64 << 20); }
  // A status, an error or an integer.
  std::string ReadLine() {
    std::string line;
    while (!line.ends_with("\r\n")) {
      const std::string byte = Read(1);
      if (byte.empty()) break;
      line += byte;
    }
    return line;
  }
  // The bytes of a bulk string or a verbatim string.
  std::string ReadBulk() {
    const std::string head = ReadLine();
    if (head.size() < 4) return head;
    const std::string body = Read(std::stoul(head.substr(1)) + 2);
    return body.substr(0, body.size() - 2);
  }
  std::string Call(const std::vector<std::string>& words) {
    Send(Request(words));
    return ReadLine();
  }

 private:
  int fd_;
};

class ServerTest : public testing::Test {
 protected:
  // `directives`: pairs of name and value.
  void Start(const std::vector<std::vector<std::string>>& directives = {}) {
    AddDirectives(registry_, config_);
    commands::RegisterAll(handlers_);
    port_ = FreePort();
    ASSERT_TRUE(registry_.SetFromLine(std::vector{"port"s, std::to_string(port_)}).ok());
    ASSERT_TRUE(registry_.SetFromLine(std::vector{"bind"s, "127.0.0.1"s}).ok());
    for (const auto& line : directives) {
      const Status set = registry_.SetFromLine(line);
      ASSERT_TRUE(set.ok()) << set.error().message;
    }
    std::promise<std::string> started;
    std::future<std::string> outcome = started.get_future();
    thread_ = std::thread([this, &started] {
      Server server(config_, registry_, handlers_, "/test");
      const Status status = server.Start();
      started.set_value(status.ok() ? "" : status.error().message);
      if (status.ok()) server.Run();
    });
    const std::string error = outcome.get();
    running_ = error.empty();
    ASSERT_EQ(error, "");
  }

  void TearDown() override {
    if (running_) {
      EXPECT_EQ(Connection(port_).Call({"SHUTDOWN", "NOSAVE"}), "");
    }
    if (thread_.joinable()) thread_.join();
  }

  ShardConfig config_;
  config::Registry registry_;
  HandlerTable handlers_;
  std::thread thread_;
  int port_ = 0;
  bool running_ = false;
};

TEST_F(ServerTest, AnswersInOrder) {
  Start();
  Connection client(port_);
  std::string requests;
  std::string replies;
  for (int i = 0; i < 5000; ++i) {
    const std::string number = std::to_string(i);
    requests += Request({"ECHO", number});
    replies += "$" + std::to_string(number.size()) + "\r\n" + number + "\r\n";
  }
  ASSERT_TRUE(client.Send(requests));
  EXPECT_EQ(client.Read(replies.size()), replies);
}

TEST_F(ServerTest, KeepsStateOfAConnection) {
  Start({{"requirepass", "secret"}});
  Connection client(port_);
  EXPECT_EQ(client.Call({"PING"}), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(client.Call({"AUTH", "secret"}), "+OK\r\n");
  EXPECT_EQ(client.Call({"CLIENT", "SETNAME", "me"}), "+OK\r\n");
  EXPECT_EQ(client.Call({"SELECT", "3"}), "+OK\r\n");
  client.Send(Request({"CLIENT", "INFO"}));
  const std::string info = client.ReadBulk();
  EXPECT_NE(info.find(" name=me "), std::string::npos) << info;
  EXPECT_NE(info.find(" db=3 "), std::string::npos) << info;
  EXPECT_EQ(client.Call({"RESET"}), "+RESET\r\n");
  EXPECT_EQ(client.Call({"PING"}), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(client.Call({"AUTH", "secret"}), "+OK\r\n");
  EXPECT_EQ(client.Call({"CONFIG", "SET", "requirepass", ""}), "+OK\r\n");
}

TEST_F(ServerTest, KillsClientsWhileTheyWait) {
  Start();
  Connection admin(port_);
  Connection paused(port_);
  EXPECT_EQ(admin.Call({"CLIENT", "PAUSE", "100000", "WRITE"}), "+OK\r\n");
  ASSERT_TRUE(paused.Send(Request({"SET", "a", "b"}) + Request({"GET", "a"})));
  std::string list;
  do {
    admin.Send(Request({"CLIENT", "LIST"}));
    list = admin.ReadBulk();
  } while (list.find(" flags=b ") == std::string::npos);
  EXPECT_EQ(admin.Call({"CLIENT", "KILL", "TYPE", "normal"}), ":1\r\n");
  EXPECT_EQ(paused.ReadToEnd(), "");
  EXPECT_EQ(admin.Call({"CLIENT", "UNPAUSE"}), "+OK\r\n");
  EXPECT_EQ(admin.Call({"EXISTS", "a"}), ":0\r\n");
  EXPECT_EQ(admin.Call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"}), ":1\r\n");
  EXPECT_EQ(admin.ReadToEnd(), "");
}

TEST_F(ServerTest, WaitsForASlowReader) {
  Start();
  Connection client(port_);
  const std::string value(100'000, 'v');
  ASSERT_EQ(client.Call({"SET", "k", value}), "+OK\r\n");
  std::string requests;
  constexpr size_t kGets = 500;
  for (size_t i = 0; i < kGets; ++i) requests += Request({"GET", "k"});
  ASSERT_TRUE(client.Send(requests));
  size_t received = 0;
  for (size_t i = 0; i < kGets; ++i) received += client.ReadBulk() == value ? 1 : 0;
  EXPECT_EQ(received, kGets);
}

TEST_F(ServerTest, ClosesAGreedyReader) {
  Start({{"client-output-buffer-limit", "normal", "1mb", "0", "0"}});
  Connection client(port_);
  ASSERT_EQ(client.Call({"SET", "k", std::string(300'000, 'v')}), "+OK\r\n");
  std::string requests;
  for (size_t i = 0; i < 100; ++i) requests += Request({"GET", "k"});
  client.Send(requests);
  EXPECT_LT(client.ReadToEnd().size(), 100 * 300'000u);
  EXPECT_EQ(Connection(port_).Call({"PING"}), "+PONG\r\n");
}

TEST_F(ServerTest, EverySubcommandOfTheServerAnswers) {
  Start({{"enable-debug-command", "yes"}});
  for (const char* version : {"2", "3"}) {
    Connection client(port_);
    client.Send(Request({"HELLO", version}) + Request({"INFO", "everything"}) +
                Request({"CLIENT", "LIST"}) + Request({"CLIENT", "HELP"}) +
                Request({"CLIENT", "TRACKINGINFO"}) + Request({"CONFIG", "GET", "*"}) +
                Request({"CONFIG", "RESETSTAT"}) + Request({"COMMAND", "DOCS"}) +
                Request({"COMMAND"}) + Request({"ROLE"}) + Request({"TIME"}) + Request({"LOLWUT"}) +
                Request({"SET", "a", "1"}) + Request({"DEBUG", "OBJECT", "a"}) +
                Request({"DEBUG", "SET-ACTIVE-EXPIRE", "0"}) + Request({"CLIENT", "KILL", "a"}) +
                Request({"QUIT"}));
    const std::string replies = client.ReadToEnd();
    EXPECT_NE(replies.find("redis_version:7.0.15"), std::string::npos);
    EXPECT_NE(replies.find("encoding:int serializedlength:2 "), std::string::npos);
    EXPECT_TRUE(replies.ends_with("-ERR No such client\r\n+OK\r\n"));
  }
}

TEST_F(ServerTest, SurvivesGarbage) {
  Start();
  std::mt19937 random(20260101);
  const std::string alphabet = "*$\r\n0123456789-+ '\"\\xGETSPING\0\xff"s;
  for (int round = 0; round < 200; ++round) {
    std::string bytes(1 + random() % 2000, '\0');
    for (char& byte : bytes) {
      byte = round % 2 == 0 ? alphabet[random() % alphabet.size()] : static_cast<char>(random());
    }
    Connection client(port_);
    client.Send(bytes);
    client.EndSending();
    client.ReadToEnd();
  }
  EXPECT_EQ(Connection(port_).Call({"PING"}), "+PONG\r\n");
}

TEST_F(ServerTest, SaysWhyItCannotStart) {
  Start();
  ShardConfig config;
  config::Registry registry;
  AddDirectives(registry, config);
  config.port = port_;
  config.bind = {"127.0.0.1"};
  // The signal handlers of the process belong to the first server, so only the listeners are tried.
  net::EventLoop loop;
  ServerStats stats;
  ClientRegistry clients(loop, SystemClock::Instance(), config, stats);
  Listeners listeners(loop, config, clients);
  const Status status = listeners.Open();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message,
            "Failed listening on port " + std::to_string(port_) + " (TCP), aborting.");
  config.port = 0;
  const Status nowhere = listeners.Open();
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().message, "Configured to not listen anywhere, exiting.");
}

}  // namespace
}  // namespace keyway::shard
