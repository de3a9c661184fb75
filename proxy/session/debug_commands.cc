// DEBUG, when --enable_debug_command allows it: what concerns a key goes to its shard, what concerns
// the server to all shards. The shards have to allow it too (enable-debug-command).
#include <algorithm>
#include <string>

#include "proxy/execution/admin_merge.h"
#include "proxy/execution/ask_all.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

constexpr std::string_view kNotAllowed =
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can "
    "run it from a local connection, otherwise you need to set this option in the configuration "
    "file, and then restart the server.";

// Who executes a subcommand. DEBUG has no rows of its own in the command table.
enum class Where : uint8_t { kShardOfKey, kAnyShard, kAllShards };
struct Subcommand {
  std::string_view name;
  Where where;
};

constexpr Subcommand kSubcommands[] = {
    {"help", Where::kAnyShard},
    {"error", Where::kAnyShard},
    {"protocol", Where::kAnyShard},
    {"stringmatch-len", Where::kAnyShard},
    {"structsize", Where::kAnyShard},
    {"object", Where::kShardOfKey},
    {"sdslen", Where::kShardOfKey},
    {"listpack", Where::kShardOfKey},
    {"ziplist", Where::kShardOfKey},
    {"quicklist", Where::kShardOfKey},
    {"htstats-key", Where::kShardOfKey},
    {"jmap", Where::kAllShards},
    {"loadaof", Where::kAllShards},
    {"log", Where::kAllShards},
    {"quicklist-packed-threshold", Where::kAllShards},
    {"reload", Where::kAllShards},
    {"set-active-expire", Where::kAllShards},
    {"sleep", Where::kAllShards},
};

void Debug(LocalCall& call) {
  if (!call.session.context().options.allow_debug) return call.Error(kNotAllowed);
  const std::string_view name = call.arguments[1];
  const auto* subcommand =
      std::find_if(std::begin(kSubcommands), std::end(kSubcommands),
                   [name](const Subcommand& each) { return EqualsIgnoreCase(each.name, name); });
  if (subcommand == std::end(kSubcommands)) {
    return call.Error("ERR keyway-proxy does not support DEBUG " + std::string(name) +
                      ": it concerns a single server, ask the shards themselves");
  }
  const bool has_key = call.arguments.size() > 2;
  if (subcommand->where == Where::kShardOfKey && has_key) {
    return call.Forward(KeySlot(call.arguments[2]));
  }
  if (subcommand->where != Where::kAllShards) {
    return call.Forward(call.session.context().executor.AnySlot(call.session.client().id));
  }
  call.Defer(new execution::AskAllOperation({.repeatable = false}, execution::ReplyFirst));
}

}  // namespace

void RegisterDebugCommands(LocalCommands& commands) {
  commands.Add("debug", Debug);
}

}  // namespace keyway::proxy::session
