// What every "<COMMAND> HELP" looks like.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/resp/reply_writer.h"

namespace keyway::shard::commands {

// `container` in any case; `lines`: a line for the syntax and indented ones for the meaning of each
// subcommand, without HELP, which is added.
inline void ReplyHelp(std::string_view container, std::span<const std::string_view> lines,
                      resp::ReplyWriter& reply) {
  std::string head(container);
  for (char& c : head) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  head += " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
  reply.ArrayHeader(lines.size() + 3);
  reply.Simple(head);
  for (std::string_view line : lines) reply.Simple(line);
  reply.Simple("HELP");
  reply.Simple("    Prints this help.");
}

}  // namespace keyway::shard::commands
