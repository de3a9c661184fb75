#include "shard/commands/client_others.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "shard/commands/words.h"
#include "shard/server/blocking.h"
#include "shard/server/client.h"
#include "shard/server/client_registry.h"

namespace keyway::shard::commands {
namespace {

std::optional<ClientType> ParseType(std::string_view name) {
  if (Is(name, "normal")) return ClientType::kNormal;
  if (Is(name, "slave") || Is(name, "replica")) return ClientType::kReplica;
  if (Is(name, "pubsub")) return ClientType::kPubsub;
  if (Is(name, "master")) return ClientType::kPrimary;
  return std::nullopt;
}

std::string UnknownType(std::string_view name) {
  return "ERR Unknown client type '" + std::string(name) + "'";
}

std::string Line(CommandContext& context, const Client& client) {
  return client.Describe(context.services.clock.MonotonicMicros()) + "\n";
}

void Info(CommandContext& context) {
  context.reply.Verbatim("txt", Line(context, context.client));
}

void List(CommandContext& context) {
  const auto args = context.args;
  ClientRegistry& clients = context.services.clients;
  std::string lines;
  if (args.size() == 2 || (args.size() == 4 && Is(args[2], "type"))) {
    const bool all = args.size() == 2;
    const auto type = all ? std::nullopt : ParseType(args[3]);
    if (!all && !type) {
      context.reply.Error(UnknownType(args[3]));
      return;
    }
    clients.ForEach([&](Client& client) {
      if (all || client.type() == *type) lines += Line(context, client);
    });
  } else if (args.size() > 3 && Is(args[2], "id")) {
    for (std::string_view argument : args.subspan(3)) {
      int64_t id = 0;
      if (!ParseNumber(argument, &id)) {
        context.reply.Error("ERR Invalid client ID");
        return;
      }
      const Client* client = clients.Find(static_cast<uint64_t>(id));
      if (client != nullptr) lines += Line(context, *client);
    }
  } else {
    context.reply.Error(kSyntaxError);
    return;
  }
  context.reply.Verbatim("txt", lines);
}

struct KillFilter {
  std::optional<int64_t> id;
  std::optional<ClientType> type;
  std::optional<std::string_view> address;
  std::optional<std::string_view> local_address;
  bool skip_me = true;

  bool Matches(const Client& client, const Client& caller) const {
    if (address && client.PeerText() != *address) return false;
    if (local_address && client.LocalText() != *local_address) return false;
    if (type && *type != client.type()) return false;
    if (id && client.id() != static_cast<uint64_t>(*id)) return false;
    return !skip_me || &client != &caller;
  }
};

// One option with its value. Returns the error, or nothing.
std::optional<std::string> ParseKillOption(std::string_view name, std::string_view value,
                                           KillFilter* filter) {
  if (Is(name, "id")) {
    int64_t id = 0;
    if (!ParseNumber(value, &id) || id < 1) return "ERR client-id should be greater than 0";
    filter->id = id;
  } else if (Is(name, "type")) {
    filter->type = ParseType(value);
    if (!filter->type) return UnknownType(value);
  } else if (Is(name, "addr")) {
    filter->address = value;
  } else if (Is(name, "laddr")) {
    filter->local_address = value;
  } else if (Is(name, "user")) {
    // Everyone is the default user.
    if (value != "default") return "ERR No such user '" + std::string(value) + "'";
  } else if (Is(name, "skipme") && (Is(value, "yes") || Is(value, "no"))) {
    filter->skip_me = Is(value, "yes");
  } else {
    return std::string(kSyntaxError);
  }
  return std::nullopt;
}

int64_t KillMatching(CommandContext& context, const KillFilter& filter) {
  int64_t killed = 0;
  context.services.clients.ForEach([&](Client& client) {
    if (!filter.Matches(client, context.client)) return;
    ++killed;
    // The caller still gets its reply.
    if (&client != &context.client) context.services.clients.Close(client);
  });
  return killed;
}

void Kill(CommandContext& context) {
  const auto args = context.args;
  KillFilter filter;
  const bool by_address_only = args.size() == 3;
  if (by_address_only) {
    filter.address = args[2];
    filter.skip_me = false;
  }
  for (size_t i = 2; !by_address_only && i < args.size(); i += 2) {
    const bool has_value = i + 1 < args.size();
    const std::optional<std::string> error =
        has_value ? ParseKillOption(args[i], args[i + 1], &filter) : std::string(kSyntaxError);
    if (error) {
      context.reply.Error(*error);
      return;
    }
  }
  const bool kills_me = filter.Matches(context.client, context.client);
  const int64_t killed = KillMatching(context, filter);
  if (!by_address_only) {
    context.reply.Integer(killed);
  } else if (killed > 0) {
    context.reply.Ok();
  } else {
    context.reply.Error("ERR No such client");
  }
  if (kills_me) context.client.CloseAfterReply();
}

void Pause(CommandContext& context) {
  const auto args = context.args;
  if (args.size() > 4) {
    context.reply.Error(SubcommandSyntaxError("CLIENT", args[1]));
    return;
  }
  PauseMode mode = PauseMode::kAll;
  if (args.size() == 4) {
    if (!Is(args[3], "write") && !Is(args[3], "all")) {
      context.reply.Error("ERR CLIENT PAUSE mode must be WRITE or ALL");
      return;
    }
    if (Is(args[3], "write")) mode = PauseMode::kWrite;
  }
  int64_t millis = 0;
  if (!ParseNumber(args[2], &millis)) {
    context.reply.Error("ERR timeout is not an integer or out of range");
    return;
  }
  if (millis < 0) {
    context.reply.Error("ERR timeout is negative");
    return;
  }
  constexpr int64_t kLongestMillis = int64_t{100} * 365 * 24 * 3600 * 1000;
  const int64_t until =
      context.services.clock.MonotonicMicros() + std::min(millis, kLongestMillis) * 1000;
  context.services.clients.Pause(mode, until);
  context.reply.Ok();
}

void Unpause(CommandContext& context) {
  context.services.clients.Unpause();
  context.reply.Ok();
}

void Unblock(CommandContext& context) {
  const auto args = context.args;
  if (args.size() > 4) {
    context.reply.Error(SubcommandSyntaxError("CLIENT", args[1]));
    return;
  }
  if (args.size() == 4 && !Is(args[3], "timeout") && !Is(args[3], "error")) {
    context.reply.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    return;
  }
  int64_t id = 0;
  if (!ParseNumber(args[2], &id)) {
    context.reply.Error(kNotAnInteger);
    return;
  }
  // A client that waits for the end of a pause is not to be unblocked.
  Client* client = context.services.clients.Find(static_cast<uint64_t>(id));
  const auto how = args.size() == 4 && Is(args[3], "error") ? Blocking::UnblockReply::kError
                                                            : Blocking::UnblockReply::kTimeout;
  const bool unblocked =
      client != nullptr && context.services.blocking->Unblock(*client, how);
  context.reply.Integer(unblocked ? 1 : 0);
}

}  // namespace

void RegisterClientOthers(HandlerTable& handlers) {
  handlers.Register("client|info", Info);
  handlers.Register("client|list", List);
  handlers.Register("client|kill", Kill);
  handlers.Register("client|pause", Pause);
  handlers.Register("client|unpause", Unpause);
  handlers.Register("client|unblock", Unblock);
}

}  // namespace keyway::shard::commands
