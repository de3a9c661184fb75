#include "common/net/reuse_port.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace keyway::net {
namespace {

constexpr std::string_view kListening = "0A";

Error SystemError(const char* what) {
  char text[128];
  return Error{std::string(what) + ": " + strerror_r(errno, text, sizeof(text))};
}

// As /proc/net/tcp has addresses: words of 32 bits in the machine's order, then the port.
std::string ProcAddress(const sockaddr_storage& address) {
  char text[64];
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof(ipv6));
    uint32_t words[4];
    std::memcpy(words, &ipv6.sin6_addr, sizeof(words));
    std::snprintf(text, sizeof(text), "%08X%08X%08X%08X:%04X", words[0], words[1], words[2],
                  words[3], ntohs(ipv6.sin6_port));
    return text;
  }
  sockaddr_in ipv4;
  std::memcpy(&ipv4, &address, sizeof(ipv4));
  std::snprintf(text, sizeof(text), "%08X:%04X", ipv4.sin_addr.s_addr, ntohs(ipv4.sin_port));
  return text;
}

}  // namespace

Expected<int> CountListeners(const Endpoint& local) {
  sockaddr_storage address;
  if (!ToSockaddr(local, &address)) return Error{ToString(local) + " is no numeric address"};
  const std::string wanted = ProcAddress(address);
  std::ifstream table(address.ss_family == AF_INET6 ? "/proc/net/tcp6" : "/proc/net/tcp");
  std::string line;
  if (!std::getline(table, line)) return Error{"/proc/net/tcp cannot be read"};
  int count = 0;
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string number;
    std::string where;
    std::string peer;
    std::string state;
    words >> number >> where >> peer >> state;
    // The listening ones come first, and the others may be very many.
    if (state != kListening) break;
    if (where == wanted) ++count;
  }
  return count;
}

Status Steer(int fd, int first, int count) {
  if (first < 0 || count < 1) return Error{"no such part of the group"};
  // The program's result is a place in the group.
  sock_filter program[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)},
      {BPF_ALU | BPF_MOD | BPF_K, 0, 0, static_cast<uint32_t>(count)},
      {BPF_ALU | BPF_ADD | BPF_K, 0, 0, static_cast<uint32_t>(first)},
      {BPF_RET | BPF_A, 0, 0, 0},
  };
  const sock_fprog attached = {sizeof(program) / sizeof(program[0]), program};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &attached, sizeof(attached)) != 0) {
    return SystemError("SO_ATTACH_REUSEPORT_CBPF");
  }
  return {};
}

Status StopSteering(int fd) {
  const int ignored = 0;
  if (setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &ignored, sizeof(ignored)) != 0) {
    return SystemError("SO_DETACH_REUSEPORT_BPF");
  }
  return {};
}

}  // namespace keyway::net
