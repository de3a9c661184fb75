#include "shard/commands/client_tracking.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shard/commands/words.h"
#include "shard/server/client.h"
#include "shard/server/client_registry.h"
#include "shard/server/monitors.h"
#include "shard/server/tracking.h"

namespace keyway::shard::commands {
namespace {

TrackingState* StateOf(CommandContext& context) {
  return context.client.state<TrackingState>(StateKind::kTracking);
}

struct Request {
  TrackingOptions options;
  std::vector<std::string_view> prefixes;
};

// Writes the error and returns false when the client to redirect to is none.
bool ReadRedirect(CommandContext& context, std::string_view argument, Request* request) {
  int64_t id = 0;
  if (request->options.redirect != 0) {
    context.reply.Error("ERR A client can only redirect to a single other client");
    return false;
  }
  if (!ParseNumber(argument, &id)) {
    context.reply.Error(kNotAnInteger);
    return false;
  }
  if (id <= 0 || context.services.clients.Find(static_cast<uint64_t>(id)) == nullptr) {
    context.reply.Error("ERR The client ID you want redirect to does not exist");
    return false;
  }
  request->options.redirect = static_cast<uint64_t>(id);
  return true;
}

bool ReadOptions(CommandContext& context, Request* request) {
  const auto args = context.args;
  for (size_t i = 3; i < args.size(); ++i) {
    const bool has_value = i + 1 < args.size();
    if (Is(args[i], "redirect") && has_value) {
      if (!ReadRedirect(context, args[++i], request)) return false;
    } else if (Is(args[i], "bcast")) {
      request->options.bcast = true;
    } else if (Is(args[i], "optin")) {
      request->options.optin = true;
    } else if (Is(args[i], "optout")) {
      request->options.optout = true;
    } else if (Is(args[i], "noloop")) {
      request->options.noloop = true;
    } else if (Is(args[i], "prefix") && has_value) {
      request->prefixes.push_back(args[++i]);
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

void Track(CommandContext& context) {
  Request request;
  if (!ReadOptions(context, &request)) return;
  if (Is(context.args[2], "on")) {
    const std::optional<std::string> error =
        context.services.tracking->Enable(context.client, request.options, request.prefixes);
    if (error) return context.reply.Error(*error);
  } else if (Is(context.args[2], "off")) {
    context.services.tracking->Disable(context.client);
  } else {
    return context.reply.Error(kSyntaxError);
  }
  context.reply.Ok();
}

void Caching(CommandContext& context) {
  TrackingState* state = StateOf(context);
  if (state == nullptr) {
    return context.reply.Error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
        "OPTOUT mode enabled");
  }
  if (Is(context.args[2], "yes")) {
    if (!state->options.optin) {
      return context.reply.Error(
          "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    }
  } else if (Is(context.args[2], "no")) {
    if (!state->options.optout) {
      return context.reply.Error(
          "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    }
  } else {
    return context.reply.Error(kSyntaxError);
  }
  state->caching = true;
  context.reply.Ok();
}

int64_t RedirectOf(const TrackingState* state) {
  return state == nullptr ? -1 : static_cast<int64_t>(state->options.redirect);
}

void GetRedir(CommandContext& context) {
  context.reply.Integer(RedirectOf(StateOf(context)));
}

void TrackingInfo(CommandContext& context) {
  const TrackingState* state = StateOf(context);
  std::vector<std::string_view> flags = {state == nullptr ? "off" : "on"};
  if (state != nullptr) {
    const TrackingOptions& options = state->options;
    if (options.bcast) flags.push_back("bcast");
    if (options.optin) flags.push_back("optin");
    if (options.optin && state->caching) flags.push_back("caching-yes");
    if (options.optout) flags.push_back("optout");
    if (options.optout && state->caching) flags.push_back("caching-no");
    if (options.noloop) flags.push_back("noloop");
    if (state->broken) flags.push_back("broken_redirect");
  }
  resp::ReplyWriter& reply = context.reply;
  reply.MapHeader(3);
  reply.Bulk("flags");
  reply.SetHeader(flags.size());
  for (std::string_view flag : flags) reply.Bulk(flag);
  reply.Bulk("redirect");
  reply.Integer(RedirectOf(state));
  reply.Bulk("prefixes");
  reply.ArrayHeader(state == nullptr ? 0 : state->prefixes.size());
  if (state == nullptr) return;
  for (const std::string& prefix : state->prefixes) reply.Bulk(prefix);
}

// A client that is a monitor already is not answered.
void Monitor(CommandContext& context) {
  if (!context.may_block) {
    return context.reply.Error("ERR MONITOR isn't allowed for DENY BLOCKING client");
  }
  if (context.client.is_replica()) return;  // there is no place for a reply in its stream
  if (context.services.monitors->Add(context.client)) context.reply.Ok();
}

}  // namespace

void RegisterClientTracking(HandlerTable& handlers) {
  handlers.Register("client|tracking", Track);
  handlers.Register("client|caching", Caching);
  handlers.Register("client|getredir", GetRedir);
  handlers.Register("client|trackinginfo", TrackingInfo);
  handlers.Register("monitor", Monitor);
}

}  // namespace keyway::shard::commands
