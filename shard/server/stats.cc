#include "shard/server/stats.h"

#include <numeric>

namespace keyway::shard {

void Rate::Sample(uint64_t value, int64_t now_micros) {
  const int64_t elapsed = now_micros - last_micros_;
  if (last_micros_ != 0 && elapsed > 0 && value >= last_value_) {
    samples_[next_] = (value - last_value_) * 1'000'000 / static_cast<uint64_t>(elapsed);
    next_ = (next_ + 1) % kSamples;
  }
  last_value_ = value;
  last_micros_ = now_micros;
}

uint64_t Rate::PerSecond() const {
  return std::accumulate(samples_.begin(), samples_.end(), uint64_t{0}) / kSamples;
}

void ServerStats::CountError(std::string_view code) {
  ++counters.error_replies;
  const auto found = errors_.find(code);
  if (found != errors_.end()) {
    ++found->second;
  } else if (errors_.size() < kMaxErrorCodes) {
    errors_.emplace(code, 1);
  }
}

void ServerStats::RecordLatency(CommandStats& stats, uint64_t micros) {
  if (stats.latency == nullptr) stats.latency = std::make_unique<LatencyHistogram>();
  stats.latency->Record(micros * 1000);
}

void ServerStats::Reset() {
  const Counters old = counters;
  counters = Counters();
  counters.writes_before_reset = old.writes_before_reset;
  counters.input_bytes_closed = old.input_bytes_closed;
  counters.output_bytes_closed = old.output_bytes_closed;
  counters.input_bytes_before_reset = old.input_bytes_before_reset;
  counters.output_bytes_before_reset = old.output_bytes_before_reset;
  counters.repl_input_bytes_closed = old.repl_input_bytes_closed;
  counters.repl_output_bytes_closed = old.repl_output_bytes_closed;
  counters.repl_input_bytes_before_reset = old.repl_input_bytes_before_reset;
  counters.repl_output_bytes_before_reset = old.repl_output_bytes_before_reset;
  for (CommandStats& stats : commands_) stats = CommandStats();
  errors_.clear();
  operations.Reset();
  input_bytes.Reset();
  output_bytes.Reset();
  repl_input_bytes.Reset();
  repl_output_bytes.Reset();
}

}  // namespace keyway::shard
