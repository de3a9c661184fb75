// What the shard counts about itself, for INFO and the metrics: plain numbers, written on the one
// thread that executes commands.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/command/table.h"
#include "shard/server/latency_histogram.h"

namespace keyway::shard {

// Calls of one command.
struct CommandStats {
  uint64_t calls = 0;
  uint64_t micros = 0;
  uint64_t rejected = 0;  // refused before it was executed
  uint64_t failed = 0;    // executed, and replied with an error
  std::unique_ptr<LatencyHistogram> latency;

  bool used() const { return calls != 0 || rejected != 0 || failed != 0; }
};

// The growth of a counter a second, as the mean of the last 16 samples (Redis's "instantaneous"
// figures).
class Rate {
 public:
  // `value`: the counter now; `now_micros`: monotonic.
  void Sample(uint64_t value, int64_t now_micros);
  uint64_t PerSecond() const;
  void Reset() { *this = Rate(); }

 private:
  static constexpr size_t kSamples = 16;

  std::array<uint64_t, kSamples> samples_ = {};
  size_t next_ = 0;
  uint64_t last_value_ = 0;
  int64_t last_micros_ = 0;
};

// The largest value lately: since the last Rotate or the one before.
class RecentMax {
 public:
  void Add(size_t value) {
    if (value > current_) current_ = value;
  }
  size_t value() const { return current_ > previous_ ? current_ : previous_; }
  void Rotate() {
    previous_ = current_;
    current_ = 0;
  }

 private:
  size_t current_ = 0;
  size_t previous_ = 0;
};

class ServerStats {
 public:
  ServerStats() : commands_(command::CommandCount()) {}

  // Counters that CONFIG RESETSTAT sets to zero.
  struct Counters {
    uint64_t commands_processed = 0;
    uint64_t connections_received = 0;
    uint64_t connections_rejected = 0;
    uint64_t error_replies = 0;
    uint64_t reads_processed = 0;
    uint64_t writes_before_reset = 0;  // of EventLoop::writes()
    uint64_t input_bytes_closed = 0;   // of connections that are gone
    uint64_t output_bytes_closed = 0;
    uint64_t input_bytes_before_reset = 0;
    uint64_t output_bytes_before_reset = 0;
    uint64_t output_limit_disconnections = 0;
    uint64_t query_limit_disconnections = 0;
    uint64_t sync_full = 0;         // full syncs with replicas
    uint64_t sync_partial_ok = 0;   // partial syncs that were possible
    uint64_t sync_partial_err = 0;  // and those that were not
    // Errors in what only redis-server's own kind says: the primary's commands on a replica.
    uint64_t unexpected_error_replies = 0;
    // Bytes of links to the primary and to replicas; part of those of all connections.
    uint64_t repl_input_bytes_closed = 0;
    uint64_t repl_output_bytes_closed = 0;
    uint64_t repl_input_bytes_before_reset = 0;
    uint64_t repl_output_bytes_before_reset = 0;
  };
  Counters counters;

  CommandStats& command(command::CommandId id) { return commands_[id]; }
  const CommandStats& command(command::CommandId id) const { return commands_[id]; }

  // One executed call. `track_latency`: also into the command's histogram.
  void CountCall(command::CommandId id, uint64_t micros, bool track_latency) {
    CommandStats& stats = commands_[id];
    ++stats.calls;
    stats.micros += micros;
    ++counters.commands_processed;
    if (track_latency) RecordLatency(stats, micros);
  }

  // A call that was counted, without its latency, when it began to wait, has ended: `micros` since it
  // went on, `total_micros` with what it took before it waited.
  void CountEndOfWait(command::CommandId id, uint64_t micros, uint64_t total_micros,
                      bool track_latency) {
    CommandStats& stats = commands_[id];
    stats.micros += micros;
    if (track_latency) RecordLatency(stats, total_micros);
  }

  // An error reply that begins with `code`. At most kMaxErrorCodes different codes are told apart,
  // so that clients cannot make the map grow.
  void CountError(std::string_view code);
  static constexpr size_t kMaxErrorCodes = 128;
  const std::map<std::string, uint64_t, std::less<>>& errors() const { return errors_; }

  Rate operations;
  Rate input_bytes;
  Rate output_bytes;
  Rate repl_input_bytes;
  Rate repl_output_bytes;

  // Memory: sampled by the cron, as the highest value needs looking more often than INFO is called.
  uint64_t memory_peak = 0;
  uint64_t memory_at_start = 0;

  // The largest input and output buffers that clients had lately.
  RecentMax recent_max_input;
  RecentMax recent_max_output;

  // How often a second the cron runs at the moment (hz, and more with many clients).
  int64_t current_hz = 10;

  // CONFIG RESETSTAT. The caller first moves the totals of the living connections into the
  // *_before_reset counters, which stay.
  void Reset();

 private:
  void RecordLatency(CommandStats& stats, uint64_t micros);

  std::vector<CommandStats> commands_;  // by CommandId
  std::map<std::string, uint64_t, std::less<>> errors_;
};

}  // namespace keyway::shard
