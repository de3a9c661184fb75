#include "shard/server/peer_connections.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <limits>

namespace keyway::shard {
namespace {

constexpr uint64_t kSweepMs = 1000;
// The least that a wait for a socket takes, as by Redis.
constexpr int64_t kLeastWaitMs = 10;
constexpr size_t kReadBytes = 4096;

int64_t NowMicros() {
  return SystemClock::Instance().MonotonicMicros();
}

int64_t DeadlineAfter(int64_t timeout_ms) {
  constexpr int64_t kMostMs = std::numeric_limits<int>::max();
  return NowMicros() + std::min(timeout_ms, kMostMs) * 1000;
}

// Polls once. kTimedOut when nothing has happened before the deadline.
PeerResult Poll(int socket, short events, int64_t deadline_micros) {
  for (;;) {
    const int64_t left_ms = std::max((deadline_micros - NowMicros()) / 1000, kLeastWaitMs);
    pollfd entry{socket, events, 0};
    const int ready = poll(&entry, 1, static_cast<int>(left_ms));
    if (ready > 0) return PeerResult::kOk;
    if (ready < 0 && errno != EINTR) return PeerResult::kBroken;
    if (NowMicros() >= deadline_micros) return PeerResult::kTimedOut;
  }
}

// A connection that is on its way, or -1.
int BeginToConnect(const addrinfo& address) {
  const int fd = socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                        address.ai_protocol);
  if (fd < 0) return -1;
  if (connect(fd, address.ai_addr, address.ai_addrlen) == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

// Whether it is refused in the end shows when it is written to.
std::unique_ptr<PeerConnection> Connect(const std::string& host, int port, int64_t timeout_ms) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return nullptr;
  int fd = -1;
  for (const addrinfo* address = found; address != nullptr && fd < 0; address = address->ai_next) {
    fd = BeginToConnect(*address);
  }
  freeaddrinfo(found);
  if (fd < 0) return nullptr;
  auto connection = std::make_unique<PeerConnection>(fd);
  if (Poll(fd, POLLOUT, DeadlineAfter(timeout_ms)) != PeerResult::kOk) return nullptr;
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  return connection;
}

std::string NameOf(std::string_view host, std::string_view port) {
  std::string name(host);
  name += ':';
  name += port;
  return name;
}

}  // namespace

PeerConnection::~PeerConnection() {
  close(socket_);
}

PeerResult PeerConnection::Wait(short events, int64_t deadline_micros) const {
  if (NowMicros() >= deadline_micros) return PeerResult::kTimedOut;
  return Poll(socket_, events, deadline_micros);
}

PeerResult PeerConnection::Write(std::string_view bytes, int64_t timeout_ms) {
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, kPieceBytes);
    bytes.remove_prefix(piece.size());
    const int64_t deadline = DeadlineAfter(timeout_ms);
    while (!piece.empty()) {
      const ssize_t sent = send(socket_, piece.data(), piece.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        piece.remove_prefix(static_cast<size_t>(sent));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (const PeerResult result = Wait(POLLOUT, deadline); result != PeerResult::kOk) {
          return result;
        }
      } else if (errno != EINTR) {
        return PeerResult::kBroken;
      }
    }
  }
  return PeerResult::kOk;
}

PeerResult PeerConnection::ReadLine(std::string* line, int64_t timeout_ms) {
  const int64_t deadline = DeadlineAfter(timeout_ms);
  line->clear();
  for (;;) {
    const std::string_view rest = std::string_view(received_).substr(read_);
    const size_t end = rest.find('\n');
    const std::string_view part = rest.substr(0, end);
    line->append(part.substr(0, kLineBytes - line->size()));
    if (end != std::string_view::npos) {
      read_ += end + 1;
      if (line->ends_with('\r')) {
        line->pop_back();
        return PeerResult::kOk;
      }
      return line->empty() ? PeerResult::kBroken : PeerResult::kOk;
    }
    // More is to come: what there was is in `line`.
    read_ = 0;
    received_.resize(kReadBytes);
    const ssize_t count = recv(socket_, received_.data(), received_.size(), 0);
    received_.resize(count > 0 ? static_cast<size_t>(count) : 0);
    if (count > 0) continue;
    if (count == 0) return PeerResult::kBroken;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (const PeerResult result = Wait(POLLIN, deadline); result != PeerResult::kOk) {
        return result;
      }
    } else if (errno != EINTR) {
      return PeerResult::kBroken;
    }
  }
}

PeerConnections::PeerConnections(net::EventLoop& loop, const Clock& clock, Random& random)
    : clock_(clock), random_(random), timer_(loop, [this] { DropUnused(); }) {}

PeerConnection* PeerConnections::Find(std::string_view host, std::string_view port,
                                      int64_t timeout_ms) {
  std::string name = NameOf(host, port);
  if (const auto known = kept_.find(name); known != kept_.end()) {
    known->second.used_micros = clock_.MonotonicMicros();
    return known->second.connection.get();
  }
  if (kept_.size() == kMostKept) {
    kept_.erase(std::next(kept_.begin(), static_cast<ptrdiff_t>(random_.Below(kept_.size()))));
  }
  const auto number = static_cast<int>(std::strtol(std::string(port).c_str(), nullptr, 10));
  auto connection = Connect(std::string(host), number, timeout_ms);
  if (connection == nullptr) return nullptr;
  if (!timer_.active()) timer_.Start(kSweepMs, kSweepMs);
  return kept_.emplace(std::move(name), Kept{std::move(connection), clock_.MonotonicMicros()})
      .first->second.connection.get();
}

void PeerConnections::Drop(std::string_view host, std::string_view port) {
  kept_.erase(NameOf(host, port));
}

void PeerConnections::DropUnused() {
  const int64_t now = clock_.MonotonicMicros();
  std::erase_if(kept_,
                [now](const auto& entry) { return now - entry.second.used_micros > kKeptMicros; });
  if (kept_.empty()) timer_.Stop();
}

}  // namespace keyway::shard
