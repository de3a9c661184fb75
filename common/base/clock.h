// Time, passed in so that gossip, expiry and elections can run under a simulated clock.
#pragma once

#include <cstdint>

namespace keyway {

class Clock {
 public:
  virtual ~Clock() = default;
  // Microseconds since an arbitrary start; never goes back. For durations and timeouts.
  virtual int64_t MonotonicMicros() const = 0;
  // Microseconds since the Unix epoch; may jump. For key expiry and what users see.
  virtual int64_t WallMicros() const = 0;

  int64_t MonotonicMillis() const { return MonotonicMicros() / 1000; }
  int64_t WallMillis() const { return WallMicros() / 1000; }
};

// The machine's clocks. One object serves every thread.
class SystemClock final : public Clock {
 public:
  static const SystemClock& Instance();
  int64_t MonotonicMicros() const override;
  int64_t WallMicros() const override;
};

// A clock that moves only when told to. For tests and simulations.
class ManualClock final : public Clock {
 public:
  int64_t MonotonicMicros() const override { return monotonic_; }
  int64_t WallMicros() const override { return wall_; }
  void AdvanceMicros(int64_t micros) {
    monotonic_ += micros;
    wall_ += micros;
  }
  void AdvanceMillis(int64_t millis) { AdvanceMicros(millis * 1000); }
  void SetWallMicros(int64_t micros) { wall_ = micros; }

 private:
  int64_t monotonic_ = 1'000'000;
  int64_t wall_ = 1'700'000'000'000'000;
};

}  // namespace keyway
