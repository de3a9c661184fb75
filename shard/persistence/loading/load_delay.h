// key-load-delay: makes loading slow, for tests of what happens meanwhile.
#pragma once

#include <unistd.h>

#include "shard/config/shard_config.h"

namespace keyway::shard::persistence {

// After each key or command. Microseconds, or, if negative, one microsecond after so many.
inline void DelayLoad(const ShardConfig& config) {
  if (config.key_load_delay == 0) return;
  if (config.key_load_delay > 0) {
    usleep(static_cast<useconds_t>(config.key_load_delay));
    return;
  }
  static int64_t passed = 0;
  if (++passed < -config.key_load_delay) return;
  passed = 0;
  usleep(1);
}

}  // namespace keyway::shard::persistence
