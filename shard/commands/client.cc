// CLIENT's subcommands about the client itself; those about others (LIST, KILL, PAUSE) are in
// client_others.cc, client-side caching in client_tracking.cc.
#include "shard/commands/client.h"

#include <algorithm>

#include "common/command/help.h"
#include "shard/commands/client_others.h"
#include "shard/commands/client_tracking.h"
#include "shard/commands/words.h"
#include "shard/server/client.h"
#include "shard/server/client_eviction.h"

namespace keyway::shard::commands {
namespace {

void Help(CommandContext& context) {
  command::ReplyHelp("client", command::ClientHelp(), context.reply);
}

void Id(CommandContext& context) {
  context.reply.Integer(static_cast<int64_t>(context.client.id()));
}

void GetName(CommandContext& context) {
  if (context.client.name().empty()) {
    context.reply.Null();
  } else {
    context.reply.Bulk(context.client.name());
  }
}

void SetName(CommandContext& context) {
  if (!IsValidClientName(context.args[2])) {
    context.reply.Error(kInvalidClientName);
    return;
  }
  context.client.set_name(context.args[2]);
  context.reply.Ok();
}

void Reply(CommandContext& context) {
  const std::string_view mode = context.args[2];
  if (Is(mode, "on")) {
    context.client.SetReplyMode(ReplyMode::kOn);
    context.client.Reply().Ok();
  } else if (Is(mode, "off")) {
    context.client.SetReplyMode(ReplyMode::kOff);
  } else if (Is(mode, "skip")) {
    context.client.SetReplyMode(ReplyMode::kSkip);
  } else {
    context.reply.Error(kSyntaxError);
  }
}

void NoEvict(CommandContext& context) {
  const bool on = Is(context.args[2], "on");
  if (!on && !Is(context.args[2], "off")) {
    context.reply.Error(kSyntaxError);
    return;
  }
  context.client.set_no_evict(on);
  if (context.services.client_eviction != nullptr) {
    context.services.client_eviction->Update(context.client);
  }
  context.reply.Ok();
}

}  // namespace

bool IsValidClientName(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; });
}

void RegisterClient(HandlerTable& handlers) {
  handlers.Register("client|help", Help);
  handlers.Register("client|id", Id);
  handlers.Register("client|getname", GetName);
  handlers.Register("client|setname", SetName);
  handlers.Register("client|reply", Reply);
  handlers.Register("client|no-evict", NoEvict);
  RegisterClientOthers(handlers);
  RegisterClientTracking(handlers);
}

}  // namespace keyway::shard::commands
