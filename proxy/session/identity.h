// What the proxy says about itself in HELLO, INFO and CONFIG GET: one standalone Redis 7.0.15.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"

namespace keyway::proxy::session {

inline constexpr std::string_view kRedisVersion = "7.0.15";

struct Identity {
  std::string run_id;  // 40 hexadecimal digits
  int64_t started_wall_micros = 0;
  int port = 0;
  int threads = 1;
  std::string executable;
  std::string startup_nodes;
  // What CLUSTER shows as nodes; empty: this proxy alone.
  std::vector<net::Endpoint> advertise;
};

}  // namespace keyway::proxy::session
