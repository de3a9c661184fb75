#include "shard/server/server.h"

#include <csignal>
#include <cstdlib>
#include <utility>

#include "common/base/process.h"
#include "common/config/registry.h"
#include "common/log/log.h"
#include "shard/commands/register_keyspace_commands.h"
#include "shard/config/shard_config.h"
#include "shard/server/metrics.h"
#include "shard/server/scripts.h"

namespace keyway::shard {
namespace {

int DatabaseCount(const ShardConfig& config) {
  return static_cast<int>(config.cluster_enabled ? config.cluster_databases : config.databases);
}

const char* SignalName(int number) {
  return number == SIGINT ? "SIGINT" : "SIGTERM";
}

}  // namespace

Server::Server(ShardConfig& config, config::Registry& registry, const HandlerTable& handlers,
               std::string executable, persistence::FileSystem& files)
    : config_(config),
      registry_(registry),
      handlers_(handlers),
      lifecycle_(clock_, random_, std::move(executable)),
      keyspace_(DatabaseCount(config), clock_, random_),
      clients_(loop_, clock_, config_, stats_),
      services_{clock_,    random_,  loop_,  config_,    registry_,
                keyspace_, clients_, stats_, lifecycle_, nullptr},
      effects_(keyspace_, config_),
      slow_log_(clock_, config_, registry_),
      latency_(clock_, config_),
      eviction_(services_),
      client_eviction_(services_),
      long_call_(loop_, clients_),
      dispatcher_(services_, handlers_),
      transactions_(services_),
      keyspace_events_(keyspace_, pubsub_),
      tracking_(loop_, random_, clients_, keyspace_),
      monitors_(clock_, registry_),
      blocking_(services_),
      scripts_(services_),
      persistence_(services_, files, [this] { ServeWhileLoading(); }),
      replication_(services_, effects_, persistence_),
      peers_(loop_, clock_, random_),
      replica_expiries_(services_),
      cluster_data_(services_),
      shutdown_wait_(services_),
      process_options_(config),
      listeners_(loop_, config_, clients_),
      cron_(services_),
      signals_(loop_,
               [this](int number) {
                 OnShutdownSignal(number);
               }),
      reopen_log_(loop_, SIGUSR1, [] {
        if (const Status status = log::Reopen(); !status.ok()) {
          KEYWAY_WARNING() << status.error().message;
        }
      }) {
  clients_.set_dispatcher(&dispatcher_);
  services_.effects = &effects_;
  services_.slow_log = &slow_log_;
  services_.latency = &latency_;
  services_.eviction = &eviction_;
  services_.client_eviction = &client_eviction_;
  clients_.set_client_eviction(&client_eviction_);
  services_.long_call = &long_call_;
  services_.dispatcher = &dispatcher_;
  services_.transactions = &transactions_;
  services_.pubsub = &pubsub_;
  services_.tracking = &tracking_;
  services_.monitors = &monitors_;
  services_.blocking = &blocking_;
  services_.scripts = &scripts_;
  services_.persistence = &persistence_;
  services_.replication = &replication_;
  services_.replica_expiries = &replica_expiries_;
  replication_.OnRoleChanged([this] { OnRoleChanged(); });
  services_.peers = &peers_;
  lifecycle_.set_shutdown_steps({
      .wait = [this](const Lifecycle::ShutdownOptions& options) { return WaitsForEnd(options); },
      .prepare =
          [this](const Lifecycle::ShutdownOptions& options) { return PrepareForEnd(options); },
      .cancel =
          [this] {
            shutdown_wait_.End();
            blocking_.EndShutdownWaits();
          },
  });
  ApplyKeyspaceOptions();
  client_eviction_.OnConfigChanged();
}

Server::~Server() = default;

Status Server::Start() {
  std::signal(SIGHUP, SIG_IGN);
  process_options_.Apply();
  if (!config_.replicaof_host.empty()) log::SetRole('S');  // it is not followed before all is loaded
  if (Status status = ApplyMaxClients(); !status.ok()) return status;
  if (Status status = listeners_.Open(); !status.ok()) return status;
  if (config_.cluster_enabled) {
    auto cluster =
        cluster::Cluster::Start(loop_, clock_, random_, config_, keyspace_, effects_);
    if (!cluster.ok()) return cluster.error();
    cluster_ = std::move(cluster).value();
    services_.cluster = cluster_.get();
    cluster_->set_subscribers(&pubsub_);
  }
  KEYWAY_NOTICE() << "Running mode=" << (config_.cluster_enabled ? "cluster" : "standalone")
                  << ", port=" << config_.port << ".";
  KEYWAY_WARNING() << "Server initialized";
  if (config_.http_port != 0) {
    auto http = HttpEndpoint::Start(services_);
    if (!http.ok()) return http.error();
    http_ = std::move(http).value();
  }
  ConnectConfig();
  persistence_.ConnectConfig();
  replication_.ConnectConfig();
  keyspace_events_.Configure(config_.notify_keyspace_events);
  open_ = true;
  stats_.memory_at_start = stats_.memory_peak = UsedMemory(services_);
  if (Status status = persistence_.Start(); !status.ok()) {
    StopServing();  // there may be clients
    return status;
  }
  replication_.Start();
  if (cluster_ != nullptr) cluster_->set_data(&cluster_data_);
  if (config_.port != 0) KEYWAY_NOTICE() << "Ready to accept connections";
  if (!config_.unixsocket.empty()) {
    KEYWAY_NOTICE() << "The server is now ready to accept connections at " << config_.unixsocket;
  }
  return {};
}

int Server::Run() {
  loop_.Run();
  End();
  return 0;
}

void Server::ServeWhileLoading() {
  loop_.RunOnce();
  if (!lifecycle_.shutdown_requested()) return;
  // The loader is on the stack; what it has begun need not be ended.
  End();
  std::_Exit(0);
}

bool Server::WaitsForEnd(const Lifecycle::ShutdownOptions& options) {
  TellSystemd("STOPPING=1\n");
  return !options.now && shutdown_wait_.Begin();
}

// Everything that can fail comes first: after it nothing may be changed any more.
bool Server::PrepareForEnd(const Lifecycle::ShutdownOptions& options) {
  shutdown_wait_.LogReplicas();
  using SaveAtEnd = Persistence::SaveAtEnd;
  SaveAtEnd save = options.save ? SaveAtEnd::kYes : SaveAtEnd::kAuto;
  // Half a data set must not replace a whole one.
  if (options.nosave || persistence_.loading()) save = SaveAtEnd::kNo;
  if (save == SaveAtEnd::kYes || (save == SaveAtEnd::kAuto && !config_.save.empty())) {
    TellSystemd("STATUS=Saving the final RDB snapshot\n");
  }
  if (!persistence_.PrepareForEnd(save, options.force)) {
    TellSystemd("STATUS=Errors trying to shut down the server, can't exit.\n");
    return false;
  }
  persistence_.End();
  replication_.End();
  loop_.Stop();
  return true;
}

void Server::TellSystemd(std::string_view state) const {
  if (lifecycle_.supervisor() != "systemd") return;
  if (const Status told = NotifySupervisor(Supervisor::kSystemd, state); !told.ok()) {
    KEYWAY_WARNING() << told.error().message;
  }
}

void Server::ShutdownBySignal(int number) {
  const uint32_t words =
      number == SIGINT ? config_.shutdown_on_sigint : config_.shutdown_on_sigterm;
  const Lifecycle::ShutdownOptions options{.save = (words & kShutdownSave) != 0,
                                           .nosave = (words & kShutdownNosave) != 0,
                                           .now = (words & kShutdownNow) != 0,
                                           .force = (words & kShutdownForce) != 0};
  // Having failed, or waiting for replicas, the next signal is told like a first one.
  if (lifecycle_.Shutdown(options) != Lifecycle::ShutdownOutcome::kEnds) signals_.Rearm();
}

// Not even the replicas are waited for any longer.
void Server::ExitAtOnce() {
  KEYWAY_WARNING() << "You insist... exiting now.";
  std::_Exit(1);
}

// A script is not interrupted by a signal: it has to be killed, or to end.
void Server::OnShutdownSignal(int number) {
  if (persistence_.loading()) {
    KEYWAY_WARNING() << "Received shutdown signal during loading, scheduling shutdown.";
  } else {
    KEYWAY_WARNING() << "Received " << SignalName(number) << " scheduling shutdown...";
  }
  if (lifecycle_.shutdown_waits()) {
    if (number == SIGINT && shutdown_wait_.signaled()) ExitAtOnce();
    shutdown_wait_.set_signaled();
    signals_.Rearm();
    return;
  }
  if (!StandsAside(services_)) {
    ShutdownBySignal(number);
    if (lifecycle_.shutdown_waits()) shutdown_wait_.set_signaled();
    return;
  }
  if (number == SIGINT && lifecycle_.shutdown_scheduled()) ExitAtOnce();
  lifecycle_.ScheduleShutdown();
  signals_.Rearm();
  clients_.AfterLongCall([this, number] {
    if (lifecycle_.AbortShutdown()) ShutdownBySignal(number);
  });
}

void Server::StopServing() {
  listeners_.Close();
  if (services_.scripts != nullptr) services_.scripts->Abort();
  long_call_.Finish();
  clients_.CloseAll();
  if (cluster_ != nullptr) cluster_->Shutdown();
}

void Server::End() {
  if (on_end_) on_end_();
  StopServing();
  KEYWAY_WARNING() << "Keyway is now ready to exit, bye bye...";
}

// What has to happen when CONFIG SET changes a directive of which someone keeps a copy.
void Server::ConnectConfig() {
  const auto done = [](auto action) {
    return [action]() -> Status {
      action();
      return {};
    };
  };
  registry_.OnApply({"bind"}, [this]() -> Status {
    if (listeners_.ReopenTcp().ok()) return {};
    KEYWAY_WARNING() << "Failed to bind";
    return Error{"Failed to bind to specified addresses."};
  });
  registry_.OnApply({"port"}, [this]() -> Status {
    if (!listeners_.ReopenTcp().ok()) {
      return Error{"Unable to listen on this port. Check server logs."};
    }
    if (cluster_ != nullptr) cluster_->OnConfigChanged();
    return {};
  });
  registry_.OnApply({"maxclients"}, [this] { return ApplyMaxClients(); });
  registry_.OnApply({"requirepass", "proto-max-bulk-len", "client-query-buffer-limit",
                     "client-output-buffer-limit", "tcp-keepalive"},
                    done([this] { clients_.ApplyLimits(); }));
  registry_.OnApply({"hz", "dynamic-hz"}, done([this] { cron_.Restart(); }));
  registry_.OnApply(
      {"lfu-log-factor", "lfu-decay-time", "lazyfree-lazy-expire", "lazyfree-lazy-server-del"},
      done([this] { ApplyKeyspaceOptions(); }));
  registry_.OnApply({"maxmemory", "maxmemory-policy"}, done([this] {
                      ApplyKeyspaceOptions();
                      eviction_.OnConfigChanged();
                      client_eviction_.OnConfigChanged();
                    }));
  registry_.OnApply({"maxmemory-clients"}, done([this] { client_eviction_.OnConfigChanged(); }));
  registry_.OnApply({"notify-keyspace-events"}, done([this] {
                      keyspace_events_.Configure(config_.notify_keyspace_events);
                    }));
  registry_.OnApply({"masteruser", "masterauth", "replica-priority", "replica-announced",
                     "replica-announce-ip", "replica-announce-port", "repl-diskless-sync",
                     "repl-diskless-sync-delay", "repl-diskless-sync-max-replicas",
                     "repl-diskless-load", "repl-ping-replica-period", "repl-timeout",
                     "repl-disable-tcp-nodelay", "repl-backlog-ttl", "min-replicas-to-write",
                     "min-replicas-max-lag"},
                    done([this] { replication_.OnConfigChanged(); }));
  registry_.OnApply({"replica-read-only"}, done([this] { replica_expiries_.Update(); }));
  registry_.OnApply({"oom-score-adj", "oom-score-adj-values"},
                    [this] { return process_options_.ApplyOomScore(); });
  registry_.OnApply({"jemalloc-bg-thread"},
                    [this] { return process_options_.ApplyAllocatorThread(); });
  registry_.OnApply({"loglevel"}, done([this] { log::SetLevel(config_.loglevel); }));
  registry_.OnApply(
      {"cluster-announce-ip", "cluster-announce-port", "cluster-announce-bus-port",
       "cluster-announce-tls-port", "cluster-announce-hostname", "cluster-node-timeout",
       "cluster-require-full-coverage", "cluster-allow-reads-when-down",
       "cluster-allow-pubsubshard-when-down", "cluster-preferred-endpoint-type",
       "cluster-link-sendbuf-limit", "cluster-migration-barrier", "cluster-allow-replica-migration",
       "cluster-replica-validity-factor", "cluster-replica-no-failover",
       "repl-ping-replica-period"},
      done([this] {
        if (cluster_ != nullptr) cluster_->OnConfigChanged();
      }));
}

void Server::ApplyKeyspaceOptions() {
  keyspace_.set_options(commands::KeyspaceOptionsOf(config_));
}

void Server::OnRoleChanged() {
  const bool follows = replication_.is_replica();
  log::SetRole(follows ? 'S' : 'M');
  keyspace_.set_follows(follows);
  replica_expiries_.Update();
  process_options_.set_is_replica(follows);
}

Status Server::ApplyMaxClients() {
  const auto limit = RaiseFileLimit(config_.maxclients);
  if (!limit.ok()) return limit.error();
  if (open_ && limit->max_clients < config_.maxclients) {
    return Error{
        "The operating system is not able to handle the specified number of clients, try "
        "with " +
        std::to_string(limit->max_clients)};
  }
  config_.maxclients = limit->max_clients;
  for (const std::string& notice : limit->notices) KEYWAY_NOTICE() << notice;
  for (const std::string& warning : limit->warnings) KEYWAY_WARNING() << warning;
  return {};
}

}  // namespace keyway::shard
