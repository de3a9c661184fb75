// What an EventLoop keeps for the streams on it. Private to common/net.
#pragma once

#include <deque>
#include <mutex>
#include <vector>

#include "common/net/event_loop.h"
#include "common/net/pass_queue.h"

namespace keyway::net {

struct EventLoop::Impl {
  // Shared by the loop's streams: bytes lie here only while an OnBytes runs.
  static constexpr size_t kReadBufferBytes = 64 * 1024;

  uv_prepare_t end_of_pass;
  uv_async_t wake;
  // Active when a pass ends with work left over: keeps the loop from sleeping.
  uv_idle_t no_sleep;

  std::mutex posted_mutex;
  std::vector<std::function<void()>> posted;  // guarded by posted_mutex
  std::vector<std::function<void()>> posted_batch;
  std::atomic<bool> stop{false};

  std::vector<std::function<void()>> tasks;
  std::vector<std::function<void()>> task_batch;
  // A deque, because a hook may add another while it runs.
  std::deque<std::function<void()>> hooks;
  std::deque<std::function<void()>> before_writes;

  // Retained input to present again, and streams to report closed.
  PassQueue presentations;
  PassQueue writes;

  std::unique_ptr<char[]> read_buffer{new char[kReadBufferBytes]};

  bool HasWork() const { return !tasks.empty() || !presentations.empty() || !writes.empty(); }
};

}  // namespace keyway::net
