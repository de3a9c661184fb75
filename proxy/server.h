// The proxy as a whole: the control thread with signals, slot map and HTTP endpoint, and the
// workers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/expected.h"
#include "common/net/event_loop.h"
#include "metrics/endpoint.h"
#include "metrics/hot_counters.h"
#include "metrics/registry.h"
#include "proxy/pubsub/census.h"
#include "proxy/session/client_directory.h"
#include "proxy/session/client_memory.h"
#include "proxy/session/identity.h"
#include "proxy/session/local_commands.h"
#include "proxy/scripting/script_cache.h"
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
};

class Server {
 public:
  explicit Server(const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes the ports. Error: one is taken, or not ours to take; or a row of the command table asks
  // for what the proxy cannot do.
  Status Listen();
  // Serves until SIGTERM or SIGINT, and until what is under way then is done (a second signal does
  // not wait). SIGUSR1 re-opens the log.
  void Run();

 private:
  metrics::ReadyState Ready() const;
  void Shutdown();
  void JoinWorkers();

  const ServerOptions options_;
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
  std::thread waiter_;  // for the workers, while they drain
  bool shutting_down_ = false;
};

}  // namespace keyway::proxy
