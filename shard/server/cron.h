// What the shard does by itself, `hz` times a second: expires keys, looks after clients, samples
// its own figures.
#pragma once

#include <cstdint>

#include "common/net/event_loop.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

class Cron {
 public:
  // Starts at once. `services` outlives the object.
  explicit Cron(Services& services);

  // hz or dynamic-hz has changed.
  void Restart();

 private:
  void Tick();
  void Sample();
  void AdaptFrequency();
  // Between the ticks: more of active expiry, while many keys are found to have expired.
  void ExpireQuickly();
  bool MayExpire() const;
  bool MayTouchKeys() const;
  void Expire(int64_t budget_micros, int64_t effort);

  Services& services_;
  net::Timer timer_;
  int64_t last_sample_micros_ = 0;
  int64_t last_clients_micros_ = 0;
  int64_t last_quick_expire_micros_ = 0;
  int seconds_ = 0;
};

}  // namespace keyway::shard
