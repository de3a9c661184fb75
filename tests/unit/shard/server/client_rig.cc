#include "tests/unit/shard/server/client_rig.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "shard/commands/client.h"
#include "shard/commands/connection.h"
#include "shard/commands/list_commands.h"
#include "shard/commands/register_keyspace_commands.h"
#include "shard/commands/transaction_commands.h"

namespace keyway::shard {
namespace {

std::string Request(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t blank = line.find(' ');
    words.push_back(line.substr(0, blank));
    if (blank == std::string_view::npos) break;
    line.remove_prefix(blank + 1);
  }
  std::string request = "*" + std::to_string(words.size()) + "\r\n";
  for (std::string_view word : words) {
    request += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
  }
  return request;
}

}  // namespace

ClientRig::ClientRig(const Clock& clock)
    : lifecycle(clock, random, "/rig"),
      keyspace(16, clock, random),
      clients(loop, clock, config, stats),
      services{clock, random, loop, config, directives, keyspace, clients, stats, lifecycle},
      dispatcher(services, handlers),
      transactions(services),
      blocking(services) {
  commands::RegisterString(handlers);
  commands::RegisterGeneric(handlers);
  commands::RegisterExpiry(handlers);
  commands::RegisterList(handlers);
  commands::RegisterTransactions(handlers);
  commands::RegisterConnection(handlers);
  commands::RegisterClient(handlers);
  clients.set_dispatcher(&dispatcher);
  services.dispatcher = &dispatcher;
  services.transactions = &transactions;
  services.blocking = &blocking;
  auto listener = net::Listener::Listen(
      loop, {"127.0.0.1", 0}, {},
      [this](std::unique_ptr<net::Stream> stream) { clients.Accept(std::move(stream)); });
  EXPECT_TRUE(listener.ok());
  listener_ = std::move(listener).value();
}

ClientRig::~ClientRig() {
  clients.CloseAll();
  Settle();
}

void ClientRig::Settle() {
  // A wakeup of the kernel may lag behind what was sent on the loopback.
  for (int quiet = 0; quiet < 3;) {
    const uint64_t reads = loop.reads();
    const uint64_t writes = loop.writes();
    loop.RunOnce();
    quiet = loop.reads() == reads && loop.writes() == writes ? quiet + 1 : 0;
  }
}

std::unique_ptr<ClientRig::Peer> ClientRig::Connect() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(listener_->local().port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const size_t before = clients.count();
  EXPECT_TRUE(RunUntil([&] { return clients.count() > before; }));
  return std::unique_ptr<Peer>(new Peer(*this, fd));
}

ClientRig::Peer::~Peer() {
  Close();
}

void ClientRig::Peer::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void ClientRig::Peer::Send(std::string_view line) {
  const std::string request = Request(line);
  const uint64_t wanted = rig_.clients.InputBytes() + request.size();
  const size_t clients = rig_.clients.count();
  EXPECT_EQ(send(fd_, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  const int64_t end = SystemClock::Instance().MonotonicMicros() + 10'000'000;
  while (rig_.clients.InputBytes() < wanted && rig_.clients.count() == clients &&
         SystemClock::Instance().MonotonicMicros() < end) {
    rig_.loop.RunOnce();
  }
  rig_.Settle();
}

std::string ClientRig::Peer::Receive() {
  const int64_t end = SystemClock::Instance().MonotonicMicros() + 10'000'000;
  std::string text = Poll();
  while (text.empty() && SystemClock::Instance().MonotonicMicros() < end) {
    pollfd readable = {fd_, POLLIN, 0};
    poll(&readable, 1, 1);
    text = Poll();
    if ((readable.revents & POLLHUP) != 0 || IsAtEnd()) break;
  }
  return text + Poll();
}

bool ClientRig::Peer::IsAtEnd() const {
  char byte = 0;
  return recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

std::string ClientRig::Peer::Poll() {
  rig_.Settle();
  std::string text;
  char bytes[4096];
  while (true) {
    const ssize_t received = recv(fd_, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (received <= 0) return text;
    text.append(bytes, static_cast<size_t>(received));
  }
}

}  // namespace keyway::shard
