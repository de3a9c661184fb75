// The table's times are of the monotonic clock, so that a clock that is set does not make nodes
// look dead; nodes.conf, CLUSTER NODES and gossip show them as times since 1970.
#pragma once

#include <cstdint>

#include "common/base/clock.h"

namespace keyway::shard::cluster::gossip {

// 0 (never) stays 0.
inline int64_t ToWallMillis(const Clock& clock, int64_t monotonic_ms) {
  return monotonic_ms == 0 ? 0 : monotonic_ms + clock.WallMillis() - clock.MonotonicMillis();
}

inline int64_t FromWallMillis(const Clock& clock, int64_t wall_ms) {
  return wall_ms == 0 ? 0 : wall_ms - clock.WallMillis() + clock.MonotonicMillis();
}

}  // namespace keyway::shard::cluster::gossip
