// The last events of a simulation, kept if KEYWAY_SIM_TRACE says how many, for the report of a
// schedule that has failed.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>

namespace keyway::sim {

class Trace {
 public:
  Trace() {
    const char* text = std::getenv("KEYWAY_SIM_TRACE");
    if (text != nullptr) limit_ = std::strtoull(text, nullptr, 10);
  }

  bool on() const { return limit_ > 0; }
  // To be called when it is on.
  void Add(int64_t time_us, const std::string& event) {
    events_.push_back(std::to_string(time_us / 1000) + " ms: " + event);
    if (events_.size() > limit_) events_.pop_front();
  }
  std::string Text() const {
    std::string text;
    for (const std::string& event : events_) text += event + "\n";
    return text;
  }

 private:
  size_t limit_ = 0;
  std::deque<std::string> events_;
};

}  // namespace keyway::sim
