// Which function executes which command. Filled once at the start by commands::RegisterAll; a row
// of the command table without a handler does not exist for clients of this shard.
#pragma once

#include <string_view>
#include <vector>

#include "common/command/table.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

class HandlerTable {
 public:
  HandlerTable() : handlers_(command::CommandCount(), nullptr) {}

  // `full_name`: "get" or "config|get". A name that the command table lacks, or that has a handler
  // already, is a bug and aborts the start.
  void Register(std::string_view full_name, Handler handler);

  // nullptr when the command is not implemented.
  Handler Find(const command::Command& command) const { return handlers_[command.id]; }
  // Whether it, or for a container any of its subcommands, can be executed.
  bool Implements(const command::Command& command) const;

 private:
  std::vector<Handler> handlers_;  // by CommandId
};

}  // namespace keyway::shard
