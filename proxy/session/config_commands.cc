// CONFIG. A proxy is configured by its flags; what clients and frameworks ask for when they connect
// is answered from a small table (Identity::config), the rest is refused clearly.
#include <algorithm>
#include <vector>

#include "common/base/glob.h"
#include "common/command/help.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

void Get(LocalCall& call) {
  const auto& config = call.session.context().identity.config;
  std::vector<std::pair<std::string_view, std::string_view>> matches;
  const auto known = [&matches](std::string_view name) {
    return std::any_of(matches.begin(), matches.end(),
                       [name](const auto& match) { return match.first == name; });
  };
  for (std::string_view pattern : call.arguments.subspan(2)) {
    const bool exact = pattern.find_first_of("*?[") == std::string_view::npos;
    for (const auto& [name, value] : config) {
      const bool matching =
          exact ? EqualsIgnoreCase(pattern, name) : GlobMatch(pattern, name, true);
      // Redis shows a name without wildcards as it was asked for.
      const std::string_view shown = exact ? pattern : std::string_view(name);
      if (matching && !known(shown)) matches.emplace_back(shown, value);
    }
  }
  call.reply.MapHeader(matches.size());
  for (const auto& [name, value] : matches) {
    call.reply.Bulk(name);
    call.reply.Bulk(value);
  }
}

void Refuse(LocalCall& call) {
  call.Error("ERR keyway-proxy does not support '" + call.command.full_name +
             "': a proxy is configured by its flags, a shard by CONFIG on its own port");
}

void Help(LocalCall& call) {
  WriteHelp(call, command::ConfigHelp());
}

}  // namespace

void RegisterConfigCommands(LocalCommands& commands) {
  commands.Add("config|get", Get);
  commands.Add("config|set", Refuse);
  commands.Add("config|resetstat", Refuse);
  commands.Add("config|rewrite", Refuse);
  commands.Add("config|help", Help);
}

}  // namespace keyway::proxy::session
