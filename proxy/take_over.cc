#include "proxy/take_over.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "common/base/process.h"
#include "common/log/log.h"
#include "common/net/reuse_port.h"

namespace keyway::proxy {
namespace {

constexpr uint64_t kCheckMs = 100;

// The program's name as the kernel has it; empty when there is no such process.
std::string NameOf(int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace

int64_t FindPredecessor(const std::string& pid_path) {
  const int64_t pid = ReadPidFile(pid_path);
  if (pid <= 0 || pid == getpid()) return 0;
  // A number that was given to another process since is none of ours.
  const std::string name = NameOf(pid);
  return !name.empty() && name == NameOf(getpid()) ? pid : 0;
}

int MostListeners(const std::vector<net::Endpoint>& addresses) {
  int most = 0;
  for (const net::Endpoint& address : addresses) {
    if (Expected<int> listeners = net::CountListeners(address); listeners.ok()) {
      most = std::max(most, *listeners);
    }
  }
  return most;
}

void SteerToSuccessor(const std::vector<ListeningSocket>& sockets, int own) {
  for (const ListeningSocket& socket : sockets) {
    if (Status status = net::Steer(socket.fd, own, 1); !status.ok()) {
      KEYWAY_WARNING() << "New connections cannot be steered to the successor: "
                       << status.error().message;
    }
  }
}

TakeOver::TakeOver(net::EventLoop& loop, int64_t predecessor, std::vector<ListeningSocket> sockets,
                   int own)
    : predecessor_(predecessor),
      sockets_(std::move(sockets)),
      own_(own),
      timer_(loop, [this] { CheckPredecessor(); }) {}

void TakeOver::Begin() {
  for (const ListeningSocket& socket : sockets_) {
    Expected<int> all = net::CountListeners(socket.local);
    const Status steered = all.ok() ? net::Steer(socket.fd, *all - own_, own_) : all.error();
    if (!steered.ok()) {
      KEYWAY_WARNING() << "New connections cannot be steered away from process " << predecessor_
                       << ": " << steered.error().message;
    }
  }
  KEYWAY_NOTICE() << "Taking over from process " << predecessor_ << ", which drains.";
  if (kill(static_cast<pid_t>(predecessor_), SIGTERM) != 0 && errno != ESRCH) {
    KEYWAY_WARNING() << "Process " << predecessor_ << " cannot be told to drain: "
                     << std::strerror(errno);
  }
  timer_.Start(kCheckMs, kCheckMs);
}

void TakeOver::End() {
  timer_.Stop();
}

void TakeOver::CheckPredecessor() {
  for (const ListeningSocket& socket : sockets_) {
    Expected<int> all = net::CountListeners(socket.local);
    if (all.ok() && *all > own_) return;
  }
  for (const ListeningSocket& socket : sockets_) {
    if (Status status = net::StopSteering(socket.fd); !status.ok()) {
      KEYWAY_VERBOSE() << status.error().message;
    }
  }
  timer_.Stop();
  KEYWAY_NOTICE() << "Process " << predecessor_ << " listens no more.";
}

}  // namespace keyway::proxy
