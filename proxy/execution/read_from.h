// Which nodes of a shard a listener's clients read from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace keyway::proxy::execution {

enum class ReadFrom : uint8_t {
  kPrimary,
  kPreferReplica,  // a replica that is fit, else the primary
  kReplica,        // a replica that is fit; waits for one when there is none
  kNearest,        // whichever of the primary and its fit replicas answers fastest
};
inline constexpr std::array<std::string_view, 4> kReadFromNames = {"primary", "prefer_replica",
                                                                   "replica", "nearest"};

// nullopt: no such policy.
constexpr std::optional<ReadFrom> ParseReadFrom(std::string_view name) {
  for (size_t i = 0; i < kReadFromNames.size(); ++i) {
    if (kReadFromNames[i] == name) return static_cast<ReadFrom>(i);
  }
  return std::nullopt;
}

}  // namespace keyway::proxy::execution
