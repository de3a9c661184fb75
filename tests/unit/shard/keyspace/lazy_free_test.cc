#include "shard/keyspace/lazy_free.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

namespace keyway::shard::keyspace {
namespace {

struct Gate {
  std::mutex mutex;
  std::condition_variable opened;
  bool open = false;
  int freed = 0;                 // guarded by mutex
  int freed_by_the_creator = 0;  // guarded by mutex
  std::thread::id creator = std::this_thread::get_id();
};

// On the side thread, waits for the gate.
class Guarded : public Garbage {
 public:
  explicit Guarded(Gate& gate) : Garbage(1), gate_(gate) {}
  ~Guarded() override {
    std::unique_lock lock(gate_.mutex);
    if (std::this_thread::get_id() == gate_.creator) {
      ++gate_.freed_by_the_creator;
    } else {
      gate_.opened.wait(lock, [this] { return gate_.open; });
    }
    ++gate_.freed;
  }

 private:
  Gate& gate_;
};

void Open(Gate& gate) {
  {
    const std::lock_guard lock(gate.mutex);
    gate.open = true;
  }
  gate.opened.notify_all();
}

TEST(LazyFreeTest, NeverUsed) {
  const LazyFree lazy_free;
  EXPECT_EQ(lazy_free.pending_objects(), 0u);
}

TEST(LazyFreeTest, FreesOnAnotherThreadAndBeforeItEnds) {
  Gate gate;
  {
    LazyFree lazy_free;
    for (int i = 0; i < 10; ++i) lazy_free.Free(std::make_unique<Guarded>(gate));
    EXPECT_EQ(lazy_free.pending_objects(), 10u);
    Open(gate);
  }
  EXPECT_EQ(gate.freed, 10);
  EXPECT_EQ(gate.freed_by_the_creator, 0);
}

TEST(LazyFreeTest, WhatDoesNotFitIntoTheQueueIsFreedAtOnce) {
  Gate gate;
  {
    LazyFree lazy_free;
    constexpr size_t kMore = 100;
    for (size_t i = 0; i < LazyFree::kMaxQueued + kMore; ++i) {
      lazy_free.Free(std::make_unique<Guarded>(gate));
    }
    EXPECT_LE(lazy_free.pending_objects(), LazyFree::kMaxQueued + 1);
    EXPECT_GE(lazy_free.freed_objects(), kMore - 1);
    Open(gate);
  }
  EXPECT_EQ(gate.freed, static_cast<int>(LazyFree::kMaxQueued) + 100);
}

}  // namespace
}  // namespace keyway::shard::keyspace
