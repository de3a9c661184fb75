#include "shard/keyspace/lazy_free.h"

#include <pthread.h>

#include <csignal>
#include <utility>

#include "common/base/allocated_bytes.h"

namespace keyway::shard::keyspace {

LazyFree::~LazyFree() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LazyFree::Free(std::unique_ptr<Garbage> garbage) {
  if (!thread_.joinable()) {
    // Signals are for the threads that handle them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread(&LazyFree::Run, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() < kMaxQueued) {
      pending_.fetch_add(garbage->objects(), std::memory_order_relaxed);
      queue_.push_back(std::move(garbage));
    }
  }
  if (garbage == nullptr) {
    wake_.notify_one();
  } else {
    freed_.fetch_add(garbage->objects(), std::memory_order_relaxed);
  }
}

void LazyFree::Run() {
  CountAllocationsOfThisThread();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::unique_ptr<Garbage> garbage = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    const size_t objects = garbage->objects();
    garbage.reset();
    // In this order: who sees that nothing is pending sees all of it freed.
    freed_.fetch_add(objects, std::memory_order_relaxed);
    pending_.fetch_sub(objects, std::memory_order_release);
    lock.lock();
  }
}

}  // namespace keyway::shard::keyspace
