#include "proxy/topology/replica_watch.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <glog/logging.h>

#include "common/log/log.h"
#include "proxy/backend/backend.h"
#include "proxy/topology/replica_lag.h"

namespace keyway::proxy::topology {
namespace {

constexpr std::string_view kQuestion = "*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n";
constexpr int64_t kMicrosPerMilli = 1000;
// A new round trip counts for one part in so many.
constexpr int64_t kLatencySmoothing = 5;
// A node that was not among the nearest becomes one when it is hardly slower than the fastest; one that
// was stays until it is clearly slower. In percent, and on top.
constexpr int64_t kEnterPercent = 120;
constexpr int64_t kEnterMicros = 100;
constexpr int64_t kLeavePercent = 150;
constexpr int64_t kLeaveMicros = 300;

backend::BackendOptions PoolOptions(const ReplicaWatchOptions& options) {
  backend::BackendOptions pool;
  pool.username = options.username;
  pool.password = options.password;
  pool.connect_timeout_ms = options.timeout_ms;
  // How often is decided here, not by the pool.
  pool.reconnect_min_ms = pool.reconnect_max_ms = std::max(1, options.interval_ms / 4);
  return pool;
}

std::string Seconds(int64_t micros) {
  const std::string tenths = std::to_string(micros / 100'000);
  return (tenths.size() == 1 ? "0" : tenths.substr(0, tenths.size() - 1)) + "." + tenths.back() + " s";
}

}  // namespace

void FindNearest(std::span<NodeState* const> nodes) {
  const bool any_in_zone = std::any_of(nodes.begin(), nodes.end(),
                                       [](const NodeState* node) { return node->in_zone; });
  const auto counts = [any_in_zone](const NodeState& node) { return node.in_zone || !any_in_zone; };
  int64_t best = INT64_MAX / kLeavePercent;
  for (const NodeState* node : nodes) {
    if (counts(*node)) best = std::min(best, node->latency_micros);
  }
  for (NodeState* node : nodes) {
    const int64_t bound = node->nearest ? best * kLeavePercent / 100 + kLeaveMicros
                                        : best * kEnterPercent / 100 + kEnterMicros;
    node->nearest = counts(*node) && node->latency_micros <= bound;
  }
}

struct ReplicaWatch::Impl {
  struct Subscriber {
    net::EventLoop* loop;
    std::function<void(NodeTablePtr)> on_table;
  };

  // One node asked in one round.
  struct Probe final : backend::Call {
    Probe(Impl* watch_, size_t shard_, const Node* node_)
        : watch(watch_), shard(shard_), node(node_) {}
    ~Probe() override { Cancel(); }

    void Send() {
      asked_micros = watch->control.NowMicros();
      const std::string_view parts[] = {kQuestion};
      watch->pool.Send(node->endpoint, {}, parts, this);
    }
    void OnReply(std::string_view reply, char) override {
      answered_micros = watch->control.NowMicros();
      auto parsed = ParseReplicationInfo(reply);
      if (parsed.ok()) {
        answer = std::move(*parsed);
      } else {
        error = parsed.error().message;
      }
      watch->Ended(*this);
    }
    void OnFailure(backend::Failure, std::string_view detail) override {
      error = detail;
      watch->Ended(*this);
    }

    Impl* const watch;
    const size_t shard;
    const Node* const node;
    int64_t asked_micros = 0;
    int64_t answered_micros = 0;
    std::optional<ReplicationInfo> answer;
    std::string error = "it does not answer";
  };

  struct ShardRound {
    std::unique_ptr<Probe> primary;
    std::vector<std::unique_ptr<Probe>> replicas;
    bool replicas_asked = false;
  };

  // Lives until the next one begins: it must not end inside its own answers.
  struct Round {
    SlotMapPtr map;
    std::vector<ShardRound> shards;
    size_t outstanding = 0;
  };

  struct Latency {
    int64_t micros = -1;
    bool settled = false;  // the first round trip has made the connection, too
  };

  Impl(net::EventLoop& loop, const ReplicaWatchOptions& watch_options)
      : control(loop),
        options(watch_options),
        pool(loop, PoolOptions(watch_options)),
        next_round(loop, [this] { StartRound(); }),
        stage(loop, [this] { OnStage(); }) {}

  void SetMap(SlotMapPtr new_map) {
    map = std::move(new_map);
    std::vector<net::Endpoint> nodes;
    for (const Shard& shard : map->shards()) {
      nodes.push_back(shard.primary.endpoint);
      for (const Node& node : shard.replicas) nodes.push_back(node.endpoint);
    }
    pool.RetainOnly(nodes);
    const auto gone = [&nodes](const auto& entry) {
      return std::find(nodes.begin(), nodes.end(), entry.first) == nodes.end();
    };
    std::erase_if(histories, gone);
    std::erase_if(latencies, gone);
    // The present round asks the nodes of the old map; what it finds is true all the same.
    if (!running) next_round.Start(0);
    again = running;
  }

  void StartRound() {
    if (running) return;
    running = true;
    again = false;
    started_micros = control.NowMicros();
    round = std::make_unique<Round>();
    round->map = map;
    const auto& shards = round->map->shards();
    round->shards.resize(shards.size());
    for (size_t i = 0; i < shards.size(); ++i) {
      ShardRound& shard = round->shards[i];
      shard.primary = std::make_unique<Probe>(this, i, &shards[i].primary);
      for (const Node& node : shards[i].replicas) {
        shard.replicas.push_back(std::make_unique<Probe>(this, i, &node));
      }
      round->outstanding += 1 + shard.replicas.size();
    }
    if (round->outstanding == 0) return EndRound();
    for (ShardRound& shard : round->shards) shard.primary->Send();
    late = false;
    stage.Start(static_cast<uint64_t>(options.primary_ms));
  }

  // The time for the primaries is over, then that for the round.
  void OnStage() {
    if (late) return EndRound();
    late = true;
    for (ShardRound& shard : round->shards) AskReplicas(shard);
    stage.Start(static_cast<uint64_t>(std::max(1, options.timeout_ms - options.primary_ms)));
  }

  void AskReplicas(ShardRound& shard) {
    if (std::exchange(shard.replicas_asked, true)) return;
    for (const auto& probe : shard.replicas) probe->Send();
  }

  void Ended(Probe& probe) {
    ShardRound& shard = round->shards[probe.shard];
    if (&probe == shard.primary.get()) {
      if (probe.answer && probe.answer->primary) {
        HistoryOf(probe.node->endpoint).Note(*probe.answer, probe.asked_micros);
      }
      AskReplicas(shard);
    }
    if (--round->outstanding == 0) EndRound();
  }

  PrimaryHistory& HistoryOf(const net::Endpoint& primary) {
    // Twice the limit: what is further behind is out of the question, but is told.
    return histories.try_emplace(primary, 2 * kMicrosPerMilli * options.max_lag_ms).first->second;
  }

  void EndRound() {
    stage.Stop();
    for (ShardRound& shard : round->shards) {
      shard.primary->Cancel();
      for (const auto& probe : shard.replicas) probe->Cancel();
    }
    running = false;
    Publish();
    const int64_t passed_ms = (control.NowMicros() - started_micros) / kMicrosPerMilli;
    const int64_t pause_ms = std::max<int64_t>(options.interval_ms - passed_ms, options.interval_ms / 4);
    next_round.Start(again ? 0 : static_cast<uint64_t>(pause_ms));
  }

  void Publish() {
    auto table = std::make_shared<NodeTable>();
    table->round = ++rounds;
    for (const ShardRound& shard : round->shards) {
      NodeState primary = Judge(*shard.primary);
      primary.primary = true;
      primary.fit = shard.primary->answer.has_value();
      table->nodes[shard.primary->node->endpoint] = std::move(primary);
      for (const auto& probe : shard.replicas) {
        NodeState& state = table->nodes[probe->node->endpoint] = Judge(*probe);
        JudgeReplica(*shard.primary, *probe, &state);
        ReportChange(probe->node->endpoint, state);
      }
      FindNearestOf(shard, table.get());
    }
    current = std::move(table);
    for (const Subscriber& subscriber : subscribers) {
      subscriber.loop->Post(
          [on_table = subscriber.on_table, published = current] { on_table(published); });
    }
  }

  // What holds for any node.
  NodeState Judge(const Probe& probe) {
    NodeState state;
    state.in_zone = options.zones.IsOwn(*probe.node);
    Latency& latency = latencies[probe.node->endpoint];
    if (!probe.answer) {
      latency = {};
      state.unfit_because = probe.error;
      return state;
    }
    const int64_t micros = probe.answered_micros - probe.asked_micros;
    if (latency.settled) {
      latency.micros += (micros - latency.micros) / kLatencySmoothing;
    } else {
      latency.settled = latency.micros >= 0;
      latency.micros = micros;
    }
    state.latency_micros = latency.micros;
    return state;
  }

  void JudgeReplica(const Probe& primary, const Probe& probe, NodeState* state) {
    if (!probe.answer) return;
    const auto lag =
        HistoryOf(primary.node->endpoint).LagOf(*probe.answer, probe.answered_micros);
    if (lag && !probe.answer->primary) state->lag_micros = lag->micros;
    if (probe.answer->primary) {
      state->unfit_because = "it calls itself a primary";
    } else if (probe.answer->syncing) {
      state->unfit_because = "it gets a full copy from its primary";
    } else if (!probe.answer->link_up) {
      state->unfit_because = "its link to its primary is down";
    } else if (!lag) {
      state->unfit_because = "how far it is behind its primary is not known";
    } else if (lag->at_least || lag->micros > kMicrosPerMilli * options.max_lag_ms) {
      state->unfit_because = "it is about " + Seconds(lag->micros) + " or more behind its primary";
    } else {
      state->fit = true;
    }
  }

  void ReportChange(const net::Endpoint& replica, const NodeState& state) {
    const NodeState* before = current == nullptr ? nullptr : current->Find(replica);
    if (before != nullptr && before->fit == state.fit) return;
    if (state.fit) {
      KEYWAY_NOTICE() << "Replica " << net::ToString(replica) << " is fit to be read from";
    } else {
      KEYWAY_WARNING() << "Replica " << net::ToString(replica)
                       << " is not read from: " << state.unfit_because;
    }
  }

  void FindNearestOf(const ShardRound& shard, NodeTable* table) const {
    std::vector<NodeState*> fit;
    const auto add = [&](const Probe& probe) {
      NodeState& state = table->nodes[probe.node->endpoint];
      if (!state.fit) return;
      const NodeState* before = current == nullptr ? nullptr : current->Find(probe.node->endpoint);
      state.nearest = before != nullptr && before->nearest;
      fit.push_back(&state);
    };
    add(*shard.primary);
    for (const auto& probe : shard.replicas) add(*probe);
    FindNearest(fit);
  }

  net::EventLoop& control;
  const ReplicaWatchOptions options;
  backend::Pool pool;
  net::Timer next_round;
  net::Timer stage;
  std::vector<Subscriber> subscribers;
  SlotMapPtr map;
  std::unique_ptr<Round> round;
  bool running = false;
  bool late = false;
  bool again = false;  // the map has changed since the round began
  int64_t started_micros = 0;
  uint64_t rounds = 0;
  std::map<net::Endpoint, PrimaryHistory> histories;
  std::map<net::Endpoint, Latency> latencies;
  NodeTablePtr current;
};

ReplicaWatch::ReplicaWatch(net::EventLoop& control, const ReplicaWatchOptions& options)
    : impl_(std::make_unique<Impl>(control, options)) {}

ReplicaWatch::~ReplicaWatch() = default;

void ReplicaWatch::Subscribe(net::EventLoop& loop, std::function<void(NodeTablePtr)> on_table) {
  CHECK(impl_->map == nullptr) << "a subscriber after the start";
  impl_->subscribers.push_back({&loop, std::move(on_table)});
}

void ReplicaWatch::SetMap(SlotMapPtr map) {
  impl_->SetMap(std::move(map));
}

NodeTablePtr ReplicaWatch::current() const {
  return impl_->current;
}

}  // namespace keyway::proxy::topology
