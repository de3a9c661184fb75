// Frees what takes long to free on a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace keyway::shard::keyspace {

// Something to be destroyed on any thread. What it holds is reachable from nowhere else.
class Garbage {
 public:
  explicit Garbage(size_t objects) : objects_(objects) {}
  virtual ~Garbage() = default;
  Garbage(const Garbage&) = delete;
  Garbage& operator=(const Garbage&) = delete;

  // How many keys' values, for INFO.
  size_t objects() const { return objects_; }

 private:
  size_t objects_;
};

// Belongs to one thread; only the destruction of garbage happens on another. The thread starts with
// the first garbage.
class LazyFree {
 public:
  // More than that waiting: the caller frees by itself, and so is slowed down to what can be freed.
  static constexpr size_t kMaxQueued = 4096;

  LazyFree() = default;
  // Waits until all is freed.
  ~LazyFree();
  LazyFree(const LazyFree&) = delete;
  LazyFree& operator=(const LazyFree&) = delete;

  void Free(std::unique_ptr<Garbage> garbage);

  uint64_t pending_objects() const { return pending_.load(std::memory_order_acquire); }
  uint64_t freed_objects() const { return freed_.load(std::memory_order_relaxed); }
  void ResetFreedObjects() { freed_.store(0, std::memory_order_relaxed); }

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Garbage>> queue_;  // guarded by mutex_
  bool stopping_ = false;                       // guarded by mutex_
  std::atomic<uint64_t> pending_{0};
  std::atomic<uint64_t> freed_{0};
  std::thread thread_;
};

}  // namespace keyway::shard::keyspace
