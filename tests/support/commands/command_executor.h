// Executes the commands about keys without a server: looks a command up, calls its handler, returns
// the bytes of its reply. What these handlers do not touch (client, event loop, ...) is not there.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/resp/reply_writer.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/handler_table.h"

namespace keyway::shard {

class CommandExecutor {
 public:
  struct Options {
    int databases = 16;
    bool cluster = false;
    uint64_t seed = 1;
  };

  // `clock` must outlive the executor.
  CommandExecutor(const Clock& clock, const Options& options);
  explicit CommandExecutor(const Clock& clock) : CommandExecutor(clock, Options{}) {}

  // The reply to one request. SELECT is understood too, as far as tests need it.
  std::string Run(std::span<const std::string_view> args);
  // Of words separated by single blanks.
  std::string Run(std::string_view line);

  void set_version(resp::Version version) { version_ = version; }
  // After a change, UpdateOptions tells the keyspace.
  ShardConfig& config() { return config_; }
  void UpdateOptions();
  keyspace::Keyspace& keyspace() { return keyspace_; }
  keyspace::Database& database() { return keyspace_.database(selected_); }

 private:
  const Clock& clock_;
  bool cluster_;
  Random random_;
  ShardConfig config_;
  keyspace::Keyspace keyspace_;
  HandlerTable handlers_;
  resp::Version version_ = resp::Version::kResp2;
  int selected_ = 0;
};

}  // namespace keyway::shard
