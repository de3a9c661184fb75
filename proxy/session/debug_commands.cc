// DEBUG, when --enable_debug_command allows it: what concerns a key goes to its shard, what
// concerns the server to all shards. The shards have to allow it too (enable-debug-command).
#include <algorithm>
#include <string>

#include "proxy/execution/admin_merge.h"
#include "proxy/execution/ask_all.h"
#include "proxy/routing/router.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

constexpr std::string_view kNotAllowed =
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you "
    "can run it from a local connection, otherwise you need to set this option in the configuration "
    "file, and then restart the server.";

// Who executes a subcommand. DEBUG has no rows of its own in the command table. What is not here
// Redis does not know, as any shard says.
enum class Where : uint8_t { kShardOfKey, kShardOfKeys, kAnyShard, kAllShards, kNowhere };
struct Subcommand {
  std::string_view name;
  Where where;
};

constexpr Subcommand kSubcommands[] = {
    {"error", Where::kAnyShard},
    {"help", Where::kAnyShard},
    {"protocol", Where::kAnyShard},
    {"stringmatch-len", Where::kAnyShard},
    {"structsize", Where::kAnyShard},

    {"digest-value", Where::kShardOfKeys},
    {"htstats-key", Where::kShardOfKey},
    {"listpack", Where::kShardOfKey},
    {"object", Where::kShardOfKey},
    {"quicklist", Where::kShardOfKey},
    {"sdslen", Where::kShardOfKey},
    {"ziplist", Where::kShardOfKey},

    {"aof-flush-sleep", Where::kAllShards},
    {"config-rewrite-force-all", Where::kAllShards},
    {"jmap", Where::kAllShards},
    {"loadaof", Where::kAllShards},
    {"log", Where::kAllShards},
    {"pause-cron", Where::kAllShards},
    {"quicklist-packed-threshold", Where::kAllShards},
    {"reload", Where::kAllShards},
    {"replybuffer", Where::kAllShards},
    {"set-active-expire", Where::kAllShards},
    {"set-disable-deny-scripts", Where::kAllShards},
    {"set-skip-checksum-validation", Where::kAllShards},
    {"sleep", Where::kAllShards},

    {"assert", Where::kNowhere},
    {"change-repl-id", Where::kNowhere},
    {"client-eviction", Where::kNowhere},
    {"clusterlink", Where::kNowhere},
    {"crash-and-recover", Where::kNowhere},
    {"digest", Where::kNowhere},
    {"drop-cluster-packet-filter", Where::kNowhere},
    {"htstats", Where::kNowhere},
    {"leak", Where::kNowhere},
    {"mallctl", Where::kNowhere},
    {"mallctl-str", Where::kNowhere},
    {"oom", Where::kNowhere},
    {"panic", Where::kNowhere},
    {"populate", Where::kNowhere},
    {"replicate", Where::kNowhere},
    {"restart", Where::kNowhere},
    {"segfault", Where::kNowhere},
    {"stringmatch-test", Where::kNowhere},
};

Where WhereIs(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kSubcommands), std::end(kSubcommands),
                   [name](const Subcommand& each) { return EqualsIgnoreCase(each.name, name); });
  return found == std::end(kSubcommands) ? Where::kAnyShard : found->where;
}

void ForwardToAny(LocalCall& call) {
  call.Forward(call.session.context().executor.AnySlot(call.session.client().id));
}

void ForwardByKeys(LocalCall& call, std::span<const std::string_view> keys) {
  if (keys.empty()) return ForwardToAny(call);
  const Slot slot = KeySlot(keys[0]);
  for (std::string_view key : keys) {
    if (KeySlot(key) != slot) return call.Error(routing::kCrossSlot);
  }
  call.Forward(slot);
}

void Debug(LocalCall& call) {
  if (!call.session.context().options.allow_debug) return call.Error(kNotAllowed);
  const std::string_view name = call.arguments[1];
  switch (WhereIs(name)) {
    case Where::kShardOfKey:
      return ForwardByKeys(call, call.arguments.subspan(2, call.arguments.size() > 2 ? 1 : 0));
    case Where::kShardOfKeys:
      return ForwardByKeys(call, call.arguments.subspan(2));
    case Where::kAnyShard:
      return ForwardToAny(call);
    case Where::kAllShards:
      call.Defer(new execution::AskAllOperation({.repeatable = false}, execution::ReplyFirst));
      return;
    case Where::kNowhere:
      return call.Error("ERR keyway-proxy does not support DEBUG " + std::string(name) +
                        ": it concerns a single server, ask the shards themselves");
  }
}

}  // namespace

void RegisterDebugCommands(LocalCommands& commands) {
  commands.AddQuiet("debug", Debug);
}

}  // namespace keyway::proxy::session
