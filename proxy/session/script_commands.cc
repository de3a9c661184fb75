// SCRIPT DEBUG. The other commands for scripts and functions are the shards' to answer.
#include "proxy/session/local_commands.h"

namespace keyway::proxy::session {
namespace {

void ScriptDebug(LocalCall& call) {
  const std::string_view mode = call.arguments[2];
  if (EqualsIgnoreCase(mode, "no")) {
    call.reply.Ok();
  } else if (EqualsIgnoreCase(mode, "yes") || EqualsIgnoreCase(mode, "sync")) {
    call.Error(
        "ERR keyway-proxy does not support 'script|debug': a debugging session needs a connection of "
        "its own to a shard, connect to the shard itself");
  } else {
    call.Error("ERR Use SCRIPT DEBUG YES/SYNC/NO");
  }
}

}  // namespace

void RegisterScriptCommands(LocalCommands& commands) {
  commands.Add("script|debug", ScriptDebug);
}

}  // namespace keyway::proxy::session
