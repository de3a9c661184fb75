// SLOWLOG: the last commands that took longer than slowlog-log-slower-than, in memory
// (https://redis.io/commands/slowlog-get).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/command/table.h"
#include "common/config/registry.h"

namespace keyway::shard {

struct ShardConfig;

class SlowLog {
 public:
  // An entry keeps that many arguments, the last of them saying how many are missing, and of each
  // that many bytes.
  static constexpr size_t kMaxArguments = 32;
  static constexpr size_t kMaxArgumentBytes = 128;

  struct Entry {
    uint64_t id = 0;
    int64_t seconds = 0;  // Unix time
    int64_t micros = 0;
    std::vector<std::string> arguments;
    std::string address;
    std::string name;
  };

  // All outlive the object.
  SlowLog(const Clock& clock, const ShardConfig& config, const config::Registry& registry);

  // Whether a command that took that long is kept: for the caller to ask first.
  bool Keeps(const command::Command& command, int64_t micros) const;
  // `address` and `name` are those of the client that sent it.
  void Add(const command::Command& command, std::span<const std::string_view> args, int64_t micros,
           std::string address, std::string_view name);

  // The latest first.
  const std::deque<Entry>& entries() const { return entries_; }
  void Reset() { entries_.clear(); }

 private:
  const Clock& clock_;
  const ShardConfig& config_;
  const config::Registry& registry_;
  std::deque<Entry> entries_;
  uint64_t next_id_ = 0;
};

// Which arguments of a request are secrets that no log may show: passwords of AUTH, HELLO and
// MIGRATE, users, and the values of directives that are sensitive. By index; the name is never one.
std::vector<bool> SecretArguments(const command::Command& command,
                                  std::span<const std::string_view> args,
                                  const config::Registry& registry);
inline constexpr std::string_view kRedacted = "(redacted)";

}  // namespace keyway::shard
