#include "common/base/allocated_bytes.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>

// Weak: the allocator is chosen when the program is linked.
extern "C" int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                       size_t new_size) __attribute__((weak));
// The address sanitizer has an allocator of its own, of which mallinfo2 knows nothing.
extern "C" size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));

namespace keyway {
namespace {

constexpr size_t kMaxThreads = 64;

// Where jemalloc counts for one thread. Its owner writes while others read: two aligned words, of
// which a value that is some bytes old will do.
struct Counters {
  const volatile uint64_t* allocated;
  const volatile uint64_t* freed;
};

struct Threads {
  std::mutex mutex;  // for who comes and goes
  std::array<Counters, kMaxThreads> counters = {};
  // Slots in use, and the difference of threads that are gone.
  std::array<std::atomic<bool>, kMaxThreads> used = {};
  std::atomic<size_t> slots{0};  // all beyond are free
  std::atomic<int64_t> gone{0};
};

// Never destroyed: threads may end after main.
Threads& AllThreads() {
  static Threads& threads = *new Threads;
  return threads;
}

int64_t Difference(const Counters& counters) {
  return static_cast<int64_t>(*counters.allocated - *counters.freed);
}

const uint64_t* CounterOf(const char* name) {
  uint64_t* counter = nullptr;
  size_t size = sizeof(counter);
  if (mallctl == nullptr || mallctl(name, static_cast<void*>(&counter), &size, nullptr, 0) != 0) {
    return nullptr;
  }
  return counter;
}

class ThisThread {
 public:
  ThisThread() {
    const Counters counters{CounterOf("thread.allocatedp"), CounterOf("thread.deallocatedp")};
    if (counters.allocated == nullptr || counters.freed == nullptr) return;
    Threads& threads = AllThreads();
    const std::lock_guard lock(threads.mutex);
    for (slot_ = 0; slot_ < kMaxThreads && threads.used[slot_]; ++slot_) {
    }
    if (slot_ == kMaxThreads) return;
    threads.counters[slot_] = counters;
    threads.slots = std::max<size_t>(threads.slots, slot_ + 1);
    threads.used[slot_].store(true, std::memory_order_release);
  }
  ~ThisThread() {
    if (!counts()) return;
    Threads& threads = AllThreads();
    const std::lock_guard lock(threads.mutex);
    threads.gone += Difference(threads.counters[slot_]);
    threads.used[slot_] = false;
    slot_ = kMaxThreads;
  }
  ThisThread(const ThisThread&) = delete;
  ThisThread& operator=(const ThisThread&) = delete;

  bool counts() const { return slot_ < kMaxThreads; }

 private:
  size_t slot_ = kMaxThreads;
};

bool Count() {
  thread_local const ThisThread thread;
  return thread.counts();
}

}  // namespace

void CountAllocationsOfThisThread() {
  Count();
}

uint64_t AllocatedBytes() {
  if (!Count()) {
    if (__sanitizer_get_current_allocated_bytes != nullptr) {
      return __sanitizer_get_current_allocated_bytes();
    }
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  }
  const Threads& threads = AllThreads();
  int64_t sum = threads.gone.load(std::memory_order_relaxed);
  const size_t slots = threads.slots.load(std::memory_order_acquire);
  for (size_t slot = 0; slot < slots; ++slot) {
    if (threads.used[slot].load(std::memory_order_acquire)) {
      sum += Difference(threads.counters[slot]);
    }
  }
  return static_cast<uint64_t>(std::max<int64_t>(0, sum));
}

}  // namespace keyway
