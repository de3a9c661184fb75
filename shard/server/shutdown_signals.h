// SIGTERM and SIGINT: the first asks for an orderly end, a second one, when that takes too long or
// the loop is stuck, ends the process at once, without the RDB file that it may be writing.
#pragma once

#include <uv.h>

#include <functional>

#include "common/net/event_loop.h"

namespace keyway::shard {

// One object a process, as it owns the handlers of both signals.
class ShutdownSignals {
 public:
  // `on_signal` is called on the loop's thread with the number of the first signal.
  ShutdownSignals(net::EventLoop& loop, std::function<void(int)> on_signal);
  ~ShutdownSignals();
  // The signal that has come cannot be followed yet: the next one is told like a first.
  void Rearm();
  ShutdownSignals(const ShutdownSignals&) = delete;
  ShutdownSignals& operator=(const ShutdownSignals&) = delete;

 private:
  struct State;
  State* state_;  // freed in the close callback of its handle
};

}  // namespace keyway::shard
