#include "common/net/address.h"

#include <netinet/in.h>
#include <sys/un.h>
#include <uv.h>

#include <charconv>
#include <cstring>

namespace keyway::net {
namespace {

Error NotAnEndpoint(std::string_view text) {
  return Error{"'" + std::string(text) + "' is not an address: expected host:port"};
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool IsHost(std::string_view host) {
  if (host.empty()) return false;
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '[' || c == ']' || c == ',') {
      return false;
    }
  }
  return true;
}

}  // namespace

Expected<Endpoint> ParseEndpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return NotAnEndpoint(text);
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (!IsHost(host) || port.empty() || error != std::errc() || end != port.data() + port.size()) {
    return NotAnEndpoint(text);
  }
  return Endpoint{std::string(host), number};
}

Expected<std::vector<Endpoint>> ParseEndpoints(std::string_view text) {
  std::vector<Endpoint> endpoints;
  for (;;) {
    const size_t comma = text.find(',');
    Expected<Endpoint> endpoint = ParseEndpoint(Trim(text.substr(0, comma)));
    if (!endpoint) return endpoint.error();
    endpoints.push_back(std::move(*endpoint));
    if (comma == std::string_view::npos) return endpoints;
    text.remove_prefix(comma + 1);
  }
}

std::string ToString(const Endpoint& endpoint) {
  const std::string port = std::to_string(endpoint.port);
  // The path of a Unix socket may contain a colon, which does not make it IPv6.
  const bool ipv6 = !endpoint.host.starts_with('/') && endpoint.host.find(':') != std::string::npos;
  return ipv6 ? "[" + endpoint.host + "]:" + port : endpoint.host + ":" + port;
}

bool ToSockaddr(const Endpoint& endpoint, sockaddr_storage* out) {
  std::memset(out, 0, sizeof(*out));
  if (endpoint.host.find('\0') != std::string::npos) return false;
  const char* host = endpoint.host.c_str();
  sockaddr_in v4;
  if (uv_ip4_addr(host, endpoint.port, &v4) == 0) {
    std::memcpy(out, &v4, sizeof(v4));
    return true;
  }
  sockaddr_in6 v6;
  if (uv_ip6_addr(host, endpoint.port, &v6) == 0) {
    std::memcpy(out, &v6, sizeof(v6));
    return true;
  }
  return false;
}

Endpoint FromSockaddr(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof(v4));
    uv_ip4_name(&v4, text, sizeof(text));
    return Endpoint{text, ntohs(v4.sin_port)};
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof(v6));
    uv_ip6_name(&v6, text, sizeof(text));
    return Endpoint{text, ntohs(v6.sin6_port)};
  }
  if (address->sa_family == AF_UNIX) {
    const char* path = reinterpret_cast<const sockaddr_un*>(address)->sun_path;
    return Endpoint{std::string(path, strnlen(path, sizeof(sockaddr_un::sun_path))), 0};
  }
  return Endpoint{};
}

}  // namespace keyway::net
