// CLIENT PAUSE of one worker: while it lasts, its sessions keep the requests it holds, in order, and
// execute them when it is over. It concerns this proxy alone; others serve on.
// Source: pauseClients in networking.c and processCommand in server.c of Redis 7.0.
#pragma once

#include <cstdint>
#include <functional>

#include "common/command/table.h"
#include "common/net/event_loop.h"

namespace keyway::proxy::session {

class Pause {
 public:
  enum class Kind : uint8_t { kNone, kWrites, kAll };

  // `resume` is called when a pause is over.
  Pause(net::EventLoop& loop, std::function<void()> resume);

  // For `milliseconds` from now. During a pause the stricter kind and the later end count.
  void Begin(Kind kind, int64_t milliseconds);
  // CLIENT UNPAUSE.
  void End();

  bool is_on() const { return kind_ != Kind::kNone; }
  // Whether a command with `flags` has to wait.
  bool Holds(uint32_t flags) const {
    return kind_ == Kind::kAll ||
           (kind_ == Kind::kWrites && (flags & (command::kWrite | command::kMayReplicate)) != 0);
  }
  bool Holds(const command::Command& command) const { return Holds(command.spec->flags); }

 private:
  net::EventLoop& loop_;
  std::function<void()> resume_;
  net::Timer timer_;
  int64_t end_micros_ = 0;
  Kind kind_ = Kind::kNone;
};

}  // namespace keyway::proxy::session
