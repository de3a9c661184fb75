// One row as COMMAND INFO and as COMMAND DOCS show it.
#pragma once

#include <functional>

#include "common/command/table.h"
#include "common/resp/reply_writer.h"

namespace keyway::command {

// Rows for which this returns false are not shown. An empty function shows all.
using Available = std::function<bool(const Command&)>;

inline bool IsShown(const Available& available, const Command& command) {
  return !available || available(command);
}

// The array of ten that COMMAND INFO gives for a command, its subcommands inside.
void WriteInfo(const Command& command, const Available& available, resp::ReplyWriter& reply);
// The name and the map that COMMAND DOCS gives for a command: one pair of the map of all.
void WriteDocs(const Command& command, const Available& available, resp::ReplyWriter& reply);

}  // namespace keyway::command
