// Where a socket is: an IP address and a port.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"

namespace keyway::net {

struct Endpoint {
  std::string host;  // numeric IPv4 or IPv6, or a name to resolve; IPv6 without brackets
  uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
  auto operator<=>(const Endpoint&) const = default;
};

// "127.0.0.1:7001", "[::1]:7001", "::1:7001" (the last colon separates), "name:7001".
Expected<Endpoint> ParseEndpoint(std::string_view text);
// A comma-separated list of them; blanks around commas are allowed; at least one.
Expected<std::vector<Endpoint>> ParseEndpoints(std::string_view text);
// "127.0.0.1:7001" or "[::1]:7001" is how Redis prints peers in CLIENT LIST.
std::string ToString(const Endpoint& endpoint);

// Numeric addresses only: no name is looked up. Returns false when `host` is not one.
bool ToSockaddr(const Endpoint& endpoint, sockaddr_storage* out);
// `address` points to a whole sockaddr_in, sockaddr_in6 or sockaddr_un (the path, port 0); an empty
// Endpoint for another family.
Endpoint FromSockaddr(const sockaddr* address);

}  // namespace keyway::net
