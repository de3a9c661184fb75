// What happens when, in a simulation: actions in the order of their times, those of one time in the
// order in which they came.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace keyway::sim {

class EventQueue {
 public:
  using Action = std::function<void()>;

  void Push(int64_t time_us, Action action) {
    events_.push_back({time_us, ++count_, std::move(action)});
    std::push_heap(events_.begin(), events_.end(), Later());
  }
  bool empty() const { return events_.empty(); }
  // Of a queue that is not empty.
  int64_t next_time_us() const { return events_.front().time_us; }
  Action Pop() {
    std::pop_heap(events_.begin(), events_.end(), Later());
    Action action = std::move(events_.back().action);
    events_.pop_back();
    return action;
  }

 private:
  struct Event {
    int64_t time_us;
    uint64_t order;
    Action action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.time_us != b.time_us ? a.time_us > b.time_us : a.order > b.order;
    }
  };

  std::vector<Event> events_;
  uint64_t count_ = 0;
};

}  // namespace keyway::sim
