// Randomness, passed in so that a simulation can be replayed from its seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace keyway {

// Not for secrets that an attacker must not guess. Not thread-safe: one object a thread.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // Seeded from the operating system.
  static Random FromEntropy();

  uint64_t Next() { return engine_(); }
  // Uniform in [0, bound). `bound` must be positive.
  uint64_t Below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(engine_);
  }
  // Uniform in [low, high].
  int64_t Between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  // `length` lower-case hexadecimal digits: 40 make a node id or a run id.
  std::string Hex(int length);

 private:
  std::mt19937_64 engine_;
};

}  // namespace keyway
