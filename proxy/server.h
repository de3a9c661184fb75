// The proxy as a whole: the control thread with signals, slot map and HTTP endpoint, and the
// workers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/expected.h"
#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "metrics/endpoint.h"
#include "metrics/hot_counters.h"
#include "metrics/registry.h"
#include "proxy/pubsub/census.h"
#include "proxy/session/client_directory.h"
#include "proxy/session/client_memory.h"
#include "proxy/session/identity.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/own_settings.h"
#include "proxy/scripting/script_cache.h"
#include "proxy/take_over.h"
#include "proxy/topology/replica_watch.h"
#include "proxy/topology/topology.h"
#include "proxy/worker.h"

namespace keyway::proxy {

struct ServerOptions {
  int threads = 2;
  WorkerOptions worker;
  topology::TopologyOptions topology;
  topology::ReplicaWatchOptions replica_watch;
  session::Identity identity;
  int64_t max_clients = 10'000;
  size_t script_cache_bytes = 64 * 1024 * 1024;
  size_t client_memory_limit = 0;  // 0: none
  std::optional<net::Endpoint> http;  // nothing: no HTTP endpoint
  log::Level log_level = log::Level::kNotice;
  int64_t predecessor = 0;  // the process whose ports are taken over; 0: none
};

// Where the options come from that change while the server runs. Called on the control thread.
class OptionsSource {
 public:
  virtual ~OptionsSource() = default;
  // Whether there is anything to be read again.
  virtual bool CanReload() const = 0;
  // Reads all options again. Error: what is wrong; then all of them are as they were.
  virtual Expected<ServerOptions> Reload() = 0;
  // CONFIG SET. Error: the whole text of the reply; then all of them are as they were.
  virtual Expected<ServerOptions> Set(const session::OwnSettings::Pairs& pairs) = 0;
};

class Server final : private session::OwnSettings {
 public:
  // `source` outlives the server.
  Server(const ServerOptions& options, OptionsSource& source);
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes the ports, unless they are to be taken over, which Run does. Error: one is taken, or not ours
  // to take; or a row of the command table asks for what the proxy cannot do.
  Status Listen();
  // Serves until SIGTERM or SIGINT, and until what is under way then is done (a second signal does
  // not wait). SIGUSR1 re-opens the log, SIGHUP reads the options again as well. `on_serving` is
  // called when clients can connect. Error: the ports could not be taken over.
  Status Run(const std::function<void()>& on_serving);

 private:
  // When the proxy ends: kServing, (kAnnounced: for --drain_delay_ms), (kHandingOver: while the last
  // handshakes end that were begun before a successor listened), kDraining.
  enum class Phase : uint8_t { kServing, kAnnounced, kHandingOver, kDraining };

  // session::OwnSettings
  void Set(net::EventLoop& asker, Pairs pairs,
           std::function<void(const std::string& error)> done) override;

  metrics::ReadyState Ready() const;
  Status StartEndpoint();
  // With as many sockets on each address, at least, as `at_least` and the number of workers say.
  Status ListenForClients(int at_least);
  // One on each address.
  std::vector<ListeningSocket> Sockets() const;
  void StartWorkers();
  void TryTakeOver(const std::function<void()>& on_serving);
  void Reload();
  // `done` is called when all workers go by them.
  void Apply(const ServerOptions& options, std::function<void()> done);
  void Shutdown();
  void StopListening();
  void Drain();
  void NextPhase(Phase phase, uint64_t delay_ms, void (Server::*step)());
  void LogDrained() const;
  void JoinWorkers();

  ServerOptions options_;
  OptionsSource& source_;
  session::Identity identity_;
  const session::LocalCommands local_commands_;
  execution::Statistics::Histograms histograms_;
  session::ClientDirectory directory_;
  session::ClientMemory client_memory_;
  pubsub::Census census_;
  scripting::ScriptCache scripts_;
  net::EventLoop control_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<topology::Topology> topology_;
  std::unique_ptr<topology::ReplicaWatch> replica_watch_;  // null when nobody reads from replicas
  metrics::Registry registry_;
  std::unique_ptr<metrics::Endpoint> endpoint_;
  int own_sockets_ = 0;  // on each address
  std::unique_ptr<TakeOver> take_over_;
  std::unique_ptr<net::Timer> take_over_timer_;
  int64_t take_over_until_micros_ = 0;
  Status result_;
  std::thread waiter_;  // for the workers, while they drain
  Phase phase_ = Phase::kServing;
  bool has_successor_ = false;
  std::unique_ptr<net::Timer> phase_timer_;
  uint64_t reloads_ok_ = 0;
  uint64_t reloads_failed_ = 0;
};

}  // namespace keyway::proxy
