// What one worker counts about requests. Written by its thread only, read by any at any time, so
// every number is an atomic that is written without a lock and without a read-modify-write.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/command/table.h"
#include "metrics/hot_counters.h"
#include "proxy/execution/away.h"
#include "proxy/execution/outcome.h"

namespace keyway::proxy::execution {

// A counter or gauge with one writer.
class SingleWriterCell {
 public:
  void Add(uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void Subtract(uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
  }
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Statistics {
 public:
  // The histograms count for all workers and outlive them.
  struct Histograms {
    metrics::HotHistogram latency;
    metrics::HotHistogram request_wait;
    metrics::HotHistogram shard_absence;
  };
  explicit Statistics(Histograms& histograms);

  void CountRequest(command::CommandId command, Outcome outcome, int64_t latency_micros);
  // A request that names no command of the table.
  void CountUnknown() { unknown_.Add(1); }

  uint64_t requests(command::CommandId command, Outcome outcome) const {
    return requests_[command * kOutcomes + static_cast<int>(outcome)].Get();
  }
  uint64_t unknown() const { return unknown_.Get(); }
  uint64_t retried() const {
    uint64_t sum = 0;
    for (const SingleWriterCell& cell : retries) sum += cell.Get();
    return sum;
  }

  SingleWriterCell to_primaries;  // requests sent, those sent again included
  SingleWriterCell to_replicas;
  SingleWriterCell moved;
  SingleWriterCell asked;
  // By AwayCause: requests that had to wait, how often one was sent again, and those whose deadline
  // passed, or whose client left, while they waited, or that found no room to wait.
  SingleWriterCell parked[kAwayCauses];
  SingleWriterCell retries[kAwayCauses];
  SingleWriterCell given_up[kAwayCauses];
  // Requests that ended as kUncertain: their connection was lost, or their deadline passed.
  SingleWriterCell ambiguous_lost;
  SingleWriterCell ambiguous_deadline;
  SingleWriterCell waiting_requests;  // now
  SingleWriterCell waiting_bytes;     // now
  SingleWriterCell noscript_repaired;
  SingleWriterCell in_flight;         // operations now
  // How long a request waited that had to, until its end; and how long a node was away for requests
  // that wanted to go there, until it answered or others had its slots.
  metrics::HotHistogram& request_wait;
  metrics::HotHistogram& shard_absence;

 private:
  std::unique_ptr<SingleWriterCell[]> requests_;  // by command and outcome
  SingleWriterCell unknown_;
  metrics::HotHistogram& latency_;
};

}  // namespace keyway::proxy::execution
