#include "shard/commands/replication_commands.h"

#include "shard/commands/arguments.h"
#include "shard/server/blocking.h"
#include "shard/server/replication.h"

namespace keyway::shard::commands {
namespace {

void Role(CommandContext& context) {
  context.reply.ArrayHeader(3);
  context.reply.Bulk("master");
  context.reply.Integer(0);      // the replication offset
  context.reply.ArrayHeader(0);  // the replicas
}

void Wait(CommandContext& context) {
  int64_t replicas = 0;
  int64_t timeout_ms = 0;
  if (!ReadInteger(context, context.args[1], &replicas) ||
      !ReadTimeoutMillis(context, context.args[2], &timeout_ms)) {
    return;
  }
  if (replicas <= 0) {
    context.reply.Integer(0);
    return;
  }
  context.services.blocking->Block(
      context, {.timeout_ms = timeout_ms, .on_timeout = Blocking::OnTimeout::kZero});
}

void Replconf(CommandContext& context) {
  context.services.replication->HandleReplconf(context);
}

void Sync(CommandContext& context) {
  context.services.replication->HandleSync(context);
}

}  // namespace

void RegisterReplication(HandlerTable& handlers) {
  handlers.Register("role", Role);
  handlers.Register("wait", Wait);
  handlers.Register("replconf", Replconf);
  handlers.Register("psync", Sync);
  handlers.Register("sync", Sync);
}

}  // namespace keyway::shard::commands
