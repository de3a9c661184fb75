// COMMAND and its subcommands, answered from the table; both programs use it.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "common/command/table.h"
#include "common/resp/reply_writer.h"

namespace keyway::command {

// Executes COMMAND, COMMAND COUNT, INFO, LIST [FILTERBY ...], DOCS, GETKEYS, GETKEYSANDFLAGS and
// HELP and writes the reply that Redis 7.0.15 writes. `arguments` begins with "COMMAND" and has
// passed the arity check. Rows for which `available` returns false are not shown.
void ReplyToCommand(std::span<const std::string_view> arguments,
                    const std::function<bool(const Command&)>& available, resp::ReplyWriter& reply);

}  // namespace keyway::command
