#include "shard/server/handler_table.h"

#include <algorithm>

#include <glog/logging.h>

namespace keyway::shard {

void HandlerTable::Register(std::string_view full_name, Handler handler) {
  const command::Command* command = command::FindByFullName(full_name);
  CHECK(command != nullptr) << "no such command in the table: " << full_name;
  CHECK(handlers_[command->id] == nullptr) << "a second handler for " << full_name;
  handlers_[command->id] = handler;
}

bool HandlerTable::Implements(const command::Command& command) const {
  if (Find(command) != nullptr) return true;
  return std::any_of(command.subcommands.begin(), command.subcommands.end(),
                     [this](const command::Command* sub) { return Find(*sub) != nullptr; });
}

}  // namespace keyway::shard
