// The recorded messages in golden/.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace keyway::shard::cluster::bus {

inline std::string Golden(const std::string& name) {
  std::ifstream file("tests/unit/shard/cluster/bus/golden/" + name + ".bin", std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline constexpr const char* kGoldenNames[] = {
    "auth_ack",      "auth_request", "fail",        "meet",    "meet_hostname", "mfstart",
    "ping_hostname", "ping_replica", "pong_paused", "publish", "update"};

}  // namespace keyway::shard::cluster::bus
