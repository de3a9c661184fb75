// One of the proxy's event-loop threads: its listeners, its clients, its connections to shards, and
// its picture of the cluster. Workers share nothing on the way of a request.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/expected.h"
#include "common/net/event_loop.h"
#include "common/net/stream.h"
#include "proxy/backend/backend.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/shard_access.h"
#include "proxy/execution/statistics.h"
#include "proxy/pubsub/census.h"
#include "proxy/pubsub/hub.h"
#include "proxy/pubsub/statistics.h"
#include "proxy/scripting/newcomers.h"
#include "proxy/scripting/script_cache.h"
#include "proxy/session/client_directory.h"
#include "proxy/session/identity.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/own_settings.h"
#include "proxy/session/session.h"
#include "proxy/session/session_list.h"
#include "proxy/session/session_statistics.h"
#include "proxy/topology/node_table.h"
#include "proxy/topology/topology.h"

namespace keyway::proxy {

// How clients are closed when the proxy ends. Milliseconds.
struct DrainOptions {
  int delay_ms = 0;  // before it listens no more
  int idle_ms = 1000;
  int timeout_ms = 10'000;
};

// An address whose clients read from other nodes than those of WorkerOptions::listen.
struct ReadListener {
  net::Endpoint endpoint;
  execution::ReadFrom read_from = execution::ReadFrom::kPrimary;
};

struct WorkerOptions {
  std::vector<net::Endpoint> listen;  // several workers share each address by SO_REUSEPORT
  execution::ReadFrom read_from = execution::ReadFrom::kPrimary;  // for the clients of `listen`
  std::vector<ReadListener> read_listen;                          // shared in the same way
  net::Listener::Options listener;
  backend::BackendOptions backend;
  execution::AccessOptions access;
  session::SessionOptions session;
  DrainOptions drain;

  // All that is listened on.
  std::vector<net::Endpoint> addresses() const;
  // Whether any clients read from other nodes than primaries.
  bool reads_from_replicas() const;
};

// The backend connections' numbers, readable from any thread. Brought up to date once a pass.
struct BackendCells {
  execution::SingleWriterCell connects;
  execution::SingleWriterCell connect_failures;
  execution::SingleWriterCell connections_lost;
  execution::SingleWriterCell requests;
  execution::SingleWriterCell replies;
  execution::SingleWriterCell queue_full;
  execution::SingleWriterCell open_connections;
  execution::SingleWriterCell queued_bytes;
  execution::SingleWriterCell pending_requests;
  execution::SingleWriterCell leases;
  execution::SingleWriterCell spare_leases;
  execution::SingleWriterCell replies_in_parts;
  execution::SingleWriterCell retirements;
  execution::SingleWriterCell retired_connections;
  execution::SingleWriterCell watched_keys;
  execution::SingleWriterCell watch_connections;
  execution::SingleWriterCell busy_micros;  // of the event loop
  execution::SingleWriterCell passes;
};

class Worker {
 public:
  // What all workers share; it outlives them.
  struct Shared {
    session::ClientDirectory& directory;
    const session::LocalCommands& local_commands;
    const session::Identity& identity;
    execution::Statistics::Histograms& histograms;
    pubsub::Census& census;
    scripting::ScriptCache& scripts;
    session::OwnSettings& own_settings;
    session::ClientMemory& client_memory;
    execution::ShardAccess::RefreshRequest request_refresh;  // from any thread
  };

  // `first`: the one of the workers that does what a proxy does once.
  Worker(const WorkerOptions& options, const Shared& shared, bool first);
  // The thread must have been joined.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Before Start. Error: an address cannot be listened on.
  Status Listen();
  void Start();
  // On the worker's thread.
  void SetMap(topology::SlotMapPtr map);
  void SetNodeTable(topology::NodeTablePtr table) {
    access_.SetNodeTable(std::move(table));
  }
  // On the worker's thread: the options of sessions, of clients' streams, of access to shards and of
  // draining are these from now on.
  void Apply(const WorkerOptions& options);

  // Not while it begins to drain.
  const std::vector<std::unique_ptr<net::Listener>>& listeners() const { return listeners_; }

  // From any thread. Drain: listens no more, closes clients that wait for nothing, and stops when
  // none is left, or when the drain timeout has passed. Stop: at once.
  void Drain();
  void Stop() { loop_.Stop(); }
  void Join();
  // Ends all clients at once. The thread has been joined.
  void RemoveClients() { sessions_.RemoveAll(); }

  net::EventLoop& loop() { return loop_; }
  const execution::Statistics& statistics() const { return statistics_; }
  const session::SessionStatistics& session_statistics() const { return session_statistics_; }
  const pubsub::Statistics& pubsub_statistics() const { return pubsub_statistics_; }
  const BackendCells& backend() const { return backend_cells_; }

 private:
  Status ListenOn(const net::Endpoint& endpoint, execution::ReadFrom read_from);
  void PublishBackendStats();
  void BeginDrain();
  void ContinueDrain();

  WorkerOptions options_;
  net::EventLoop loop_;
  execution::Statistics statistics_;
  session::SessionStatistics session_statistics_;
  pubsub::Statistics pubsub_statistics_;
  BackendCells backend_cells_;
  backend::Pool pool_;
  execution::ShardAccess access_;
  pubsub::Hub hub_;
  execution::Executor executor_;
  std::optional<scripting::Newcomers> newcomers_;  // of the first worker
  session::LateWrites late_writes_;
  session::SessionContext context_;
  session::SessionList sessions_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  net::Timer drain_timer_;
  int64_t drain_started_micros_ = 0;
  bool last_replies_ = false;     // no further requests are taken
  bool stream_options_differ_ = false;  // from those that the listeners have
  std::thread thread_;
};

}  // namespace keyway::proxy
