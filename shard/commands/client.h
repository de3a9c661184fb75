// CLIENT and its subcommands.
#pragma once

#include <string_view>

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterClient(HandlerTable& handlers);

// A client's name, as CLIENT SETNAME and HELLO take it: no blanks, no control characters, ASCII.
// The empty name is none at all.
bool IsValidClientName(std::string_view name);
inline constexpr std::string_view kInvalidClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

}  // namespace keyway::shard::commands
