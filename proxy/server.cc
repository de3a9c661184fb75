#include "proxy/server.h"

#include <algorithm>
#include <csignal>
#include <thread>
#include <utility>

#include "common/base/random.h"
#include "common/log/log.h"
#include "metrics/process.h"
#include "proxy/metrics.h"
#include "proxy/routing/router.h"

namespace keyway::proxy {

namespace {

// As long as a handshake may take on a network that is well.
constexpr uint64_t kHandshakeMs = 250;
constexpr uint64_t kTakeOverCheckMs = 20;
constexpr int64_t kTakeOverLimitMicros = 30'000'000;

}  // namespace

Server::Server(const ServerOptions& options, OptionsSource& source)
    : options_(options),
      source_(source),
      identity_(options.identity),
      directory_(options.max_clients),
      client_memory_(options.client_memory_limit),
      scripts_(options.script_cache_bytes) {
  identity_.run_id = Random::FromEntropy().Hex(40);
  identity_.threads = options.threads;
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
  const bool takes_over = options_.predecessor != 0;
  WorkerOptions& worker_options = options_.worker;
  // SO_REUSEPORT would let a second proxy share the port of the first without a word.
  for (net::Endpoint& endpoint : worker_options.listen) {
    if (takes_over) break;
    Expected<net::Endpoint> free = net::Listener::FindFree(endpoint);
    if (!free.ok()) return free.error();
    endpoint.port = free->port;
  }
  for (ReadListener& listener : worker_options.read_listen) {
    if (takes_over) break;
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
                              .own_settings = *this,
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
  if (takes_over) return {};
  if (options_.http && options_.http->port != 0) {
    if (auto free = net::Listener::FindFree(*options_.http); !free.ok()) return free.error();
  }
  if (Status status = StartEndpoint(); !status.ok()) return status;
  // Last: who can connect as a client finds everything else in place.
  return ListenForClients(0);
}

Status Server::StartEndpoint() {
  if (!options_.http) return {};
  AddMetrics(registry_, workers_, directory_, client_memory_, *topology_, scripts_, histograms_,
             {.draining = [this] { return phase_ != Phase::kServing; },
              .reloads_ok = [this] { return reloads_ok_; },
              .reloads_failed = [this] { return reloads_failed_; }});
  if (replica_watch_ != nullptr) AddReplicaMetrics(registry_, *replica_watch_);
  metrics::AddProcessMetrics(registry_);
  auto endpoint = metrics::Endpoint::Start(control_, registry_,
                                           {.address = *options_.http,
                                            .ready = [this] { return Ready(); },
                                            .program = "keyway-proxy",
                                            .http = {.reuse_port = true}});
  if (!endpoint.ok()) return endpoint.error();
  endpoint_ = std::move(endpoint).value();
  KEYWAY_NOTICE() << "Metrics on http://" << net::ToString(endpoint_->local()) << "/metrics";
  return {};
}

Status Server::ListenForClients(int at_least) {
  own_sockets_ = std::max(at_least, static_cast<int>(workers_.size()));
  for (int i = 0; i < own_sockets_; ++i) {
    if (Status status = workers_[i % workers_.size()]->Listen(); !status.ok()) return status;
  }
  return {};
}

std::vector<ListeningSocket> Server::Sockets() const {
  std::vector<ListeningSocket> sockets;
  const auto& listeners = workers_[0]->listeners();
  for (size_t i = 0; i < options_.worker.addresses().size() && i < listeners.size(); ++i) {
    sockets.push_back({listeners[i]->local(), listeners[i]->fd()});
  }
  return sockets;
}

void Server::StartWorkers() {
  for (const auto& worker : workers_) worker->Start();
  KEYWAY_NOTICE() << "Ready to accept connections on port " << identity_.port << ", "
                  << workers_.size() << " threads, startup nodes " << identity_.startup_nodes;
}

Status Server::Run(const std::function<void()>& on_serving) {
  net::Signal terminate(control_, SIGTERM, [this] { Shutdown(); });
  net::Signal interrupt(control_, SIGINT, [this] { Shutdown(); });
  net::Signal reload(control_, SIGHUP, [this] { Reload(); });
  net::Signal reopen(control_, SIGUSR1, [] {
    if (Status status = log::Reopen(); !status.ok()) KEYWAY_WARNING() << status.error().message;
  });
  topology_->Start();
  if (options_.predecessor == 0) {
    StartWorkers();
    on_serving();
  } else {
    take_over_until_micros_ = control_.NowMicros() + kTakeOverLimitMicros;
    take_over_timer_ =
        std::make_unique<net::Timer>(control_, [this, &on_serving] { TryTakeOver(on_serving); });
    take_over_timer_->Start(0, kTakeOverCheckMs);
  }
  control_.Run();
  take_over_timer_.reset();
  take_over_.reset();
  phase_timer_.reset();
  if (waiter_.joinable()) waiter_.join();
  if (!result_.ok()) return result_;
  LogDrained();
  KEYWAY_NOTICE() << "keyway-proxy is now ready to exit, bye bye...";
  return {};
}

// Who cannot serve leaves the port to the one that can.
void Server::TryTakeOver(const std::function<void()>& on_serving) {
  if (const metrics::ReadyState ready = Ready(); !ready.ready) {
    if (control_.NowMicros() < take_over_until_micros_) return;
    result_ = Error{"process " + std::to_string(options_.predecessor) +
                    " goes on serving, since this one is not ready: " + ready.reason};
    take_over_timer_->Stop();
    control_.Stop();
    return;
  }
  take_over_timer_->Stop();
  result_ = StartEndpoint();
  if (result_.ok()) result_ = ListenForClients(MostListeners(options_.worker.addresses()));
  if (!result_.ok()) return control_.Stop();
  take_over_ =
      std::make_unique<TakeOver>(control_, options_.predecessor, Sockets(), own_sockets_);
  // A client may come before what the topology has posted is looked at.
  for (const auto& worker : workers_) worker->SetMap(topology_->current());
  StartWorkers();
  on_serving();
  take_over_->Begin();
}

void Server::Reload() {
  if (!source_.CanReload()) {
    KEYWAY_NOTICE() << "SIGHUP: there is no flag file to read again.";
    return;
  }
  if (Status status = log::Reopen(); !status.ok()) KEYWAY_WARNING() << status.error().message;
  Expected<ServerOptions> options = source_.Reload();
  if (!options.ok()) {
    ++reloads_failed_;
    KEYWAY_WARNING() << "The flags could not be read again, all stay as they are: "
                     << options.error().message;
    return;
  }
  ++reloads_ok_;
  KEYWAY_NOTICE() << "The flags have been read again.";
  Apply(*options, [] {});
}

void Server::Set(net::EventLoop& asker, Pairs pairs,
                 std::function<void(const std::string& error)> done) {
  control_.Post([this, &asker, pairs = std::move(pairs), done = std::move(done)] {
    Expected<ServerOptions> options = source_.Set(pairs);
    if (!options.ok()) {
      asker.Post([done, text = options.error().message] { done(text); });
      return;
    }
    Apply(*options, [&asker, done] { asker.Post([done] { done({}); }); });
  });
}

void Server::Apply(const ServerOptions& options, std::function<void()> done) {
  log::SetLevel(options.log_level);
  directory_.set_max_clients(options.max_clients);
  client_memory_.set_limit(options.client_memory_limit);
  options_.worker.drain = options.worker.drain;
  // Touched on the control thread only.
  auto outstanding = std::make_shared<size_t>(workers_.size());
  for (const auto& worker : workers_) {
    worker->loop().Post([this, worker = worker.get(), options = options.worker, outstanding, done] {
      worker->Apply(options);
      control_.Post([outstanding, done] {
        if (--*outstanding == 0) done();
      });
    });
  }
}

metrics::ReadyState Server::Ready() const {
  if (phase_ != Phase::kServing) return {.ready = false, .reason = "shutting down"};
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
  if (phase_ != Phase::kServing) {
    KEYWAY_WARNING() << "Second signal, not waiting for requests under way.";
    for (const auto& worker : workers_) worker->Stop();
    if (phase_ != Phase::kDraining) control_.Stop();
    return;
  }
  KEYWAY_NOTICE() << "Signal received, finishing what is under way...";
  if (take_over_timer_ != nullptr) take_over_timer_->Stop();
  NextPhase(Phase::kAnnounced, static_cast<uint64_t>(options_.worker.drain.delay_ms),
            &Server::StopListening);
}

void Server::NextPhase(Phase phase, uint64_t delay_ms, void (Server::*step)()) {
  phase_ = phase;
  if (delay_ms == 0) return (this->*step)();
  phase_timer_ = std::make_unique<net::Timer>(control_, [this, step] { (this->*step)(); });
  phase_timer_->Start(delay_ms);
}

void Server::StopListening() {
  has_successor_ = own_sockets_ > 0 && MostListeners(options_.worker.addresses()) > own_sockets_;
  if (take_over_ != nullptr) take_over_->End();
  // The successor's answers are the ones to be had from now on.
  if (has_successor_) endpoint_.reset();
  NextPhase(Phase::kHandingOver, has_successor_ ? kHandshakeMs : 0, &Server::Drain);
}

void Server::Drain() {
  phase_ = Phase::kDraining;
  if (has_successor_) SteerToSuccessor(Sockets(), own_sockets_);
  for (const auto& worker : workers_) worker->Drain();
  // The control loop goes on meanwhile, for /readyz and a second signal.
  waiter_ = std::thread([this] {
    JoinWorkers();
    control_.Stop();
  });
}

void Server::LogDrained() const {
  uint64_t idle = 0;
  uint64_t replied = 0;
  uint64_t cut = 0;
  for (const auto& worker : workers_) {
    idle += worker->session_statistics().drained_idle.Get();
    replied += worker->session_statistics().drained_replied.Get();
    cut += worker->session_statistics().drained_at_limit.Get();
  }
  KEYWAY_NOTICE() << "Clients closed: " << idle << " idle, " << replied << " behind a reply, " << cut
                  << " at the limit.";
}

void Server::JoinWorkers() {
  for (const auto& worker : workers_) worker->Join();
}

}  // namespace keyway::proxy
