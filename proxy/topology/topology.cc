#include "proxy/topology/topology.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <glog/logging.h>

#include "common/log/log.h"
#include "proxy/topology/ownership.h"
#include "proxy/topology/query.h"
#include "proxy/topology/refresh_plan.h"

namespace keyway::proxy::topology {
namespace {

constexpr size_t kMaxConcurrent = 4;
constexpr int64_t kMicrosPerMilli = 1000;
constexpr size_t kMaxReplyBytes = 64 * 1024 * 1024;
constexpr int kReconnectMillis = 50;
constexpr size_t kMaxPostedSuspects = 64;

std::vector<net::Endpoint> EndpointsOf(const SlotMap& map) {
  std::vector<net::Endpoint> endpoints;
  for (const Shard& shard : map.shards()) {
    endpoints.push_back(shard.primary.endpoint);
    for (const Node& node : shard.replicas) endpoints.push_back(node.endpoint);
  }
  return endpoints;
}

// Whether there is a primary in `after` that has failed, and has not in `before` (may be nullptr).
bool HasFailedSince(const SlotMap* before, const SlotMap& after) {
  return std::any_of(after.shards().begin(), after.shards().end(), [before](const Shard& shard) {
    if (!shard.primary.failed) return false;
    const Shard* old = before == nullptr ? nullptr : before->ShardOf(shard.first_slot());
    return old == nullptr || old->primary.id != shard.primary.id || !old->primary.failed;
  });
}

int CoveredSlots(const Report& report) {
  int slots = 0;
  for (const Shard& shard : report.shards) {
    for (const SlotRange& range : shard.slots) slots += range.size();
  }
  return slots;
}

bool IsBetter(const Report& a, const Report& b) {
  if (a.cluster_epoch != b.cluster_epoch) return a.cluster_epoch > b.cluster_epoch;
  return CoveredSlots(a) > CoveredSlots(b);
}

void KeepBetter(std::optional<Report>& best, Report report) {
  if (!best.has_value() || IsBetter(report, *best)) best = std::move(report);
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

RefreshIntervals Intervals(const TopologyOptions& options) {
  return {.refresh_ms = options.refresh_interval_ms,
          .min_interval_ms = options.min_interval_ms,
          .max_interval_ms = options.max_interval_ms,
          .retry_ms = options.retry_interval_ms};
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
    bool believed = false;          // a report that was not behind in any slot, or had news
    std::vector<Report> behind;     // other reports of nodes of this cluster
    std::optional<Report> foreign;  // the best of those that know no node of the map
    std::optional<Report> plain;    // the best of those without epochs
    bool empty = false;             // a node said that nobody has any slots
    bool current_answered = false;  // a node of the current map did
    bool news = false;
    bool first = false;  // there was no map before
    std::string error;
  };

  // What other threads have asked for and the control thread has not looked at.
  struct Posted {
    std::mutex mutex;
    bool refresh = false;
    std::vector<net::Endpoint> suspects;
  };

  Impl(net::EventLoop& loop, const TopologyOptions& topology_options, Random random)
      : control(loop),
        options(topology_options),
        plan(Intervals(topology_options), std::move(random)),
        pool(loop, PoolOptions(topology_options)),
        next_round(loop, [this] { StartRound(); }),
        hedge(loop, [this] { Hedge(); }) {}

  void Schedule(int64_t delay_ms) { next_round.Start(static_cast<uint64_t>(delay_ms)); }

  void TakePosted() {
    std::vector<net::Endpoint> suspects;
    {
      const std::lock_guard lock(posted.mutex);
      posted.refresh = false;
      suspects.swap(posted.suspects);
    }
    for (const net::Endpoint& node : suspects) plan.Suspect(node, control.NowMicros());
    Requested();
  }

  void Requested() {
    if (!started) return;
    if (round != nullptr) {
      // What the asking worker saw may be newer than the answers under way.
      again = true;
      return;
    }
    Schedule(plan.Requested(control.NowMicros()));
  }

  void StartRound() {
    if (round != nullptr) return;
    plan.RoundStarted(control.NowMicros());
    again = false;
    round = std::make_unique<Round>();
    round->first = current == nullptr;
    if (current != nullptr) current_endpoints = EndpointsOf(*current);
    round->candidates = plan.Candidates(current.get(), options.startup_nodes, control.NowMicros());
    if (round->candidates.empty()) return FinishRound();
    AskNext();
  }

  void Hedge() {
    if (AskNext()) ++stats.hedges;
  }

  // False: nobody is left to be asked, or enough are being asked.
  bool AskNext() {
    hedge.Stop();
    if (round->next == round->candidates.size() || round->running.size() >= kMaxConcurrent) {
      return false;
    }
    auto query = std::make_unique<Query>(
        control, pool, round->candidates[round->next++], options.query_timeout_ms,
        [this](Query* done, Expected<Report> report) { Take(done, std::move(report)); });
    Query* started_query = query.get();
    round->running.push_back(std::move(query));
    ++stats.queries;
    started_query->Start();
    hedge.Start(static_cast<uint64_t>(options.hedge_ms));
    return true;
  }

  void Take(Query* query, Expected<Report> report) {
    const net::Endpoint node = query->node();
    std::erase_if(round->running, [query](const auto& running) { return running.get() == query; });
    bool settled = false;
    if (!report.ok()) {
      round->error = report.error().message;
    } else {
      plan.Answered(node);
      round->current_answered |= std::find(current_endpoints.begin(), current_endpoints.end(),
                                           node) != current_endpoints.end();
      settled = report->has_epochs ? TakeReport(std::move(*report)) : TakePlain(std::move(*report));
    }
    if (settled) return FinishRound();
    if (round->next < round->candidates.size()) {
      AskNext();
    } else if (round->running.empty()) {
      FinishRound();
    }
  }

  // True: nobody else has to be asked.
  bool TakeReport(Report report) {
    if (report.shards.empty()) {
      // Of a node that was taken out of the cluster and reset, or has not joined it yet.
      round->empty = true;
      return false;
    }
    if (!ownership.empty() && !ownership.SharesNodes(report)) {
      KeepBetter(round->foreign, std::move(report));
      return false;
    }
    // Epochs come to what was learned without them: it is no better than what is said now.
    if (!ownership.empty() && !ownership.has_epochs()) ownership.Replace(report);
    const bool was_empty = ownership.empty();
    const Ownership::Outcome outcome = ownership.Merge(report);
    if (was_empty || ownership.Contains(report.reporter)) last_known_answer = control.NowMicros();
    if (outcome.refused > 0) ++stats.stale_reports;
    if (outcome.refused > 0 && outcome.adopted == 0) {
      round->behind.push_back(std::move(report));
      return false;
    }
    round->believed = true;
    const bool covers_all = PublishIfBetter();
    return covers_all && outcome.refused == 0;
  }

  bool TakePlain(Report report) {
    const bool settled =
        !ownership.has_epochs() && CoveredSlots(report) == kSlotCount && !IsOlder(report);
    if (settled) {
      round->plain = std::move(report);
    } else {
      KeepBetter(round->plain, std::move(report));
    }
    return settled;
  }

  bool IsOlder(const Report& report) const {
    return current != nullptr && report.cluster_epoch < current->cluster_epoch();
  }

  // Of the best answer of a round in which all are without epochs.
  bool IsUsable(const Report& report, bool current_answered) const {
    if (current == nullptr) return true;
    // A node that was taken out of the cluster and reset knows of no slots, and nothing newer
    // either.
    if (report.shards.empty() && current->covered_slots() > 0) {
      return report.cluster_epoch > current->cluster_epoch();
    }
    return !IsOlder(report) || !current_answered || !ownership.SharesNodes(report);
  }

  // What the answers of a round say together. True: there is something to go by.
  bool Conclude(const Round& ended) {
    if (ended.foreign.has_value()) {
      const bool nobody_left = !ended.believed && ended.behind.empty();
      const bool lone_part = current != nullptr && !current->covers_all() &&
                             CoveredSlots(*ended.foreign) > current->covered_slots();
      if (nobody_left || lone_part) {
        ownership.Replace(*ended.foreign);
        return true;
      }
    }
    if (ended.believed) return true;
    if (!ended.behind.empty()) return ConcludeFromBehind(ended.behind);
    if (ended.plain.has_value()) {
      if (!IsUsable(*ended.plain, ended.current_answered)) return false;
      ownership.Replace(*ended.plain);
      return true;
    }
    return ended.empty && (current == nullptr || current->covered_slots() == 0);
  }

  bool ConcludeFromBehind(const std::vector<Report>& behind) {
    // One node may be asked at two addresses.
    std::set<std::string_view> known;
    for (const Report& report : behind) {
      if (ownership.Contains(report.reporter)) known.insert(report.reporter);
    }
    const size_t voters = std::min(ownership.node_count(), RefreshPlan::kMaxCandidates);
    if (2 * known.size() > voters) return ownership.AdoptAgreed(behind) > 0;
    const int64_t orphaned_micros = control.NowMicros() - last_known_answer;
    if (!known.empty() || orphaned_micros < options.orphan_ms * kMicrosPerMilli) return false;
    ownership.Replace(
        *std::max_element(behind.begin(), behind.end(),
                          [](const Report& a, const Report& b) { return IsBetter(b, a); }));
    last_known_answer = control.NowMicros();
    return true;
  }

  void FinishRound() {
    hedge.Stop();
    const std::unique_ptr<Round> ended = std::move(round);
    const bool usable = Conclude(*ended);
    if (usable) {
      ++stats.refreshes_ok;
      stats.last_error.clear();
      ended->news |= Publish(NewMap());
    } else {
      ++stats.refreshes_failed;
      const bool older = !ended->behind.empty() || ended->plain.has_value() || ended->empty;
      std::string error = older ? "only an older map of the cluster was found" : ended->error;
      if (error.empty()) error = "no node to ask";
      if (stats.last_error.empty()) KEYWAY_WARNING() << "No new slot map: " << error;
      stats.last_error = std::move(error);
    }
    Schedule(plan.RoundEnded(control.NowMicros(), ended->news, usable && current->covers_all()));
    // The first to answer may be the one that is behind: somebody else is asked soon.
    if (again || (ended->first && usable && current->covers_all())) Requested();
  }

  SlotMapPtr NewMap() const {
    return std::make_shared<const SlotMap>(ownership.Shards(), version + 1,
                                           ownership.cluster_epoch());
  }

  // While a round goes on. Returns whether all slots have an owner.
  bool PublishIfBetter() {
    SlotMapPtr map = NewMap();
    const bool covers_all = map->covers_all();
    if (covers_all || (current != nullptr && map->covered_slots() >= current->covered_slots())) {
      round->news |= Publish(std::move(map));
    }
    return covers_all;
  }

  // Returns whether it brings news that workers have waited for.
  bool Publish(SlotMapPtr map) {
    const bool changed = current == nullptr || !current->SameAs(*map);
    const bool news = current == nullptr || !current->SameButForHealth(*map);
    if (HasFailedSince(current.get(), *map)) plan.ExpectFailover(control.NowMicros());
    if (!changed && current->cluster_epoch() == map->cluster_epoch()) return false;
    version = map->version();
    current = std::move(map);
    if (!changed) return false;
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
    return news;
  }

  net::EventLoop& control;
  const TopologyOptions options;
  RefreshPlan plan;
  backend::Pool pool;
  net::Timer next_round;
  net::Timer hedge;
  std::vector<Subscriber> subscribers;
  bool started = false;
  Posted posted;

  std::unique_ptr<Round> round;
  bool again = false;
  Ownership ownership;
  int64_t last_known_answer = 0;  // of a node of the map
  uint64_t version = 0;
  SlotMapPtr current;  // what was published of it
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

void Topology::RequestRefresh(const net::Endpoint* suspect) {
  {
    Impl::Posted& posted = impl_->posted;
    const std::lock_guard lock(posted.mutex);
    if (suspect != nullptr && posted.suspects.size() < kMaxPostedSuspects) {
      posted.suspects.push_back(*suspect);
    }
    if (std::exchange(posted.refresh, true)) return;
  }
  impl_->control.Post([weak = impl_->weak_from_this()] {
    if (const auto impl = weak.lock()) impl->TakePosted();
  });
}

SlotMapPtr Topology::current() const {
  return impl_->current;
}

const TopologyStats& Topology::stats() const {
  return impl_->stats;
}

}  // namespace keyway::proxy::topology
