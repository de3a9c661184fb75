#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/net/stream.h"

namespace keyway::net {
namespace {

constexpr uint64_t kAcceptPauseMs = 100;

std::string ErrorText(int error) {
  char text[128];
  return strerror_r(error, text, sizeof(text));
}

Error BindError(const std::string& where, int error) {
  return Error{where + ": " + ErrorText(error)};
}

// The first address of `endpoint.host`, with the port.
Expected<sockaddr_storage> Resolve(const Endpoint& endpoint) {
  Endpoint numeric = endpoint;
  if (numeric.host == "*") numeric.host = "0.0.0.0";
  if (numeric.host == "::*") numeric.host = "::";
  sockaddr_storage address;
  if (ToSockaddr(numeric, &address)) return address;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int result =
      getaddrinfo(numeric.host.c_str(), std::to_string(numeric.port).c_str(), &hints, &found);
  if (result != 0) return Error{ToString(endpoint) + ": " + gai_strerror(result)};
  std::memset(&address, 0, sizeof(address));
  std::memcpy(&address, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return address;
}

// Closes the socket of a listener that does not come to be.
class SocketGuard {
 public:
  explicit SocketGuard(int fd = -1) : fd_(fd) {}
  ~SocketGuard() {
    if (fd_ >= 0) close(fd_);
  }
  SocketGuard(const SocketGuard&) = delete;
  SocketGuard& operator=(const SocketGuard&) = delete;
  void Set(int fd) { fd_ = fd; }
  int fd() const { return fd_; }
  int Take() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

bool SetFlag(int fd, int level, int name) {
  const int on = 1;
  return setsockopt(fd, level, name, &on, sizeof(on)) == 0;
}

// Binds a new socket, which `bound` has then, to `endpoint`. Returns the address with the port picked.
Expected<Endpoint> Bind(const Endpoint& endpoint, bool reuse_port, SocketGuard* bound) {
  const std::string where = ToString(endpoint);
  Expected<sockaddr_storage> address = Resolve(endpoint);
  if (!address) return address.error();
  bound->Set(socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int fd = bound->fd();
  const bool ipv6 = address->ss_family == AF_INET6;
  sockaddr_storage local{};
  socklen_t length = sizeof(local);
  if (fd < 0 || (ipv6 && !SetFlag(fd, IPPROTO_IPV6, IPV6_V6ONLY)) ||
      !SetFlag(fd, SOL_SOCKET, SO_REUSEADDR) ||
      (reuse_port && !SetFlag(fd, SOL_SOCKET, SO_REUSEPORT)) ||
      bind(fd, reinterpret_cast<const sockaddr*>(&*address),
           ipv6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) != 0) {
    return BindError(where, errno);
  }
  return FromSockaddr(reinterpret_cast<const sockaddr*>(&local));
}

}  // namespace

struct Listener::State {
  State(EventLoop& event_loop, Options listener_options, AcceptCallback callback)
      : loop(event_loop),
        options(std::move(listener_options)),
        on_accept(std::move(callback)),
        resume(std::make_unique<Timer>(loop, [this] { Watch(); })) {}

  // Takes over the socket; the errno of a failure, with the socket closed.
  int Open(int socket_fd) {
    const int result = uv_poll_init(loop.raw(), &poll, socket_fd);
    if (result != 0) {
      close(socket_fd);
      return -result;
    }
    poll.data = this;
    fd = socket_fd;
    Watch();
    return 0;
  }

  void Watch() {
    uv_poll_start(&poll, UV_READABLE,
                  [](uv_poll_t* handle, int, int) { static_cast<State*>(handle->data)->Accept(); });
  }

  enum class Accepted : uint8_t { kAll, kMore, kFailed };
  // At most kAcceptsPerPass.
  Accepted Accept();

  EventLoop& loop;
  Options options;
  AcceptCallback on_accept;
  // Closed with the listener, not with the state, which is freed after the loop has seen both
  // close.
  std::unique_ptr<Timer> resume;
  uv_poll_t poll;
  int fd = -1;
  bool closed = false;
  uint64_t errors = 0;
  Endpoint local;
  bool unix_socket = false;
  dev_t device = 0;  // of the Unix socket's file
  ino_t inode = 0;
};

// The state outlives this call even when on_accept destroys the listener: it is freed in the close
// callback of its handle.
Listener::State::Accepted Listener::State::Accept() {
  loop.NowMicros();
  for (int count = 0; count < kAcceptsPerPass && !closed; ++count) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    const int accepted =
        accept4(fd, reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return Accepted::kAll;
      ++errors;
      uv_poll_stop(&poll);
      resume->Start(kAcceptPauseMs);
      return Accepted::kFailed;
    }
    Endpoint peer = unix_socket ? local : FromSockaddr(reinterpret_cast<const sockaddr*>(&address));
    std::unique_ptr<Stream> stream =
        Stream::Adopt(loop, accepted, std::move(peer), unix_socket, options.stream);
    if (stream == nullptr) {
      ++errors;
      continue;
    }
    on_accept(std::move(stream));
  }
  return Accepted::kMore;
}

Listener::Listener(State* state) : state_(state) {}

Listener::~Listener() {
  State* state = state_;
  state->closed = true;
  state->resume.reset();
  if (state->unix_socket) {
    // Another process may have put its own socket there meanwhile.
    struct stat file {};
    const char* path = state->local.host.c_str();
    if (lstat(path, &file) == 0 && file.st_dev == state->device && file.st_ino == state->inode) {
      unlink(path);
    }
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&state->poll),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
  close(state->fd);
}

Expected<std::unique_ptr<Listener>> Listener::Listen(EventLoop& loop, const Endpoint& endpoint,
                                                     const Options& options,
                                                     AcceptCallback on_accept) {
  const std::string where = ToString(endpoint);
  SocketGuard socket_guard;
  Expected<Endpoint> bound = Bind(endpoint, options.reuse_port, &socket_guard);
  if (!bound) return bound.error();
  if (listen(socket_guard.fd(), options.backlog) != 0) return BindError(where, errno);
  auto state = std::make_unique<State>(loop, options, std::move(on_accept));
  state->local = std::move(bound).value();
  if (const int error = state->Open(socket_guard.Take()); error != 0)
    return BindError(where, error);
  return std::unique_ptr<Listener>(new Listener(state.release()));
}

Expected<Endpoint> Listener::FindFree(const Endpoint& endpoint) {
  SocketGuard socket_guard;
  return Bind(endpoint, false, &socket_guard);
}

Expected<std::unique_ptr<Listener>> Listener::ListenUnix(EventLoop& loop, const std::string& path,
                                                         const Options& options,
                                                         AcceptCallback on_accept) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return BindError(path, ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  SocketGuard socket_guard(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int fd = socket_guard.fd();
  if (fd < 0) return BindError(path, errno);
  unlink(path.c_str());
  struct stat file {};
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd, options.backlog) != 0 ||
      (options.unix_mode != 0 &&
       chmod(path.c_str(), static_cast<mode_t>(options.unix_mode)) != 0) ||
      lstat(path.c_str(), &file) != 0) {
    return BindError(path, errno);
  }
  auto state = std::make_unique<State>(loop, options, std::move(on_accept));
  state->local = Endpoint{path, 0};
  state->unix_socket = true;
  state->device = file.st_dev;
  state->inode = file.st_ino;
  if (const int error = state->Open(socket_guard.Take()); error != 0) return BindError(path, error);
  return std::unique_ptr<Listener>(new Listener(state.release()));
}

const Endpoint& Listener::local() const {
  return state_->local;
}

int Listener::fd() const {
  return state_->fd;
}

void Listener::AcceptWaiting() {
  // As many rounds as the longest queue may need, and no more: new ones may come all the time.
  const int rounds = state_->options.backlog / kAcceptsPerPass + 2;
  for (int i = 0; i < rounds && state_->Accept() == State::Accepted::kMore; ++i) {
  }
}

uint64_t Listener::errors() const {
  return state_->errors;
}

}  // namespace keyway::net
