// Entries in order of arrival, each found again by its sequence number for as long as it is there:
// what lets a call be cancelled in the middle of a million others without a search.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <glog/logging.h>

namespace keyway::proxy::backend {

template <typename Entry>
class CallRing {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  // Returns the sequence number: one more than that of the entry pushed before.
  uint64_t Push(Entry entry) {
    if (size_ == capacity_) Grow();
    const uint64_t sequence = first_ + size_;
    entries_[sequence & (capacity_ - 1)] = std::move(entry);
    ++size_;
    return sequence;
  }

  Entry& front() {
    DCHECK(!empty());
    return entries_[first_ & (capacity_ - 1)];
  }
  const Entry& front() const {
    DCHECK(!empty());
    return entries_[first_ & (capacity_ - 1)];
  }
  // `sequence` is that of an entry which is still there.
  Entry& At(uint64_t sequence) {
    DCHECK(sequence - first_ < size_);
    return entries_[sequence & (capacity_ - 1)];
  }
  uint64_t first() const { return first_; }
  uint64_t end() const { return first_ + size_; }

  Entry Pop() {
    Entry entry = std::move(front());
    front() = Entry();
    ++first_;
    // An outage may fill a ring with a million entries; it is not kept for the next one.
    if (--size_ == 0 && capacity_ > kKeptEntries) {
      entries_.reset();
      capacity_ = 0;
    }
    return entry;
  }

 private:
  static constexpr size_t kFirstEntries = 16;
  static constexpr size_t kKeptEntries = 4096;

  void Grow() {
    const size_t capacity = capacity_ == 0 ? kFirstEntries : capacity_ * 2;
    std::unique_ptr<Entry[]> entries(new Entry[capacity]);
    for (uint64_t i = first_; i < first_ + size_; ++i) {
      entries[i & (capacity - 1)] = std::move(entries_[i & (capacity_ - 1)]);
    }
    entries_ = std::move(entries);
    capacity_ = capacity;
  }

  std::unique_ptr<Entry[]> entries_;
  size_t capacity_ = 0;  // a power of two, or 0
  uint64_t first_ = 0;   // sequence number of the front
  size_t size_ = 0;
};

}  // namespace keyway::proxy::backend
