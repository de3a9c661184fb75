// One thread's event loop on libuv, its timers, and calls into it from other threads.
//
// A pass of the loop: timers, then readable and writable sockets, then whatever was marked for the
// end of the pass (Stream::ScheduleWrite, AtEndOfPass), then sleep. Everything that several clients
// asked for within a pass therefore leaves in one write a socket.
#pragma once

#include <uv.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/clock.h"

namespace keyway::net {

class EventLoop {
 public:
  EventLoop();
  // Every Timer, Signal, Stream and Listener on the loop must be gone; runs the loop until their
  // handles are closed. Tasks that have not run are dropped.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs until Stop. Called once, on the thread that owns the loop from then on.
  void Run();
  // From any thread or from a callback: Run returns after the current pass.
  void Stop();
  // Runs one pass without blocking, for tests and simulations. Returns whether timers, sockets,
  // posted tasks or work for the end of a pass are there to be waited for.
  bool RunOnce(bool may_block = false);

  // From any thread: `task` runs on the loop's thread in a coming pass, in the order of posting.
  void Post(std::function<void()> task);

  // On the loop's thread: `task` runs once, at the end of this pass, before the scheduled writes.
  void AtEndOfPass(std::function<void()> task);
  // On the loop's thread: `hook` runs at the end of every pass, before the scheduled writes, until
  // the loop is destroyed. It runs again in the same pass when the writes caused more work.
  void EveryPass(std::function<void()> hook);
  // On the loop's thread: `hook` runs before any byte is sent that was appended to a stream's output
  // before: after the hooks of EveryPass, and in Stream::FlushNow. For what has to be done, on a disk
  // say, before a peer may learn of it. It must not append output.
  void BeforeWrites(std::function<void()> hook);

  // On the loop's thread: monotonic time at the start of the pass, microseconds.
  int64_t NowMicros() const {
    if (!awake_) StartPass();
    return now_micros_;
  }

  // From any thread, for metrics: passes so far, microseconds spent outside of waiting, and calls
  // to the kernel that received or sent bytes.
  uint64_t passes() const { return passes_.load(std::memory_order_relaxed); }
  int64_t busy_micros() const { return busy_micros_.load(std::memory_order_relaxed); }
  uint64_t reads() const { return reads_.load(std::memory_order_relaxed); }
  uint64_t writes() const { return writes_.load(std::memory_order_relaxed); }

  uv_loop_t* raw() { return &loop_; }

 private:
  friend class Stream;
  struct Impl;

  void StartPass() const;
  void EndPass();
  void PrepareWrites();

  uv_loop_t loop_;
  std::unique_ptr<Impl> impl_;
  // Between the end of a pass and the first thing that happens after the sleep, now_micros_ is
  // stale.
  mutable bool awake_ = false;
  mutable int64_t now_micros_ = 0;
  // Written by the loop's thread only.
  std::atomic<uint64_t> passes_{0};
  std::atomic<int64_t> busy_micros_{0};
  std::atomic<uint64_t> reads_{0};
  std::atomic<uint64_t> writes_{0};
};

// Calls `callback` once after a delay, or again and again. Destroying it stops it; it may be
// destroyed inside its own callback.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // (Re)starts. `repeat_ms` 0: fires once.
  void Start(uint64_t delay_ms, uint64_t repeat_ms = 0);
  void Stop();
  bool active() const;

 private:
  struct State;
  State* state_;
};

// Calls `callback` when the process receives `signal_number`.
class Signal {
 public:
  Signal(EventLoop& loop, int signal_number, std::function<void()> callback);
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

 private:
  struct State;
  State* state_;
};

}  // namespace keyway::net
