// Counters of bus traffic, for CLUSTER INFO and metrics.
#pragma once

#include <array>
#include <cstdint>

#include "shard/cluster/bus/message.h"

namespace keyway::shard::cluster::gossip {

struct BusStats {
  std::array<uint64_t, bus::kMessageTypes> sent{};
  std::array<uint64_t, bus::kMessageTypes> received{};
  std::array<uint64_t, bus::kDropCauses> dropped{};
  uint64_t links_over_limit = 0;  // closed for what they had queued

  void CountSent(bus::MessageType type) { ++sent[static_cast<size_t>(type)]; }
  void CountReceived(bus::MessageType type) { ++received[static_cast<size_t>(type)]; }
  void CountDropped(bus::DropCause cause) { ++dropped[static_cast<size_t>(cause)]; }
};

}  // namespace keyway::shard::cluster::gossip
