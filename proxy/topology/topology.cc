#include "proxy/topology/topology.h"

#include <algorithm>
#include <atomic>
#include <unordered_set>
#include <utility>

#include <glog/logging.h>

#include "common/log/log.h"
#include "proxy/topology/query.h"

namespace keyway::proxy::topology {
namespace {

// Of the current map, and again of the startup nodes: enough to find one that is up, without
// asking hundreds when a cluster is down.
constexpr size_t kMaxCandidates = 12;
constexpr size_t kMaxConcurrent = 4;
// A node that takes longer than this is overtaken by asking another one as well.
constexpr uint64_t kHedgeMillis = 250;
constexpr int64_t kMicrosPerMilli = 1000;
constexpr size_t kMaxReplyBytes = 64 * 1024 * 1024;
constexpr int kReconnectMillis = 50;

std::unordered_set<std::string> NodeIds(const SlotMap& map) {
  std::unordered_set<std::string> ids;
  for (const Shard& shard : map.shards()) {
    ids.insert(shard.primary.id);
    for (const Node& node : shard.replicas) ids.insert(node.id);
  }
  return ids;
}

bool ShareNodes(const SlotMap& a, const SlotMap& b) {
  const auto ids = NodeIds(a);
  const auto others = NodeIds(b);
  return std::any_of(others.begin(), others.end(),
                     [&ids](const std::string& id) { return ids.contains(id); });
}

std::vector<net::Endpoint> EndpointsOf(const SlotMap& map) {
  std::vector<net::Endpoint> endpoints;
  for (const Shard& shard : map.shards()) {
    endpoints.push_back(shard.primary.endpoint);
    for (const Node& node : shard.replicas) endpoints.push_back(node.endpoint);
  }
  return endpoints;
}

bool Contains(const std::vector<net::Endpoint>& endpoints, const net::Endpoint& endpoint) {
  return std::find(endpoints.begin(), endpoints.end(), endpoint) != endpoints.end();
}

backend::BackendOptions PoolOptions(const TopologyOptions& options) {
  backend::BackendOptions pool;
  pool.username = options.username;
  pool.password = options.password;
  pool.connect_timeout_ms = options.query_timeout_ms;
  // How often is decided here, not by the pool.
  pool.reconnect_min_ms = pool.reconnect_max_ms =
      std::min(kReconnectMillis, std::min(options.min_interval_ms, options.retry_interval_ms));
  pool.max_reply_bytes = kMaxReplyBytes;
  return pool;
}

}  // namespace

struct Topology::Impl : std::enable_shared_from_this<Topology::Impl> {
  struct Subscriber {
    net::EventLoop* loop;
    std::function<void(SlotMapPtr)> on_change;
  };

  // One refresh under way.
  struct Round {
    std::vector<net::Endpoint> candidates;
    size_t next = 0;
    std::vector<std::unique_ptr<Query>> running;
    SlotMapPtr best;
    bool current_answered = false;  // a node of the current map did
    std::string error;
  };

  Impl(net::EventLoop& loop, const TopologyOptions& topology_options, Random topology_random)
      : control(loop),
        options(topology_options),
        random(std::move(topology_random)),
        pool(loop, PoolOptions(topology_options)),
        next_round(loop, [this] { StartRound(); }),
        hedge(loop, [this] { AskNext(); }) {}

  void Schedule(int64_t delay_ms) { next_round.Start(static_cast<uint64_t>(delay_ms)); }

  void Requested() {
    if (!started) return;
    if (round != nullptr) {
      // What the asking worker saw may be newer than the answers under way.
      again = true;
      return;
    }
    const int64_t since_ms = (control.NowMicros() - last_start) / kMicrosPerMilli;
    Schedule(std::max<int64_t>(0, options.min_interval_ms - since_ms));
  }

  void StartRound() {
    if (round != nullptr) return;
    last_start = control.NowMicros();
    again = false;
    round = std::make_unique<Round>();
    if (current != nullptr) current_endpoints = EndpointsOf(*current);
    AddCandidates(current_endpoints);
    AddCandidates(options.startup_nodes);
    if (round->candidates.empty()) return FinishRound();
    AskNext();
  }

  void AddCandidates(std::vector<net::Endpoint> nodes) {
    for (size_t i = nodes.size(); i > 1; --i) std::swap(nodes[i - 1], nodes[random.Below(i)]);
    size_t added = 0;
    for (net::Endpoint& node : nodes) {
      if (added == kMaxCandidates) return;
      if (Contains(round->candidates, node)) continue;
      round->candidates.push_back(std::move(node));
      ++added;
    }
  }

  void AskNext() {
    hedge.Stop();
    if (round->next == round->candidates.size() || round->running.size() >= kMaxConcurrent) return;
    auto query = std::make_unique<Query>(
        control, pool, round->candidates[round->next++], options.query_timeout_ms,
        [this](Query* done, Expected<Answer> answer) { Take(done, std::move(answer)); });
    Query* started_query = query.get();
    round->running.push_back(std::move(query));
    started_query->Start();
    hedge.Start(kHedgeMillis);
  }

  void Take(Query* query, Expected<Answer> answer) {
    const net::Endpoint node = query->node();
    std::erase_if(round->running, [query](const auto& running) { return running.get() == query; });
    if (!answer.ok()) {
      round->error = answer.error().message;
    } else {
      auto map = std::make_shared<const SlotMap>(std::move(answer->shards), version + 1,
                                                 answer->cluster_epoch);
      round->current_answered |= Contains(current_endpoints, node);
      const bool good = map->covers_all() && !IsOlder(*map);
      if (good || round->best == nullptr || IsBetter(*map, *round->best)) {
        round->best = std::move(map);
      }
      if (good) return FinishRound();
    }
    if (round->next < round->candidates.size()) return AskNext();
    if (round->running.empty()) FinishRound();
  }

  bool IsOlder(const SlotMap& map) const {
    return current != nullptr && map.cluster_epoch() < current->cluster_epoch();
  }

  bool IsUsable(const SlotMap& map, bool current_answered) const {
    if (current == nullptr) return true;
    // A node that was taken out of the cluster and reset knows of no slots, and nothing newer
    // either.
    if (map.covered_slots() == 0 && current->covered_slots() > 0) {
      return map.cluster_epoch() > current->cluster_epoch();
    }
    return !IsOlder(map) || !current_answered || !ShareNodes(map, *current);
  }

  static bool IsBetter(const SlotMap& a, const SlotMap& b) {
    if (a.cluster_epoch() != b.cluster_epoch()) return a.cluster_epoch() > b.cluster_epoch();
    return a.covered_slots() > b.covered_slots();
  }

  void FinishRound() {
    hedge.Stop();
    const std::unique_ptr<Round> ended = std::move(round);
    const bool usable = ended->best != nullptr && IsUsable(*ended->best, ended->current_answered);
    if (usable) {
      ++stats.refreshes_ok;
      stats.last_error.clear();
      Adopt(ended->best);
    } else {
      ++stats.refreshes_failed;
      std::string error = ended->best == nullptr ? std::move(ended->error)
                                                 : "only an older map of the cluster was found";
      if (error.empty()) error = "no node to ask";
      if (stats.last_error.empty()) KEYWAY_WARNING() << "No new slot map: " << error;
      stats.last_error = std::move(error);
    }
    const int64_t delay_ms = !usable || !current->covers_all()
                                 ? std::min(options.retry_interval_ms, options.refresh_interval_ms)
                                 : Jittered(options.refresh_interval_ms);
    Schedule(delay_ms);
    if (again) Requested();
  }

  int64_t Jittered(int64_t millis) {
    return random.Between(millis - millis / 10, millis + millis / 10);
  }

  void Adopt(SlotMapPtr map) {
    const bool changed = current == nullptr || !current->SameAs(*map);
    if (!changed && current->cluster_epoch() == map->cluster_epoch()) return;
    version = map->version();
    current = std::move(map);
    if (!changed) return;
    ++stats.maps_changed;
    KEYWAY_NOTICE() << "Slot map " << version << ": " << current->shards().size() << " shards, "
                    << current->covered_slots() << " slots, epoch " << current->cluster_epoch();
    std::vector<net::Endpoint> nodes = EndpointsOf(*current);
    nodes.insert(nodes.end(), options.startup_nodes.begin(), options.startup_nodes.end());
    pool.RetainOnly(nodes);
    for (const Subscriber& subscriber : subscribers) {
      subscriber.loop->Post(
          [on_change = subscriber.on_change, published = current] { on_change(published); });
    }
  }

  net::EventLoop& control;
  const TopologyOptions options;
  Random random;
  backend::Pool pool;
  net::Timer next_round;
  net::Timer hedge;
  std::vector<Subscriber> subscribers;
  bool started = false;
  // A refresh is posted and has not been looked at; the only member that other threads touch.
  std::atomic<bool> requested{false};

  std::unique_ptr<Round> round;
  bool again = false;
  int64_t last_start = 0;
  uint64_t version = 0;
  SlotMapPtr current;
  std::vector<net::Endpoint> current_endpoints;
  TopologyStats stats;
};

Topology::Topology(net::EventLoop& control, const TopologyOptions& options, Random random)
    : impl_(std::make_shared<Impl>(control, options, std::move(random))) {}

Topology::~Topology() = default;

void Topology::Subscribe(net::EventLoop& loop, std::function<void(SlotMapPtr)> on_change) {
  CHECK(!impl_->started) << "a subscriber after the start";
  impl_->subscribers.push_back({&loop, std::move(on_change)});
}

void Topology::Start() {
  impl_->started = true;
  impl_->Schedule(0);
}

void Topology::RequestRefresh() {
  if (impl_->requested.exchange(true)) return;
  impl_->control.Post([weak = impl_->weak_from_this()] {
    const auto impl = weak.lock();
    if (impl == nullptr) return;
    impl->requested = false;
    impl->Requested();
  });
}

SlotMapPtr Topology::current() const {
  return impl_->current;
}

const TopologyStats& Topology::stats() const {
  return impl_->stats;
}

}  // namespace keyway::proxy::topology
