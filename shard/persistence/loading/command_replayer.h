// Executes the commands of an append-only file, as the primary that they come from has executed
// them: by their handlers, without what surrounds a client's command (checks of access, of memory
// and of slots, statistics, effects, MONITOR). They never wait.
//
// A transaction is executed when its EXEC is there, and not at all without. Commands that change
// nothing are passed over. What a handler replies is of no interest; errors are counted.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/expected.h"
#include "common/command/table.h"
#include "shard/server/client.h"
#include "shard/server/command_context.h"
#include "shard/server/kept_arguments.h"

namespace keyway::shard::persistence {

class CommandReplayer {
 public:
  // `services`, with a dispatcher, outlives the object. One for each file: database 0 is selected.
  explicit CommandReplayer(Services& services);

  // The error, for the log, ends the loading: there is no such command, or no such database.
  // `file`: its name, for the error.
  Status Replay(std::span<const std::string_view> args, std::string_view file);

  // Whether a MULTI has had no EXEC yet.
  bool in_transaction() const { return in_transaction_; }
  // Error replies, and the first of them.
  uint64_t errors() const { return errors_; }
  const std::string& first_error() const { return first_error_; }

 private:
  struct Queued {
    const command::Command* command;
    Handler handler;
    KeptArguments args;
  };

  const command::Command* Find(std::span<const std::string_view> args, Handler* handler) const;
  Status Run(const command::Command& command, Handler handler,
             std::span<const std::string_view> args);
  Status RunQueue();
  void NoteErrors(const command::Command& command, uint32_t errors);

  Services& services_;
  const command::Command* const multi_;
  const command::Command* const exec_;
  const command::Command* const select_;
  // By lower-case name: what rename-command has made of the names in the table.
  std::unordered_map<std::string, std::string> renamed_;
  Client client_;
  std::vector<Queued> queue_;
  bool in_transaction_ = false;
  uint64_t commands_ = 0;
  int64_t now_ms_ = 0;
  uint64_t errors_ = 0;
  std::string first_error_;
};

}  // namespace keyway::shard::persistence
