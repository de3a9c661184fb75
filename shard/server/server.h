// A running shard: all its parts, put together in the order in which they need each other, from the
// first listener to the last log line.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/expected.h"
#include "common/base/random.h"
#include "common/net/event_loop.h"
#include "shard/cluster/cluster.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/engine/engine.h"
#include "shard/persistence/files/file_system.h"
#include "shard/pubsub/keyspace_events.h"
#include "shard/pubsub/pubsub.h"
#include "shard/replication/engine.h"
#include "shard/scripting/engine.h"
#include "shard/server/blocking_engine.h"
#include "shard/server/client_eviction.h"
#include "shard/server/client_registry.h"
#include "shard/server/cluster_data.h"
#include "shard/server/command_context.h"
#include "shard/server/cron.h"
#include "shard/server/dispatcher.h"
#include "shard/server/effects.h"
#include "shard/server/eviction.h"
#include "shard/server/handler_table.h"
#include "shard/server/latency_monitor.h"
#include "shard/server/lifecycle.h"
#include "shard/server/listeners.h"
#include "shard/server/long_call.h"
#include "shard/server/peer_connections.h"
#include "shard/server/process_options.h"
#include "shard/server/replica_expiries.h"
#include "shard/server/monitors.h"
#include "shard/server/shutdown_signals.h"
#include "shard/server/shutdown_wait.h"
#include "shard/server/slow_log.h"
#include "shard/server/stats.h"
#include "shard/server/tracking.h"
#include "shard/server/transactions.h"

namespace keyway::shard {

class HttpEndpoint;
struct ShardConfig;

class Server {
 public:
  // `config` and `registry`, which is bound to it, hold what file and command line say; they and
  // `handlers` outlive the server, as does `files`. `executable`: the absolute path of the program.
  Server(ShardConfig& config, config::Registry& registry, const HandlerTable& handlers,
         std::string executable,
         persistence::FileSystem& files = persistence::FileSystem::Real());
  ~Server();

  // "no", "upstart" or "systemd", for INFO.
  void set_supervisor(const char* name) { lifecycle_.set_supervisor(name); }
  // The command line, for DEBUG RESTART.
  void set_arguments(std::vector<std::string> arguments) {
    lifecycle_.set_arguments(std::move(arguments));
  }
  // What the AOF and the replicas listen to.
  Effects& effects() { return effects_; }
  // `on_end` is called when the end has come, before the listeners close.
  void set_on_end(std::function<void()> on_end) { on_end_ = std::move(on_end); }
  // Opens everything and loads the data set, while clients are told to wait; they are served from Run
  // on. The error, for the log, ends the start. A SHUTDOWN or signal meanwhile ends the process.
  Status Start();
  // Serves until SHUTDOWN or a signal. Returns the exit code.
  int Run();

 private:
  void ConnectConfig();
  void ApplyKeyspaceOptions();
  void OnRoleChanged();
  Status ApplyMaxClients();
  void OnShutdownSignal(int number);
  void ShutdownBySignal(int number);
  [[noreturn]] static void ExitAtOnce();
  bool WaitsForEnd(const Lifecycle::ShutdownOptions& options);
  bool PrepareForEnd(const Lifecycle::ShutdownOptions& options);
  void TellSystemd(std::string_view state) const;
  void ServeWhileLoading();
  void StopServing();
  void End();

  ShardConfig& config_;
  config::Registry& registry_;
  const HandlerTable& handlers_;
  const Clock& clock_ = SystemClock::Instance();
  Random random_ = Random::FromEntropy();
  net::EventLoop loop_;
  ServerStats stats_;
  Lifecycle lifecycle_;
  keyspace::Keyspace keyspace_;
  ClientRegistry clients_;
  std::unique_ptr<cluster::Cluster> cluster_;
  Services services_;
  Effects effects_;
  SlowLog slow_log_;
  LatencyMonitor latency_;
  Eviction eviction_;
  ClientEviction client_eviction_;
  LongCall long_call_;
  Dispatcher dispatcher_;
  Transactions transactions_;
  pubsub::PubSub pubsub_;
  pubsub::KeyspaceEvents keyspace_events_;
  Tracking tracking_;
  Monitors monitors_;
  BlockingEngine blocking_;
  scripting::ScriptEngine scripts_;
  persistence::Engine persistence_;
  replication::Engine replication_;
  PeerConnections peers_;
  ReplicaExpiries replica_expiries_;
  ClusterData cluster_data_;
  ShutdownWait shutdown_wait_;
  ProcessOptions process_options_;
  Listeners listeners_;
  Cron cron_;
  std::unique_ptr<HttpEndpoint> http_;
  ShutdownSignals signals_;
  net::Signal reopen_log_;
  std::function<void()> on_end_;
  bool open_ = false;  // for clients
};

}  // namespace keyway::shard
