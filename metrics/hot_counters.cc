#include "metrics/hot_counters.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include <glog/logging.h>

namespace keyway::metrics {
namespace internal {
namespace {

constexpr size_t kMaxBuckets = 64;

std::mutex slots_mutex;
std::array<bool, kThreadSlots> slot_taken{};  // guarded by slots_mutex

// Gives the place back when the thread ends. The lock orders the last count of one thread before
// the first of the next.
struct SlotHolder {
  explicit SlotHolder(int held_slot) : slot(held_slot) {}
  ~SlotHolder() {
    // What runs later in this thread's end counts in the shared place.
    thread_slot = kSharedSlot;
    if (slot == kSharedSlot) return;
    std::lock_guard<std::mutex> lock(slots_mutex);
    slot_taken[static_cast<size_t>(slot)] = false;
  }
  SlotHolder(const SlotHolder&) = delete;
  SlotHolder& operator=(const SlotHolder&) = delete;

  int slot;
};

int FreeSlot() {
  std::lock_guard<std::mutex> lock(slots_mutex);
  for (size_t slot = 0; slot < slot_taken.size(); ++slot) {
    if (slot_taken[slot]) continue;
    slot_taken[slot] = true;
    return static_cast<int>(slot);
  }
  return kSharedSlot;
}

}  // namespace

int TakeThreadSlot() {
  static thread_local SlotHolder holder(FreeSlot());
  thread_slot = holder.slot;
  return holder.slot;
}

}  // namespace internal

namespace {

constexpr size_t kCacheLine = 64;

}  // namespace

HotCounters::HotCounters(size_t count) : count_(count) {}

HotCounters::~HotCounters() {
  for (std::atomic<Cell*>& block : blocks_) {
    ::operator delete(block.load(std::memory_order_relaxed), std::align_val_t(kCacheLine));
  }
}

HotCounters::Cell* HotCounters::NewBlock(size_t slot) {
  // Only the shared place is raced for.
  std::lock_guard<std::mutex> lock(new_block_mutex_);
  Cell* cells = blocks_[slot].load(std::memory_order_relaxed);
  if (cells != nullptr) return cells;
  // Whole cache lines, so that no other thread's block shares one.
  const size_t bytes = (count_ * sizeof(Cell) + kCacheLine - 1) / kCacheLine * kCacheLine;
  cells = static_cast<Cell*>(::operator new(bytes, std::align_val_t(kCacheLine)));
  for (size_t i = 0; i < bytes / sizeof(Cell); ++i) new (cells + i) Cell(0);
  blocks_[slot].store(cells, std::memory_order_release);
  return cells;
}

uint64_t HotCounters::Sum(size_t index) const {
  DCHECK_LT(index, count_);
  uint64_t sum = 0;
  for (const std::atomic<Cell*>& block : blocks_) {
    const Cell* cells = block.load(std::memory_order_acquire);
    if (cells != nullptr) sum += cells[index].load(std::memory_order_relaxed);
  }
  return sum;
}

HotHistogram::HotHistogram(std::vector<uint64_t> bounds_micros)
    : bounds_(std::move(bounds_micros)), cells_(bounds_.size() + 2) {
  CHECK_LE(bounds_.size(), internal::kMaxBuckets);
  CHECK(std::adjacent_find(bounds_.begin(), bounds_.end(), std::greater_equal<>()) == bounds_.end())
      << "bucket bounds must ascend";
  for (size_t bits = 0; bits < first_bucket_.size(); ++bits) {
    const uint64_t smallest = bits == 0 ? 0 : uint64_t{1} << (bits - 1);
    first_bucket_[bits] = static_cast<uint8_t>(
        std::lower_bound(bounds_.begin(), bounds_.end(), smallest) - bounds_.begin());
  }
}

std::vector<uint64_t> HotHistogram::LatencyBounds() {
  return {50,     100,     250,     500,     1'000,     2'500,     5'000,     10'000,    25'000,
          50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};
}

size_t HotHistogram::BucketOf(uint64_t micros) const {
  size_t bucket = first_bucket_[static_cast<size_t>(std::bit_width(micros))];
  while (bucket < bounds_.size() && micros > bounds_[bucket]) ++bucket;
  return bucket;
}

HotHistogram::Snapshot HotHistogram::Read() const {
  Snapshot snapshot;
  snapshot.sum_micros = cells_.Sum(bounds_.size() + 1);
  for (size_t i = 0; i <= bounds_.size(); ++i) {
    snapshot.counts.push_back(cells_.Sum(i));
    snapshot.count += snapshot.counts.back();
  }
  return snapshot;
}

}  // namespace keyway::metrics
