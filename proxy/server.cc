#include "proxy/server.h"

#include <csignal>
#include <thread>
#include <utility>

#include "common/base/random.h"
#include "common/log/log.h"
#include "metrics/process.h"
#include "proxy/metrics.h"
#include "proxy/routing/router.h"

namespace keyway::proxy {

Server::Server(const ServerOptions& options)
    : options_(options),
      identity_(options.identity),
      directory_(options.max_clients),
      client_memory_(options.client_memory_limit),
      scripts_(options.script_cache_bytes) {
  identity_.run_id = Random::FromEntropy().Hex(40);
  identity_.threads = options.threads;
  identity_.max_clients = options.max_clients;
}

Server::~Server() {
  if (waiter_.joinable()) waiter_.join();
  for (const auto& worker : workers_) worker->Stop();
  JoinWorkers();
  endpoint_.reset();
  // What one client's end tells another's thread, or the topology, they must be there to hear.
  for (const auto& worker : workers_) worker->RemoveClients();
}

Status Server::Listen() {
  if (Status status = routing::Validate(
          [this](const command::Command& command) { return local_commands_.Has(command); },
          [](const command::Command& command) { return execution::Executor::HasSpecial(command); });
      !status.ok()) {
    return status;
  }
  WorkerOptions worker_options = options_.worker;
  // SO_REUSEPORT would let a second proxy share the port of the first without a word.
  for (net::Endpoint& endpoint : worker_options.listen) {
    Expected<net::Endpoint> free = net::Listener::FindFree(endpoint);
    if (!free.ok()) return free.error();
    endpoint.port = free->port;
  }
  for (ReadListener& listener : worker_options.read_listen) {
    Expected<net::Endpoint> free = net::Listener::FindFree(listener.endpoint);
    if (!free.ok()) return free.error();
  }
  worker_options.listener.reuse_port = true;
  identity_.port = worker_options.listen[0].port;

  topology_ =
      std::make_unique<topology::Topology>(control_, options_.topology, Random::FromEntropy());
  if (worker_options.reads_from_replicas()) {
    replica_watch_ = std::make_unique<topology::ReplicaWatch>(control_, options_.replica_watch);
  }
  const Worker::Shared shared{.directory = directory_,
                              .local_commands = local_commands_,
                              .identity = identity_,
                              .histograms = histograms_,
                              .census = census_,
                              .scripts = scripts_,
                              .client_memory = client_memory_,
                              .request_refresh = [this](const net::Endpoint* suspect) {
                                topology_->RequestRefresh(suspect);
                              }};
  for (int i = 0; i < options_.threads; ++i) {
    auto worker = std::make_unique<Worker>(worker_options, shared, i == 0);
    topology_->Subscribe(worker->loop(), [worker = worker.get()](topology::SlotMapPtr map) {
      worker->SetMap(std::move(map));
    });
    if (replica_watch_ != nullptr) {
      replica_watch_->Subscribe(worker->loop(),
                                [worker = worker.get()](topology::NodeTablePtr table) {
                                  worker->SetNodeTable(std::move(table));
                                });
    }
    workers_.push_back(std::move(worker));
  }
  if (replica_watch_ != nullptr) {
    topology_->Subscribe(control_, [this](topology::SlotMapPtr map) {
      replica_watch_->SetMap(std::move(map));
    });
  }

  if (options_.http) {
    AddMetrics(registry_, workers_, directory_, client_memory_, *topology_, scripts_, histograms_);
    if (replica_watch_ != nullptr) AddReplicaMetrics(registry_, *replica_watch_);
    metrics::AddProcessMetrics(registry_);
    auto endpoint = metrics::Endpoint::Start(control_, registry_,
                                             {.address = *options_.http,
                                              .ready = [this] { return Ready(); },
                                              .program = "keyway-proxy"});
    if (!endpoint.ok()) return endpoint.error();
    endpoint_ = std::move(endpoint).value();
    KEYWAY_NOTICE() << "Metrics on http://" << net::ToString(endpoint_->local()) << "/metrics";
  }
  // Last: who can connect as a client finds everything else in place.
  for (const auto& worker : workers_) {
    if (Status status = worker->Listen(); !status.ok()) return status;
  }
  return {};
}

void Server::Run() {
  net::Signal terminate(control_, SIGTERM, [this] { Shutdown(); });
  net::Signal interrupt(control_, SIGINT, [this] { Shutdown(); });
  net::Signal reopen(control_, SIGUSR1, [] {
    if (Status status = log::Reopen(); !status.ok()) KEYWAY_WARNING() << status.error().message;
  });
  topology_->Start();
  for (const auto& worker : workers_) worker->Start();
  KEYWAY_NOTICE() << "Ready to accept connections on port " << identity_.port << ", "
                  << workers_.size() << " threads, startup nodes " << identity_.startup_nodes;
  control_.Run();
  waiter_.join();
  KEYWAY_NOTICE() << "keyway-proxy is now ready to exit, bye bye...";
}

metrics::ReadyState Server::Ready() const {
  if (shutting_down_) return {.ready = false, .reason = "shutting down"};
  const topology::SlotMapPtr map = topology_->current();
  if (map == nullptr) {
    const std::string& error = topology_->stats().last_error;
    return {.ready = false,
            .reason = "no slot map yet: " + (error.empty() ? "no answer so far" : error)};
  }
  if (!map->covers_all()) {
    return {.ready = false,
            .reason = "only " + std::to_string(map->covered_slots()) + " of " +
                      std::to_string(kSlotCount) + " slots are served"};
  }
  return {};
}

void Server::Shutdown() {
  if (shutting_down_) {
    KEYWAY_WARNING() << "Second signal, not waiting for requests under way.";
    for (const auto& worker : workers_) worker->Stop();
    return;
  }
  shutting_down_ = true;
  KEYWAY_NOTICE() << "Signal received, finishing what is under way...";
  for (const auto& worker : workers_) worker->Drain();
  // The control loop goes on meanwhile, for /readyz and a second signal.
  waiter_ = std::thread([this] {
    JoinWorkers();
    control_.Stop();
  });
}

void Server::JoinWorkers() {
  for (const auto& worker : workers_) worker->Join();
}

}  // namespace keyway::proxy
