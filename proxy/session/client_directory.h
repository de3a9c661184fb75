// The clients of all workers, reached from any of them: identifiers, the limit of clients, and
// questions to all (CLIENT LIST, CLIENT KILL).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/net/event_loop.h"

namespace keyway::proxy::execution {
class Statistics;
}
namespace keyway::proxy::session {

class SessionList;
struct SessionStatistics;

// What a worker answers to a question.
struct Census {
  std::vector<std::pair<uint64_t, std::string>> lines;  // client id and its line of CLIENT LIST
  uint64_t killed = 0;
};

// What the clients' connections have done since the start, or since CONFIG RESETSTAT.
struct ConnectionTotals {
  uint64_t accepted = 0;
  uint64_t rejected = 0;
  uint64_t input_bytes = 0;
  uint64_t output_bytes = 0;
};

class ClientDirectory {
 public:
  struct Worker {
    net::EventLoop* loop = nullptr;
    SessionList* sessions = nullptr;
    const SessionStatistics* session_statistics = nullptr;
    const execution::Statistics* statistics = nullptr;
  };

  explicit ClientDirectory(int64_t max_clients) : max_clients_(max_clients) {}

  // Before any worker's thread starts. What `worker` points to must outlive all threads.
  void Add(const Worker& worker) { workers_.push_back(worker); }
  const std::vector<Worker>& workers() const { return workers_; }

  uint64_t NextId() { return next_id_.fetch_add(1, std::memory_order_relaxed); }
  // Whether one more client fits; if so it is counted until Leave.
  bool Enter();
  void Leave() { connected_.fetch_sub(1, std::memory_order_relaxed); }
  int64_t connected() const { return connected_.load(std::memory_order_relaxed); }
  // From any thread. Clients that are above a new limit stay.
  int64_t max_clients() const { return max_clients_.load(std::memory_order_relaxed); }
  void set_max_clients(int64_t clients) { max_clients_.store(clients, std::memory_order_relaxed); }

  // From any thread.
  ConnectionTotals Totals() const;
  // Clients that a blocking command keeps waiting.
  uint64_t blocked() const;
  // CONFIG RESETSTAT: Totals counts from now.
  void MarkStatistics();

  // Runs `question` on every worker's thread, then `answer` with all results together on the thread
  // of `asker`, which is the calling one. `answer` is dropped if the loops stop before.
  void AskAll(net::EventLoop& asker, const std::function<void(SessionList&, Census*)>& question,
              std::function<void(Census)> answer);

  // The same for a question that takes time: `question` gets a function that it, or whoever it leaves
  // it to, calls once on that worker's thread. `answer` gets whether any said yes.
  using Reply = std::function<void(bool yes)>;
  void AskWhether(net::EventLoop& asker, const std::function<void(SessionList&, Reply)>& question,
                  std::function<void(bool any)> answer);

 private:
  ConnectionTotals TotalsSinceStart() const;

  std::atomic<int64_t> max_clients_;
  std::vector<Worker> workers_;
  std::atomic<uint64_t> next_id_{1};
  std::atomic<int64_t> connected_{0};
  mutable std::mutex mark_mutex_;
  ConnectionTotals mark_;  // TotalsSinceStart at CONFIG RESETSTAT
};

}  // namespace keyway::proxy::session
