#include "shard/commands/replication_commands.h"

#include <string>
#include <string_view>
#include <vector>

#include "common/log/log.h"
#include "shard/commands/arguments.h"
#include "shard/commands/words.h"
#include "shard/server/blocking.h"
#include "shard/server/client.h"
#include "shard/server/replication.h"

namespace keyway::shard::commands {
namespace {

constexpr int64_t kLastPort = 65535;

// Who has asked for a new role.
std::string Requester(const CommandContext& context) {
  return "(user request from '" + context.client.Describe(context.services.clock.MonotonicMicros()) +
         "')";
}

// REPLICAOF NO ONE
void FollowNobody(CommandContext& context) {
  Replication& replication = *context.services.replication;
  if (replication.is_replica()) {
    replication.BecomePrimary();
    KEYWAY_NOTICE() << "MASTER MODE enabled " << Requester(context);
  }
  context.reply.Ok();
}

// REPLICAOF host port
void Follow(CommandContext& context) {
  Replication& replication = *context.services.replication;
  // Its own link would be closed under it.
  if (context.client.is_replica()) {
    context.reply.Error("ERR Command is not valid when client is a replica.");
    return;
  }
  const std::string_view host = context.args[1];
  int64_t port = 0;
  if (!ParseNumber(context.args[2], &port) || port < 0 || port > kLastPort) {
    context.reply.Error("ERR Invalid master port");
    return;
  }
  const PrimaryStatus& primary = replication.primary();
  if (replication.is_replica() && Is(host, primary.host) && primary.port == port) {
    KEYWAY_NOTICE() << "REPLICAOF would result into synchronization with the master we are already "
                       "connected with. No operation performed.";
    context.reply.Simple("OK Already connected to specified master");
    return;
  }
  const std::string name(host.substr(0, host.find('\0')));
  replication.Replicate(name, static_cast<uint16_t>(port));
  KEYWAY_NOTICE() << "REPLICAOF " << name << ":" << port << " enabled " << Requester(context);
  context.reply.Ok();
}

void Replicaof(CommandContext& context) {
  if (context.services.cluster != nullptr) {
    context.reply.Error("ERR REPLICAOF not allowed in cluster mode.");
  } else if (context.services.replication->failover_state() != Replication::FailoverState::kNone) {
    context.reply.Error("ERR REPLICAOF not allowed while failing over.");
  } else if (Is(context.args[1], "no") && Is(context.args[2], "one")) {
    FollowNobody(context);
  } else {
    Follow(context);
  }
}

std::string_view NameOf(PrimaryLinkState state) {
  switch (state) {
    case PrimaryLinkState::kNone:
      return "none";
    case PrimaryLinkState::kConnect:
      return "connect";
    case PrimaryLinkState::kConnecting:
      return "connecting";
    case PrimaryLinkState::kHandshake:
      return "handshake";
    case PrimaryLinkState::kTransfer:
      return "sync";
    case PrimaryLinkState::kConnected:
      return "connected";
  }
  return "unknown";
}

void RoleOfReplica(CommandContext& context) {
  const Replication& replication = *context.services.replication;
  const PrimaryStatus& primary = replication.primary();
  context.reply.ArrayHeader(5);
  context.reply.Bulk("slave");
  context.reply.Bulk(primary.host);
  context.reply.Integer(primary.port);
  context.reply.Bulk(NameOf(primary.state));
  context.reply.Integer(replication.link_up() ? static_cast<int64_t>(replication.offset()) : -1);
}

void Role(CommandContext& context) {
  const Replication& replication = *context.services.replication;
  if (replication.is_replica()) return RoleOfReplica(context);
  std::vector<ReplicaStatus> replicas = replication.replicas();
  std::erase_if(replicas, [](const ReplicaStatus& replica) { return !replica.online; });
  context.reply.ArrayHeader(3);
  context.reply.Bulk("master");
  context.reply.Integer(static_cast<int64_t>(replication.offset()));
  context.reply.ArrayHeader(replicas.size());
  for (const ReplicaStatus& replica : replicas) {
    context.reply.ArrayHeader(3);
    context.reply.Bulk(replica.ip);
    context.reply.Bulk(std::to_string(replica.port));
    context.reply.Bulk(std::to_string(replica.acknowledged));
  }
}

void Wait(CommandContext& context) {
  Replication& replication = *context.services.replication;
  if (replication.is_replica()) {
    context.reply.Error(
        "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if "
        "a replica is configured to be writable (which is not the default) writes to replicas are "
        "just local and are not propagated.");
    return;
  }
  int64_t wanted = 0;
  int64_t timeout_ms = 0;
  if (!ReadInteger(context, context.args[1], &wanted) ||
      !ReadTimeoutMillis(context, context.args[2], &timeout_ms)) {
    return;
  }
  const uint64_t offset = context.client.write_offset();
  const auto acknowledged = static_cast<int64_t>(replication.CountAcknowledged(offset));
  if (acknowledged >= wanted || !context.may_block) {
    context.reply.Integer(acknowledged);
    return;
  }
  context.services.blocking->Block(context, {.timeout_ms = timeout_ms,
                                             .on_timeout = Blocking::OnTimeout::kAcknowledged,
                                             .replicas = static_cast<size_t>(wanted),
                                             .replicas_offset = offset});
  replication.RequestAcknowledgements();
}

// Reads the options of FAILOVER. False: the reply has been written.
bool ReadFailoverOptions(CommandContext& context, Replication::FailoverOptions* options) {
  const auto args = context.args;
  bool has_target = false;
  for (size_t i = 1; i < args.size(); ++i) {
    const size_t left = args.size() - i - 1;
    if (Is(args[i], "timeout") && left >= 1 && options->timeout_ms == 0) {
      if (!ReadInteger(context, args[++i], &options->timeout_ms)) return false;
      if (options->timeout_ms <= 0) {
        context.reply.Error("ERR FAILOVER timeout must be greater than 0");
        return false;
      }
    } else if (Is(args[i], "to") && left >= 2 && !has_target) {
      if (!ReadInteger(context, args[i + 2], &options->port)) return false;
      options->host = args[i + 1];
      has_target = true;
      i += 2;
    } else if (Is(args[i], "force") && !options->force) {
      options->force = true;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  options->any = !has_target;
  return true;
}

void Failover(CommandContext& context) {
  if (context.services.cluster != nullptr) {
    context.reply.Error(
        "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.");
    return;
  }
  Replication& replication = *context.services.replication;
  Status status;
  if (context.args.size() == 2 && Is(context.args[1], "abort")) {
    status = replication.AbortFailover();
  } else {
    Replication::FailoverOptions options;
    if (!ReadFailoverOptions(context, &options)) return;
    status = replication.StartFailover(options);
  }
  if (status.ok()) {
    context.reply.Ok();
  } else {
    context.reply.Error(status.error().message);
  }
}

void Replconf(CommandContext& context) {
  context.services.replication->HandleReplconf(context);
}

void Sync(CommandContext& context) {
  context.services.replication->HandleSync(context);
}

}  // namespace

void RegisterReplication(HandlerTable& handlers) {
  handlers.Register("replicaof", Replicaof);
  handlers.Register("slaveof", Replicaof);
  handlers.Register("role", Role);
  handlers.Register("wait", Wait);
  handlers.Register("failover", Failover);
  handlers.Register("replconf", Replconf);
  handlers.Register("psync", Sync);
  handlers.Register("sync", Sync);
}

}  // namespace keyway::shard::commands
