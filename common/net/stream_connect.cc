// How a Stream gets its socket: names, addresses one after the other, socket options.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/net/stream_state.h"

namespace keyway::net {
namespace {

constexpr size_t kMaxAddresses = 16;

socklen_t Length(const sockaddr_storage& address) {
  switch (address.ss_family) {
    case AF_INET:
      return sizeof(sockaddr_in);
    case AF_INET6:
      return sizeof(sockaddr_in6);
    default:
      return sizeof(sockaddr_un);
  }
}

const sockaddr* AsSockaddr(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

void SetPort(sockaddr_storage* address, uint16_t port) {
  // Both families keep the port at the same place, but only by accident.
  if (address->ss_family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  }
}

void SetOption(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof(value));
}

// A connect to a free port of the range for outgoing connections can meet itself.
bool IsConnectedToItself(int fd) {
  sockaddr_storage ours{};
  sockaddr_storage theirs{};
  socklen_t length = sizeof(ours);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&ours), &length) != 0) return false;
  length = sizeof(theirs);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&theirs), &length) != 0) return false;
  return ours.ss_family != AF_UNIX &&
         FromSockaddr(AsSockaddr(ours)) == FromSockaddr(AsSockaddr(theirs));
}

}  // namespace

void Stream::State::Open(const Endpoint& endpoint) {
  peer = endpoint;
  connecting = std::make_unique<Connecting>();
  if (options.connect_timeout_ms > 0) {
    StartDeadline(static_cast<uint64_t>(options.connect_timeout_ms));
  }
  sockaddr_storage address;
  if (endpoint.host.starts_with('/')) {
    unix_socket = true;
    sockaddr_un path{};
    path.sun_family = AF_UNIX;
    if (endpoint.host.size() >= sizeof(path.sun_path)) {
      phase = Phase::kConnecting;
      CloseLater(CloseReason::kConnectFailed, ENAMETOOLONG);
      return;
    }
    endpoint.host.copy(path.sun_path, endpoint.host.size());
    std::memset(&address, 0, sizeof(address));
    std::memcpy(&address, &path, sizeof(path));
  } else if (!ToSockaddr(endpoint, &address)) {
    Resolve(endpoint.host);
    return;
  }
  connecting->addresses.push_back(address);
  phase = Phase::kConnecting;
  ConnectNext();
}

void Stream::State::Resolve(const std::string& host) {
  phase = Phase::kResolving;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  connecting->request.data = this;
  ++references;
  const int error = uv_getaddrinfo(
      loop.raw(), &connecting->request,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
        auto* state = static_cast<State*>(request->data);
        state->loop.NowMicros();
        if (state->phase == Phase::kResolving) state->OnResolved(status, found);
        uv_freeaddrinfo(found);
        state->Release();
      },
      host.c_str(), nullptr, &hints);
  if (error != 0) {
    --references;
    CloseLater(CloseReason::kConnectFailed, -error);
  }
}

void Stream::State::OnResolved(int status, const addrinfo* found) {
  if (status != 0) {
    CloseLater(CloseReason::kConnectFailed, -status);
    return;
  }
  for (; found != nullptr && connecting->addresses.size() < kMaxAddresses; found = found->ai_next) {
    if (found->ai_family != AF_INET && found->ai_family != AF_INET6) continue;
    sockaddr_storage address{};
    std::memcpy(&address, found->ai_addr, std::min<size_t>(found->ai_addrlen, sizeof(address)));
    SetPort(&address, peer.port);
    connecting->addresses.push_back(address);
  }
  phase = Phase::kConnecting;
  ConnectNext();
}

void Stream::State::ConnectNext() {
  Connecting& attempt = *connecting;
  while (attempt.next < attempt.addresses.size()) {
    attempt.error = TryConnect(attempt.addresses[attempt.next++]);
    if (attempt.error == 0) return;
  }
  CloseLater(CloseReason::kConnectFailed, attempt.error == 0 ? EADDRNOTAVAIL : attempt.error);
}

// Returns 0 when the connect is under way, or the errno of the failure.
int Stream::State::TryConnect(const sockaddr_storage& address) {
  const int socket_fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return errno;
  const auto failed_with = [socket_fd](int error) {
    close(socket_fd);
    return error;
  };
  sockaddr_storage source;
  if (!options.source_host.empty() && !unix_socket) {
    if (!ToSockaddr(Endpoint{options.source_host, 0}, &source)) return failed_with(EADDRNOTAVAIL);
    // The port is picked by connect, so that several connections may leave from the same one.
    SetOption(socket_fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (bind(socket_fd, AsSockaddr(source), Length(source)) != 0) return failed_with(errno);
  }
  int result = 0;
  do {
    result = connect(socket_fd, AsSockaddr(address), Length(address));
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EINPROGRESS) return failed_with(errno);
  if (!Watch(socket_fd)) return failed_with(ENOMEM);
  // A connect that stands already is reported as writable all the same.
  UpdateInterest();
  return 0;
}

bool Stream::State::ConnectIsDecided() const {
  pollfd socket_events{fd, POLLOUT, 0};
  return poll_handle == PollHandle::kOpen && ::poll(&socket_events, 1, 0) == 1 &&
         socket_events.revents != 0;
}

void Stream::State::OnConnectResult() {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0 && IsConnectedToItself(fd)) error = ECONNREFUSED;
  if (error != 0) {
    connecting->error = error;
    // The next address is tried when the poll handle has closed.
    CloseSocket();
    return;
  }
  if (!unix_socket) {
    peer = FromSockaddr(AsSockaddr(connecting->addresses[connecting->next - 1]));
  }
  connecting.reset();
  phase = Phase::kOpen;
  started = true;
  ApplySocketOptions();
  if (!draining) {
    deadline.reset();
    handler->OnConnected();
    if (phase != Phase::kOpen) return;
  }
  if (!output.empty() || draining) loop.impl_->writes.Add(&write_item);
  UpdateInterest();
}

bool Stream::State::Watch(int socket_fd) {
  if (uv_poll_init(loop.raw(), &poll, socket_fd) != 0) return false;
  poll.data = this;
  poll_handle = PollHandle::kOpen;
  interest = 0;
  fd = socket_fd;
  ++references;
  return true;
}

void Stream::State::ApplySocketOptions() {
  if (unix_socket) return;
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, options.no_delay ? 1 : 0);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, options.keepalive_seconds > 0 ? 1 : 0);
  if (options.keepalive_seconds <= 0) return;
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, options.keepalive_seconds);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, std::max(options.keepalive_seconds / 3, 1));
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

const Endpoint& Stream::State::Local() {
  if (local.host.empty() && fd >= 0) {
    if (unix_socket) {
      local = peer;
    } else {
      sockaddr_storage address{};
      socklen_t length = sizeof(address);
      if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
        local = FromSockaddr(AsSockaddr(address));
      }
    }
  }
  return local;
}

}  // namespace keyway::net
