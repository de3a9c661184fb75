// Before the process ends, replicas that lag get what they lack: for at most shutdown-timeout seconds
// clients that write are paused until all replicas have acknowledged everything. Source:
// redis-server 7.0.15, "SHUTDOWN".
#pragma once

#include "common/net/event_loop.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

class ShutdownWait {
 public:
  // `services` outlives the object.
  explicit ShutdownWait(Services& services);

  // True: there are replicas to wait for, and Lifecycle::FinishShutdown will be called when the wait
  // is over. False: the process may end.
  bool Begin();
  // The process does not end after all: nobody is waited for, clients go on.
  void End();
  // What the log tells at the end: who has not got everything.
  void LogReplicas() const;

  // A signal has asked for the end of which the wait is part.
  void set_signaled() { signaled_ = true; }
  bool signaled() const { return signaled_; }

 private:
  bool AllInSync() const;
  void Check();

  Services& services_;
  net::Timer timer_;
  bool signaled_ = false;
};

}  // namespace keyway::shard
