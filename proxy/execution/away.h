// Why a request waits at the proxy instead of being answered.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyway::proxy::execution {

enum class AwayCause : uint8_t {
  kNoShard,      // there is no map yet, or it names no shard for the slot
  kConnect,      // the node cannot be reached
  kLost,         // the connection to it was lost
  kStuck,        // it says nothing while other nodes answer
  kLoading,      // it answers LOADING
  kClusterDown,  // CLUSTERDOWN
  kMasterDown,   // MASTERDOWN
  kMoving,       // the slot, or some of the keys, are on their way to another node
  kNoReplica,    // it is to be read from a replica, and none is fit
};
inline constexpr int kAwayCauses = 9;

constexpr std::string_view AwayCauseName(AwayCause cause) {
  constexpr std::string_view kNames[kAwayCauses] = {
      "no_shard",    "connect",    "lost",   "stuck",      "loading",
      "clusterdown", "masterdown", "moving", "no_replica",
  };
  return kNames[static_cast<int>(cause)];
}

}  // namespace keyway::proxy::execution
