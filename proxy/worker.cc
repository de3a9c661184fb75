#include "proxy/worker.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "common/base/random.h"
#include "common/log/log.h"
#include "proxy/execution/key_watch.h"

namespace keyway::proxy {
namespace {

constexpr uint64_t kDrainCheckMs = 10;
constexpr int kLastRepliesMs = 500;

}  // namespace

std::vector<net::Endpoint> WorkerOptions::addresses() const {
  std::vector<net::Endpoint> all = listen;
  for (const ReadListener& other : read_listen) all.push_back(other.endpoint);
  return all;
}

bool WorkerOptions::reads_from_replicas() const {
  return read_from != execution::ReadFrom::kPrimary ||
         std::any_of(read_listen.begin(), read_listen.end(), [](const ReadListener& other) {
           return other.read_from != execution::ReadFrom::kPrimary;
         });
}

Worker::Worker(const WorkerOptions& options, const Shared& shared, bool first)
    : options_(options),
      statistics_(shared.histograms),
      pool_(loop_, options_.backend),
      access_(loop_, pool_, options_.access, shared.request_refresh, statistics_),
      hub_(access_, shared.census, pubsub_statistics_),
      executor_(access_, shared.scripts, Random::FromEntropy()),
      late_writes_(loop_),
      context_{.loop = loop_,
               .executor = executor_,
               .local_commands = shared.local_commands,
               .directory = shared.directory,
               .sessions = sessions_,
               .late_writes = late_writes_,
               .statistics = session_statistics_,
               .identity = shared.identity,
               .options = options_.session,
               .hub = &hub_,
               .own_settings = &shared.own_settings,
               .memory = &shared.client_memory},
      sessions_(context_),
      drain_timer_(loop_, [this] { ContinueDrain(); }) {
  shared.directory.Add({.loop = &loop_,
                        .sessions = &sessions_,
                        .session_statistics = &session_statistics_,
                        .statistics = &statistics_});
  executor_.set_audience(&hub_);
  if (first) newcomers_.emplace(loop_, pool_, shared.scripts);
  loop_.EveryPass([this] { PublishBackendStats(); });
}

Worker::~Worker() {
  CHECK(!thread_.joinable()) << "a worker's thread still runs";
}

Status Worker::Listen() {
  for (const net::Endpoint& endpoint : options_.listen) {
    if (Status status = ListenOn(endpoint, options_.read_from); !status.ok()) return status;
  }
  for (const ReadListener& listener : options_.read_listen) {
    if (Status status = ListenOn(listener.endpoint, listener.read_from); !status.ok()) return status;
  }
  return {};
}

Status Worker::ListenOn(const net::Endpoint& endpoint, execution::ReadFrom read_from) {
  auto listener = net::Listener::Listen(loop_, endpoint, options_.listener,
                                        [this, read_from](std::unique_ptr<net::Stream> stream) {
                                          if (stream_options_differ_) {
                                            stream->SetOptions(options_.listener.stream);
                                          }
                                          sessions_.Accept(std::move(stream), read_from);
                                        });
  if (!listener.ok()) return listener.error();
  listeners_.push_back(std::move(listener).value());
  return {};
}

void Worker::Start() {
  thread_ = std::thread([this] { loop_.Run(); });
}

void Worker::SetMap(topology::SlotMapPtr map) {
  std::vector<net::Endpoint> nodes;
  for (const topology::Shard& shard : map->shards()) {
    nodes.push_back(shard.primary.endpoint);
    if (!options_.reads_from_replicas()) continue;
    for (const topology::Node& replica : shard.replicas) nodes.push_back(replica.endpoint);
  }
  pool_.RetainOnly(nodes);
  access_.SetMap(map);
  hub_.OnMap();
  if (newcomers_) newcomers_->SetMap(std::move(map));
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::Drain() {
  loop_.Post([this] { BeginDrain(); });
}

void Worker::BeginDrain() {
  if (drain_timer_.active()) return;
  for (const auto& listener : listeners_) listener->AcceptWaiting();
  listeners_.clear();
  sessions_.HoldLastReplies(options_.listener.stream);
  drain_started_micros_ = loop_.NowMicros();
  drain_timer_.Start(0, kDrainCheckMs);
}

void Worker::ContinueDrain() {
  const DrainOptions& drain = options_.drain;
  const int64_t waited_ms = (loop_.NowMicros() - drain_started_micros_) / 1000;
  const int64_t limit_ms = drain.timeout_ms;
  const int64_t last_ms = std::min<int64_t>(kLastRepliesMs, limit_ms / 4);
  if (waited_ms < limit_ms - last_ms) {
    sessions_.CloseSilent(int64_t{drain.idle_ms} * 1000);
  } else if (!std::exchange(last_replies_, true)) {
    sessions_.FinishAll();
  }
  if (sessions_.size() > 0 && waited_ms < limit_ms) return;
  if (sessions_.size() > 0) {
    KEYWAY_WARNING() << sessions_.size() << " clients are closed with requests under way.";
  }
  drain_timer_.Stop();
  loop_.Stop();
}

void Worker::Apply(const WorkerOptions& options) {
  const bool opened = options.session.password.empty() && !options_.session.password.empty();
  options_.session = options.session;
  options_.drain = options.drain;
  options_.listener.stream = options.listener.stream;
  stream_options_differ_ = true;
  access_.SetOptions(options.access);
  if (!opened) return;
  // As in Redis, nobody has to say a password when there is none.
  sessions_.ForEach([](session::Session& session) { session.Deauthenticate(); });
}

void Worker::PublishBackendStats() {
  const backend::BackendStats& stats = pool_.stats();
  backend_cells_.connects.Set(stats.connects);
  backend_cells_.connect_failures.Set(stats.connect_failures);
  backend_cells_.connections_lost.Set(stats.connections_lost);
  backend_cells_.requests.Set(stats.requests);
  backend_cells_.replies.Set(stats.replies);
  backend_cells_.queue_full.Set(stats.queue_full);
  backend_cells_.open_connections.Set(stats.open_connections);
  backend_cells_.queued_bytes.Set(stats.queued_bytes);
  backend_cells_.pending_requests.Set(stats.pending_requests);
  backend_cells_.leases.Set(stats.leases);
  backend_cells_.spare_leases.Set(stats.spare_leases);
  backend_cells_.replies_in_parts.Set(stats.replies_in_parts);
  backend_cells_.retirements.Set(stats.retirements);
  backend_cells_.retired_connections.Set(stats.retired_connections);
  if (const execution::KeyWatch* watch = executor_.key_watch(); watch != nullptr) {
    backend_cells_.watched_keys.Set(watch->keys());
    backend_cells_.watch_connections.Set(watch->connections());
  }
  backend_cells_.busy_micros.Set(static_cast<uint64_t>(loop_.busy_micros()));
  backend_cells_.passes.Set(loop_.passes());
}

}  // namespace keyway::proxy
