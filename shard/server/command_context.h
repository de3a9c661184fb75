// What a command handler gets: its arguments, the client that sent it, where to write the reply,
// and the parts of the server it may use. Built by the dispatcher for each call.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/command/table.h"
#include "common/resp/reply_writer.h"

namespace keyway::net {
class EventLoop;
}
namespace keyway::config {
class Registry;
}

namespace keyway::shard {

struct ShardConfig;  // shard/config/shard_config.h: the values of all directives

namespace keyspace {
class Database;
class Keyspace;
}  // namespace keyspace
namespace cluster {
class Cluster;
}

class Client;          // shard/server/client.h: one connection
class ClientRegistry;  // shard/server/client_registry.h: all of them
class ServerStats;     // shard/server/stats.h: counters for INFO and metrics
class Lifecycle;       // shard/server/lifecycle.h: SHUTDOWN

// The parts of a running shard, for handlers that need more than keys and a reply. References live
// as long as the process serves.
struct Services {
  const Clock& clock;
  Random& random;
  net::EventLoop& loop;
  const ShardConfig& config;
  config::Registry& registry;
  keyspace::Keyspace& keyspace;
  ClientRegistry& clients;
  ServerStats& stats;
  Lifecycle& lifecycle;
  cluster::Cluster* cluster;  // nullptr unless cluster-enabled
};

struct CommandContext {
  const command::Command& command;
  std::span<const std::string_view> args;  // args[0] is the name; the arity is right
  Client& client;
  resp::ReplyWriter& reply;
  keyspace::Database& db;  // the one the client selected
  Services& services;
  int64_t now_ms;  // wall clock when the command started: all keys of a command see one time
};

// Writes exactly one reply (unless the client asked for none).
using Handler = void (*)(CommandContext& context);

}  // namespace keyway::shard
