// What the clients of all workers hold in the proxy together, and its bound (maxmemory-clients).
//
// Every worker adds up its own clients, several times a second and whenever one has grown much, and publishes
// the sum and its largest client. When all are over the bound, the worker with the largest client closes that
// one, and so on; a client is never closed for what smaller ones hold.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace keyway::proxy::session {

class ClientMemory {
 public:
  // One worker's. Written by its thread only.
  struct Share {
    std::atomic<size_t> bytes{0};
    std::atomic<size_t> largest{0};  // of those that may be closed
  };

  // `limit` in bytes; 0: none.
  explicit ClientMemory(size_t limit) : limit_(limit) {}

  // From any thread.
  size_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(size_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }
  // Before any worker's thread starts. Lives as long as this.
  Share& Add() { return shares_.emplace_back(); }

  // From any thread.
  size_t bytes() const;
  bool exceeded() const { return limit() > 0 && bytes() > limit(); }
  // Whether no other worker has a client of more than `bytes`.
  bool IsLargest(const Share& own, size_t bytes) const;

 private:
  std::atomic<size_t> limit_;
  std::deque<Share> shares_;
};

}  // namespace keyway::proxy::session
