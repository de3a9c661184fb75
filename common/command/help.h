// What "<CONTAINER> HELP" answers, for both programs, as Redis 7.0.15 prints it.
#pragma once

#include <span>
#include <string_view>

#include "common/resp/reply_writer.h"

namespace keyway::command {

// `container`: the command's name in any case. `lines`: for each subcommand a line for the syntax
// and indented ones for the meaning, without HELP, which is added.
void ReplyHelp(std::string_view container, std::span<const std::string_view> lines,
               resp::ReplyWriter& reply);

// The lines of CLIENT HELP, CLUSTER HELP and CONFIG HELP.
std::span<const std::string_view> ClientHelp();
std::span<const std::string_view> ClusterHelp();
std::span<const std::string_view> ConfigHelp();

}  // namespace keyway::command
