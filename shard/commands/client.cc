// CLIENT's subcommands about the client itself; those about others (LIST, KILL, PAUSE) are in
// client_others.cc.
#include "shard/commands/client.h"

#include <algorithm>

#include "common/command/help.h"
#include "shard/commands/client_others.h"
#include "shard/commands/words.h"
#include "shard/server/client.h"

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
  context.reply.Ok();
}

// Nobody tracks keys: CLIENT TRACKING does not exist yet.
void Caching(CommandContext& context) {
  context.reply.Error(
      "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
      "OPTOUT mode enabled");
}

void GetRedir(CommandContext& context) {
  context.reply.Integer(-1);
}

void TrackingInfo(CommandContext& context) {
  context.reply.MapHeader(3);
  context.reply.Bulk("flags");
  context.reply.SetHeader(1);
  context.reply.Bulk("off");
  context.reply.Bulk("redirect");
  context.reply.Integer(-1);
  context.reply.Bulk("prefixes");
  context.reply.ArrayHeader(0);
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
  handlers.Register("client|caching", Caching);
  handlers.Register("client|getredir", GetRedir);
  handlers.Register("client|trackinginfo", TrackingInfo);
  RegisterClientOthers(handlers);
}

}  // namespace keyway::shard::commands
