// From a request to the handler of its command: finds the command, makes all the checks that Redis
// 7.0 makes before a command runs, in its order, calls the handler, and counts.
//
// This is the one way in which a command of a client is executed. What comes later finds its place
// here: ACL rules and MULTI between authentication and slot check, memory and replication checks
// after it, the effect stream (replicas, AOF) and the slow log after the handler.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/command/table.h"
#include "shard/server/client.h"
#include "shard/server/command_context.h"
#include "shard/server/handler_table.h"

namespace keyway::shard {

class Dispatcher {
 public:
  // Both outlive the dispatcher. `services.config.renamed_commands` is read here, once.
  Dispatcher(Services& services, const HandlerTable& handlers);

  enum class Outcome : uint8_t {
    kDone,       // replied, or the client is closing
    kPostponed,  // nothing has happened, the client is suspended: ask again with the same request
  };

  // Before a series of Execute calls without waiting in between: reads the clock.
  void BeginBatch();
  // Executes one request of `client`. `args` is not empty.
  Outcome Execute(Client& client, std::span<const std::string_view> args);

  // When the last command of the batch ended; monotonic.
  int64_t now_micros() const { return now_micros_; }
  // Whether this shard has the command, under any name.
  bool Implements(const command::Command& command) const { return handlers_.Implements(command); }

 private:
  Outcome Refuse(Client& client, const command::Command* command, std::string_view error);
  Outcome RefuseLookup(Client& client, std::span<const std::string_view> args,
                       std::span<const std::string_view> said);
  Outcome ExecuteRenamed(Client& client, std::span<const std::string_view> args);
  // `said`: the request as the client wrote it, for the text of errors; `args` may have another
  // name.
  Outcome ExecuteNamed(Client& client, std::span<const std::string_view> args,
                       std::span<const std::string_view> said);
  bool AdmittedByCluster(Client& client, const command::Command& command,
                         std::span<const std::string_view> args);
  void Call(Client& client, const command::Command& command, Handler handler,
            std::span<const std::string_view> args);
  void AbortAttack(Client& client);

  Services& services_;
  const HandlerTable& handlers_;
  std::function<bool(const command::Command&)> available_;
  // By lower-case name as clients say it: the name in the table, or empty when the name is gone.
  std::unordered_map<std::string, std::string> renamed_;
  std::vector<command::KeyPosition> keys_;  // of the request at hand; reused
  int64_t now_micros_ = 0;
  int64_t wall_minus_monotonic_micros_ = 0;
  uint64_t clock_pass_ = UINT64_MAX;  // the pass in which the difference was taken
  int64_t last_attack_warning_micros_ = 0;
};

}  // namespace keyway::shard
