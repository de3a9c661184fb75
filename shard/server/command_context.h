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
namespace pubsub {
class PubSub;  // shard/pubsub/pubsub.h: channels and patterns
}

class Blocking;        // shard/server/blocking.h: commands that wait
class Client;          // shard/server/client.h: one connection
class ClientRegistry;  // shard/server/client_registry.h: all of them
class ServerStats;     // shard/server/stats.h: counters for INFO and metrics
class Lifecycle;       // shard/server/lifecycle.h: SHUTDOWN
class Dispatcher;      // shard/server/dispatcher.h: how commands are executed
class Transactions;    // shard/server/transactions.h: MULTI, WATCH
class Tracking;        // shard/server/tracking.h: client-side caching
class Monitors;        // shard/server/monitors.h: MONITOR
class SlowLog;         // shard/server/slow_log.h
class LatencyMonitor;  // shard/server/latency_monitor.h
class Eviction;        // shard/server/eviction.h: maxmemory
class ClientEviction;  // shard/server/client_eviction.h: maxmemory-clients
class LongCall;        // shard/server/long_call.h: commands that step aside
class Scripts;         // shard/server/scripts.h: EVAL, FCALL
class Effects;         // shard/server/effects.h: the stream that replicas and the AOF read
class Persistence;     // shard/server/persistence.h: RDB, AOF
class Replication;     // shard/server/replication.h: primaries and replicas
class ReplicaExpiries;  // shard/server/replica_expiries.h: writable replicas
class CallEffects;     // shard/server/effects.h: what a call adds to it
class PeerConnections;  // shard/server/peer_connections.h: MIGRATE

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
  cluster::Cluster* cluster = nullptr;  // nullptr unless cluster-enabled
  // Never nullptr in a running server; tests of single commands may go without.
  Dispatcher* dispatcher = nullptr;
  Blocking* blocking = nullptr;
  Transactions* transactions = nullptr;
  pubsub::PubSub* pubsub = nullptr;
  Tracking* tracking = nullptr;
  Monitors* monitors = nullptr;
  SlowLog* slow_log = nullptr;
  LatencyMonitor* latency = nullptr;
  Eviction* eviction = nullptr;
  ClientEviction* client_eviction = nullptr;
  LongCall* long_call = nullptr;
  Scripts* scripts = nullptr;
  Effects* effects = nullptr;
  Persistence* persistence = nullptr;
  Replication* replication = nullptr;
  ReplicaExpiries* replica_expiries = nullptr;
  PeerConnections* peers = nullptr;
};

struct CommandContext {
  const command::Command& command;
  std::span<const std::string_view> args;  // args[0] is the name; the arity is right
  Client& client;
  resp::ReplyWriter& reply;
  keyspace::Database& db;  // the one the client selected
  Services& services;
  int64_t now_ms;  // wall clock when the command started: all keys of a command see one time
  // Whether the command may wait (blocking.h): not in a transaction.
  bool may_block = true;
  // Set when a command that waits is tried again: the key that has changed.
  const std::string_view* ready_key = nullptr;
  // Set when a script calls the command: the call of the script, by a client with a connection.
  const CommandContext* script = nullptr;
  // Set by Blocking::Block: there is no reply yet.
  bool waits = false;
  // The command has been executed before, elsewhere or earlier (a file is being loaded): what has
  // happened is not refused because of a limit.
  bool replayed = false;
  // How to say that the call has other effects than the request; nullptr: nobody wants to know.
  CallEffects* effects = nullptr;

  // Whether a command that may wait looks at `key` this time.
  bool MayServe(std::string_view key) const { return ready_key == nullptr || *ready_key == key; }
};

// Writes exactly one reply (unless the client asked for none).
using Handler = void (*)(CommandContext& context);

}  // namespace keyway::shard
