// Counters and histograms for the hot path of several threads.
//
// Each thread counts in memory of its own, so that counting takes no lock, no locked instruction
// and no cache line that another thread writes; a scrape adds up what the threads counted. A thread
// that ends leaves its counts behind and its place to the next thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace keyway::metrics {

namespace internal {

// Threads that have a place of their own; any further ones share the last place.
inline constexpr int kThreadSlots = 64;
inline constexpr int kSharedSlot = kThreadSlots;
inline constinit thread_local int thread_slot = -1;
int TakeThreadSlot();

inline int ThreadSlot() {
  const int slot = thread_slot;
  return slot >= 0 ? slot : TakeThreadSlot();
}

}  // namespace internal

// A fixed number of counters that only grow, told apart by their index.
class HotCounters {
 public:
  explicit HotCounters(size_t count);
  ~HotCounters();
  HotCounters(const HotCounters&) = delete;
  HotCounters& operator=(const HotCounters&) = delete;

  // From any thread. `index` below size().
  void Add(size_t index, uint64_t amount = 1) {
    const int slot = internal::ThreadSlot();
    Cell* cells = blocks_[static_cast<size_t>(slot)].load(std::memory_order_acquire);
    if (cells == nullptr) cells = NewBlock(static_cast<size_t>(slot));
    Cell& cell = cells[index];
    if (slot != internal::kSharedSlot) {
      cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    } else {
      cell.fetch_add(amount, std::memory_order_relaxed);
    }
  }

  // From any thread: what all threads have counted.
  uint64_t Sum(size_t index) const;
  size_t size() const { return count_; }

 private:
  using Cell = std::atomic<uint64_t>;
  Cell* NewBlock(size_t slot);

  const size_t count_;
  std::array<std::atomic<Cell*>, internal::kThreadSlots + 1> blocks_{};
  std::mutex new_block_mutex_;
};

// One counter.
class HotCounter {
 public:
  void Add(uint64_t amount = 1) { cells_.Add(0, amount); }
  uint64_t Sum() const { return cells_.Sum(0); }

 private:
  HotCounters cells_{1};
};

// How often durations fell into fixed buckets.
class HotHistogram {
 public:
  // Inclusive upper bounds of the buckets in microseconds, ascending and at most 64; a bucket
  // without a bound is added.
  explicit HotHistogram(std::vector<uint64_t> bounds_micros = LatencyBounds());

  // 50 microseconds to 10 seconds in steps of 1, 2.5, 5.
  static std::vector<uint64_t> LatencyBounds();

  // From any thread.
  void Observe(uint64_t micros) {
    cells_.Add(BucketOf(micros));
    cells_.Add(bounds_.size() + 1, micros);
  }

  struct Snapshot {
    std::vector<uint64_t> counts;  // a bucket each, not cumulative; the last has no bound
    uint64_t count = 0;            // their sum
    uint64_t sum_micros = 0;
  };
  // From any thread. Observations made meanwhile may be in the counts and not yet in the sum.
  Snapshot Read() const;
  const std::vector<uint64_t>& bounds_micros() const { return bounds_; }

 private:
  size_t BucketOf(uint64_t micros) const;

  const std::vector<uint64_t> bounds_;
  // The bucket where values of so many bits begin.
  std::array<uint8_t, 65> first_bucket_{};
  HotCounters cells_;
};

}  // namespace keyway::metrics
