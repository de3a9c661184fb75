#include "shard/commands/connection.h"

#include <algorithm>
#include <optional>

#include "shard/cluster/cluster.h"
#include "shard/commands/client.h"
#include "shard/commands/words.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/client.h"
#include "shard/server/lifecycle.h"
#include "shard/server/replica_rules.h"

namespace keyway::shard::commands {
namespace {

constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";
constexpr std::string_view kDefaultUser = "default";

// Takes as long whatever differs, so that its duration tells nothing about the secret.
bool SameSecret(std::string_view given, std::string_view secret) {
  size_t difference = given.size() ^ secret.size();
  for (size_t i = 0; i < given.size(); ++i) {
    const char other = secret.empty() ? '\0' : secret[i % secret.size()];
    difference |= static_cast<unsigned char>(given[i] ^ other);
  }
  return difference == 0;
}

// Logs the client in, if the pair is right. Without requirepass every password of the default user
// is.
bool Authenticate(CommandContext& context, std::string_view user, std::string_view password) {
  const std::string& secret = context.services.config.requirepass;
  if (user != kDefaultUser) return false;
  if (!secret.empty() && !SameSecret(password, secret)) return false;
  context.client.set_authenticated(true);
  return true;
}

void Ping(CommandContext& context) {
  if (context.args.size() > 2) {
    context.reply.Error("ERR wrong number of arguments for 'ping' command");
  } else if (context.client.has_state(StateKind::kSubscriptions) &&
             context.client.version() == resp::Version::kResp2) {
    // Shaped as the messages among which it comes.
    context.reply.ArrayHeader(2);
    context.reply.Bulk("pong");
    context.reply.Bulk(context.args.size() == 2 ? context.args[1] : std::string_view());
  } else if (context.args.size() == 2) {
    context.reply.Bulk(context.args[1]);
  } else {
    context.reply.Simple("PONG");
  }
}

void Echo(CommandContext& context) {
  context.reply.Bulk(context.args[1]);
}

void Auth(CommandContext& context) {
  const auto args = context.args;
  if (args.size() > 3) {
    context.reply.Error(kSyntaxError);
    return;
  }
  if (args.size() == 2 && context.services.config.requirepass.empty()) {
    context.reply.Error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
    return;
  }
  const std::string_view user = args.size() == 2 ? kDefaultUser : args[1];
  if (Authenticate(context, user, args.back())) {
    context.reply.Ok();
  } else {
    context.reply.Error(kWrongPassword);
  }
}

struct HelloOptions {
  std::optional<resp::Version> version;
  std::optional<std::string_view> user;
  std::string_view password;
  std::optional<std::string_view> name;
};

// Replies with the error and returns false when the arguments make no sense.
bool ParseHello(CommandContext& context, HelloOptions* options) {
  const auto args = context.args;
  if (args.size() == 1) return true;
  int64_t version = 0;
  if (!ParseNumber(args[1], &version)) {
    context.reply.Error("ERR Protocol version is not an integer or out of range");
    return false;
  }
  if (version != 2 && version != 3) {
    context.reply.Error("NOPROTO unsupported protocol version");
    return false;
  }
  options->version = version == 2 ? resp::Version::kResp2 : resp::Version::kResp3;
  for (size_t i = 2; i < args.size(); ++i) {
    const size_t more = args.size() - i - 1;
    if (Is(args[i], "auth") && more >= 2) {
      options->user = args[i + 1];
      options->password = args[i + 2];
      i += 2;
    } else if (Is(args[i], "setname") && more >= 1) {
      options->name = args[i + 1];
      i += 1;
      if (!IsValidClientName(*options->name)) {
        context.reply.Error(kInvalidClientName);
        return false;
      }
    } else {
      context.reply.Error("ERR Syntax error in HELLO option '" + std::string(args[i]) + "'");
      return false;
    }
  }
  return true;
}

void Hello(CommandContext& context) {
  Client& client = context.client;
  HelloOptions options;
  if (!ParseHello(context, &options)) return;
  if (options.user && !Authenticate(context, *options.user, options.password)) {
    context.reply.Error(kWrongPassword);
    return;
  }
  if (!client.authenticated()) {
    context.reply.Error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
        "protocol version at the same time");
    return;
  }
  if (options.name) client.set_name(*options.name);
  if (options.version) client.set_version(*options.version);

  resp::ReplyWriter& reply = context.reply;
  reply.set_version(client.version());
  reply.MapHeader(7);
  reply.Bulk("server");
  reply.Bulk("redis");
  reply.Bulk("version");
  reply.Bulk(kRedisVersion);
  reply.Bulk("proto");
  reply.Integer(static_cast<int>(client.version()));
  reply.Bulk("id");
  reply.Integer(static_cast<int64_t>(client.id()));
  reply.Bulk("mode");
  reply.Bulk(context.services.config.cluster_enabled ? "cluster" : "standalone");
  reply.Bulk("role");
  reply.Bulk(IsReplica(context.services) ? "replica" : "master");
  reply.Bulk("modules");
  reply.ArrayHeader(0);
}

void Select(CommandContext& context) {
  int64_t index = 0;
  if (!ParseNumber(context.args[1], &index)) {
    context.reply.Error(kNotAnInteger);
  } else if (index < INT32_MIN || index > INT32_MAX) {
    context.reply.Error("ERR value is out of range, value must between -2147483648 and 2147483647");
  } else if (context.services.config.cluster_enabled && index != 0 &&
             context.services.keyspace.database_count() == 1) {
    context.reply.Error("ERR SELECT is not allowed in cluster mode");
  } else if (index < 0 || index >= context.services.keyspace.database_count()) {
    context.reply.Error("ERR DB index is out of range");
  } else {
    context.client.set_db(static_cast<int>(index));
    context.reply.Ok();
  }
}

void Quit(CommandContext& context) {
  context.reply.Ok();
  context.client.CloseAfterReply();
}

void Reset(CommandContext& context) {
  if (context.client.is_replica() || context.client.from_primary()) {
    context.reply.Error("ERR can only reset normal client connections");
    return;
  }
  context.client.ResetState();
  context.client.Reply().Simple("RESET");
}

// READONLY, READWRITE and ASKING: the client's word to a node of a cluster.
template <void (*Change)(Client& client)>
void InClusterOnly(CommandContext& context) {
  if (!context.services.config.cluster_enabled) {
    context.reply.Error(kNoCluster);
    return;
  }
  Change(context.client);
  context.reply.Ok();
}

void BeReadonly(Client& client) {
  client.set_readonly(true);
}

void BeReadwrite(Client& client) {
  client.set_readonly(false);
}

void BeAsking(Client& client) {
  client.set_asking(true);
}

}  // namespace

void RegisterConnection(HandlerTable& handlers) {
  handlers.Register("ping", Ping);
  handlers.Register("echo", Echo);
  handlers.Register("auth", Auth);
  handlers.Register("hello", Hello);
  handlers.Register("select", Select);
  handlers.Register("quit", Quit);
  handlers.Register("reset", Reset);
  handlers.Register("readonly", InClusterOnly<BeReadonly>);
  handlers.Register("readwrite", InClusterOnly<BeReadwrite>);
  handlers.Register("asking", InClusterOnly<BeAsking>);
}

}  // namespace keyway::shard::commands
