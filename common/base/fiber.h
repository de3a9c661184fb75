// A second stack for this thread: what runs on it can step aside in the middle and be resumed
// later, without a thread and without a lock. Switching costs a few dozen instructions
// (Boost.Context).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace keyway {

class Fiber {
 public:
  // `stack_bytes` are reserved with a page behind them that must not be touched; memory is used as
  // the stack grows.
  explicit Fiber(size_t stack_bytes);
  // Nothing may be suspended.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs `body`, which must not throw, on the other stack. Returns true when it has ended, false
  // when it has called Suspend. Nothing may be suspended, and not from inside.
  bool Run(std::function<void()> body);
  // Goes on behind the Suspend. Returns as Run does.
  bool Resume();
  // From inside only: back to whoever called Run or Resume. Returns when somebody calls Resume.
  void Suspend();

  // Whether the caller is on the other stack.
  bool inside() const;
  bool suspended() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keyway
