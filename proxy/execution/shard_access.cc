#include "proxy/execution/shard_access.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/net/address.h"
#include "proxy/execution/shard_request.h"

namespace keyway::proxy::execution {
namespace {

constexpr int64_t kMicrosPerMilli = 1000;
// The first time a connection is lost it is usually the shard that closed an idle one.
constexpr int64_t kFirstRetryMicros = 1000;
// Refreshes are single-flight and spaced out anyway; this spares the call into the other thread.
constexpr int64_t kRefreshSpacingMicros = 10'000;
// Of those that wait for the same slot: sent again in one go.
constexpr int kSlotRetries = 256;
constexpr int64_t kReplicaSilenceMicros = 2'000'000;
// A node that has lost its slots and is well says so within this.
constexpr uint64_t kGraceMs = 100;
// It may be a long script, and the node well.
constexpr int64_t kSlowScoutMicros = 100'000;
// An absence that the nodes may have noticed, too.
constexpr int64_t kNoticedMicros = 500'000;
// Between two looks whether such a node still owes replies.
constexpr int64_t kOwedCheckMicros = 5'000;
constexpr int64_t kMovingMicros = 2'000'000;
constexpr uint64_t kMovingCheckMs = 500;

std::set<net::Endpoint> PrimariesOf(const topology::SlotMap& map) {
  std::set<net::Endpoint> primaries;
  for (const topology::Shard& shard : map.shards()) primaries.insert(shard.primary.endpoint);
  return primaries;
}

}  // namespace

ShardAccess::ShardAccess(net::EventLoop& loop, backend::Pool& pool, const AccessOptions& options,
                         RefreshRequest request_refresh, Statistics& statistics)
    : loop_(loop),
      pool_(pool),
      options_(options),
      request_refresh_(std::move(request_refresh)),
      statistics_(statistics),
      room_(options.max_waiting_requests, options.max_waiting_bytes),
      wake_timer_(loop, [this] { Wake(); }),
      leaving_timer_(loop, [this] { GiveUpSilentNodes(); }),
      moving_timer_(loop, [this] { ForgetMoved(); }) {
  pool_.set_watcher(this);
}

ShardAccess::~ShardAccess() {
  pool_.set_watcher(nullptr);
  CHECK(room_.requests() == 0) << "requests still wait";
}

void ShardAccess::RequestRefresh(const net::Endpoint* suspect) {
  const int64_t now = loop_.NowMicros();
  if (last_refresh_micros_ != 0 && now - last_refresh_micros_ < kRefreshSpacingMicros) return;
  last_refresh_micros_ = now;
  request_refresh_(suspect);
}

// Waiting
// ------------------------------------------------------------------------------------------

bool ShardAccess::MayGo(ShardRequest& request, const net::Endpoint& node) {
  if (room_.all_open()) return true;
  WaitingRoom::Gate* gate = room_.FindGate(node);
  if (gate == nullptr) return true;
  // Those before it in the line are the next scouts.
  if (IsScouted(*gate) || loop_.NowMicros() < gate->next_scout ||
      (!gate->line.empty() && gate->line.front().ticket() < request.ticket()) ||
      IsHeld(*gate, node)) {
    return false;
  }
  gate->scout = &request;
  gate->scout_since = loop_.NowMicros();
  return true;
}

bool ShardAccess::IsScouted(const WaitingRoom::Gate& gate) const {
  return gate.scout != nullptr && loop_.NowMicros() - gate.scout_since < kSlowScoutMicros;
}

bool ShardAccess::PredecessorsOwe(const WaitingRoom::Gate& gate) const {
  return std::any_of(gate.predecessors.begin(), gate.predecessors.end(),
                     [this](const net::Endpoint& node) { return pool_.HasCalls(node); });
}

bool ShardAccess::IsHeld(const WaitingRoom::Gate& gate, const net::Endpoint& node) const {
  if (!gate.predecessors.empty()) return PredecessorsOwe(gate);
  // Of a node that is stuck, what it owes tells enough.
  return gate.cause == AwayCause::kStuck && pool_.HasCalls(node);
}

void ShardAccess::EndScout(const net::Endpoint& node, ShardRequest& request) {
  WaitingRoom::Gate* gate = room_.all_open() ? nullptr : room_.FindGate(node);
  if (gate == nullptr || gate->scout != &request) return;
  gate->scout = nullptr;
  if (!gate->line.empty()) WakeWithin(gate->next_scout - loop_.NowMicros());
}

void ShardAccess::NoteAway(const net::Endpoint& node, AwayCause cause, std::string_view detail) {
  const int64_t now = loop_.NowMicros();
  std::erase(answered_, node);
  WaitingRoom::Gate& gate = room_.CloseGate(node, now);
  gate.cause = cause;
  gate.detail = detail;
  gate.precaution = false;
  node_choice_.MarkUnfit(node);
  RequestRefresh(&node);
  // Those who were sent together fail together: that is one attempt.
  if (gate.scout != nullptr || now < gate.next_scout) return;
  const bool first = gate.attempts++ == 0;
  gate.next_scout =
      now + (first ? kFirstRetryMicros : int64_t{options_.retry_interval_ms} * kMicrosPerMilli);
  WakeWithin(gate.next_scout - now);
}

void ShardAccess::OnNodeStuck(const net::Endpoint& node) {
  if (IsReplica(node)) return node_choice_.MarkUnfit(node);
  if (room_.FindGate(node) != nullptr) return RequestRefresh();
  NoteAway(node, AwayCause::kStuck, net::ToString(node) + " does not answer, while others do");
}

void ShardAccess::OpenSoon(const net::Endpoint& node) {
  const WaitingRoom::Gate* gate = room_.FindGate(node);
  if (gate == nullptr || PredecessorsOwe(*gate) ||
      std::find(answered_.begin(), answered_.end(), node) != answered_.end()) {
    return;
  }
  // Not here: whose reply this is may go away with what a request in the line ends.
  answered_.push_back(node);
  WakeWithin(0);
}

void ShardAccess::Open(const net::Endpoint& node) {
  WaitingRoom::Gate* gate = room_.FindGate(node);
  if (gate == nullptr) return;
  const int64_t away_since = gate->closed_since;
  const bool was_away = !gate->precaution;
  WaitingRoom::Line line;
  line.Splice(gate->line);
  room_.OpenGate(node);
  if (was_away) NoteEndOfAbsence(node, away_since);
  Release(line);
}

bool ShardAccess::Wait(ShardRequest& request, Await await) {
  if (!room_.has_room(request.size())) return false;
  switch (await) {
    case Await::kNode: {
      WaitingRoom::Gate& gate = room_.CloseGate(request.node(), loop_.NowMicros());
      room_.Enter(gate.line, request);
      const int64_t next =
          gate.scout == nullptr ? gate.next_scout : gate.scout_since + kSlowScoutMicros;
      WakeWithin(next - loop_.NowMicros());
      break;
    }
    case Await::kSlot:
      room_.Enter(room_.for_slot(), request);
      WakeWithin(int64_t{options_.retry_interval_ms} * kMicrosPerMilli);
      break;
    case Await::kMap:
      room_.Enter(room_.for_map(), request);
      WakeWithin(int64_t{options_.retry_interval_ms} * kMicrosPerMilli);
      break;
  }
  PublishCounts();
  return true;
}

void ShardAccess::StopWaiting(ShardRequest& request) {
  room_.Leave(request);
  PublishCounts();
}

void ShardAccess::PublishCounts() {
  statistics_.waiting_requests.Set(room_.requests());
  statistics_.waiting_bytes.Set(room_.bytes());
}

void ShardAccess::WakeWithin(int64_t micros) {
  const int64_t at = loop_.NowMicros() + std::max<int64_t>(0, micros);
  if (wake_timer_.active() && wake_at_ <= at) return;
  wake_at_ = at;
  wake_timer_.Start(static_cast<uint64_t>((std::max<int64_t>(0, micros) + kMicrosPerMilli - 1) /
                                          kMicrosPerMilli));
}

void ShardAccess::Release(WaitingRoom::Line& line) {
  while (!line.empty()) {
    ShardRequest& request = line.front();
    StopWaiting(request);
    request.SendAgain();
  }
}

void ShardAccess::Wake() {
  wake_timer_.Stop();
  for (const net::Endpoint& node : std::exchange(answered_, {})) Open(node);
  if (room_.requests() == 0) return;
  // The map that they all need may be there, and not known here.
  RequestRefresh();
  std::vector<net::Endpoint> due;
  const int64_t now = loop_.NowMicros();
  for (const auto& [node, gate] : room_.gates()) {
    if (!IsScouted(gate) && !gate.line.empty() && now >= gate.next_scout) due.push_back(node);
  }
  for (const net::Endpoint& node : due) {
    WaitingRoom::Gate* gate = room_.FindGate(node);
    if (gate == nullptr || gate->line.empty()) continue;
    ShardRequest& scout = gate->line.front();
    if (IsHeld(*gate, node)) {
      WakeWithin(kOwedCheckMicros);
      continue;
    }
    StopWaiting(scout);
    scout.SendAgain();
  }
  WaitingRoom::Line some;
  for (int i = 0; i < kSlotRetries && !room_.for_slot().empty(); ++i) {
    ShardRequest& request = room_.for_slot().front();
    static_cast<ListLink<WaitingTag>&>(request).Unlink();
    some.PushBack(request);
  }
  Release(some);
  if (room_.requests() > 0) WakeWithin(int64_t{options_.retry_interval_ms} * kMicrosPerMilli);
}

// New maps
// ------------------------------------------------------------------------------------------

void ShardAccess::SetMap(topology::SlotMapPtr map) {
  const topology::SlotMapPtr before = std::exchange(map_, std::move(map));
  if (before != nullptr) {
    NoteLeavingNodes(*before);
    HoldSuccessors(*before);
  }
  std::vector<ShardRequest*> waiting;
  const auto collect = [&waiting](ShardRequest& request) { waiting.push_back(&request); };
  for (auto& [node, gate] : room_.gates()) gate.line.ForEach(collect);
  room_.for_slot().ForEach(collect);
  room_.for_map().ForEach(collect);
  std::sort(waiting.begin(), waiting.end(), [](const ShardRequest* a, const ShardRequest* b) {
    return a->ticket() < b->ticket();
  });
  WaitingRoom::Line all;
  for (ShardRequest* request : waiting) {
    static_cast<ListLink<WaitingTag>&>(*request).Unlink();
    all.PushBack(*request);
    request->ForgetRedirect();
  }
  const std::set<net::Endpoint> primaries = PrimariesOf(*map_);
  std::vector<std::pair<net::Endpoint, int64_t>> replaced;
  for (auto it = room_.gates().begin(); it != room_.gates().end();) {
    auto& [node, gate] = *it;
    // One that has slots again always owes something.
    std::erase_if(gate.predecessors,
                  [&primaries](const net::Endpoint& other) { return primaries.contains(other); });
    const bool gone = !primaries.contains(node) && gate.scout == nullptr;
    if (gone) {
      if (!gate.precaution) replaced.emplace_back(node, gate.closed_since);
      std::erase(answered_, node);
    }
    it = gone ? room_.gates().erase(it) : std::next(it);
  }
  for (const auto& [node, away_since] : replaced) NoteEndOfAbsence(node, away_since);
  Release(all);
  map_watchers_.ForEach([](MapWatcher& watcher) { watcher.OnNewMap(); });
}

void ShardAccess::SetNodeTable(topology::NodeTablePtr table) {
  // What a replica owes only reads: others are asked instead.
  for (const auto& [node, state] : table->nodes) {
    if (state.primary || state.latency_micros >= 0) continue;
    pool_.GiveUp(node, kReplicaSilenceMicros, net::ToString(node) + " does not answer");
  }
  node_choice_.SetTable(std::move(table));
  // Those that wait for a primary may find a replica now.
  WaitingRoom::Line reads;
  for (auto& [node, gate] : room_.gates()) {
    gate.line.ForEach([&reads](ShardRequest& request) {
      if (!request.terms_.from_replicas()) return;
      static_cast<ListLink<WaitingTag>&>(request).Unlink();
      reads.PushBack(request);
    });
  }
  Release(reads);
}

bool ShardAccess::IsReplica(const net::Endpoint& node) const {
  if (map_ == nullptr) return false;
  bool replica = false;
  for (const topology::Shard& shard : map_->shards()) {
    if (shard.primary.endpoint == node) return false;
    replica = replica || std::any_of(shard.replicas.begin(), shard.replicas.end(),
                                     [&node](const auto& other) { return other.endpoint == node; });
  }
  return replica;
}

void ShardAccess::NoteLeavingNodes(const topology::SlotMap& before) {
  const std::set<net::Endpoint> primaries = PrimariesOf(*map_);
  std::erase_if(leaving_, [&](const Leaving& leaving) { return primaries.contains(leaving.node); });
  for (const net::Endpoint& node : PrimariesOf(before)) {
    if (!primaries.contains(node)) leaving_.push_back({node, loop_.NowMicros()});
  }
  if (!leaving_.empty() && !leaving_timer_.active()) leaving_timer_.Start(kGraceMs, kGraceMs);
}

void ShardAccess::NoteEndOfAbsence(const net::Endpoint& node, int64_t away_since) {
  statistics_.shard_absence.Observe(
      static_cast<uint64_t>(std::max<int64_t>(0, loop_.NowMicros() - away_since)));
  DoubtOthers(node, away_since);
}

void ShardAccess::DoubtOthers(const net::Endpoint& node, int64_t away_since) {
  const int64_t now = loop_.NowMicros();
  if (map_ == nullptr || now - away_since < kNoticedMicros) return;
  for (const topology::Shard& shard : map_->shards()) {
    const net::Endpoint& other = shard.primary.endpoint;
    if (other == node || room_.FindGate(other) != nullptr) continue;
    WaitingRoom::Gate& gate = room_.CloseGate(other, now);
    gate.precaution = true;
    gate.cause = AwayCause::kClusterDown;
    gate.detail = "the cluster has not been whole";
  }
}

void ShardAccess::HoldSuccessors(const topology::SlotMap& before) {
  if (leaving_.empty()) return;
  const std::set<net::Endpoint> primaries = PrimariesOf(*map_);
  const topology::Shard* last_from = nullptr;
  const topology::Shard* last_to = nullptr;
  for (int slot = 0; slot < kSlotCount; ++slot) {
    const topology::Shard* from = before.ShardOf(static_cast<Slot>(slot));
    const topology::Shard* to = map_->ShardOf(static_cast<Slot>(slot));
    if (from == last_from && to == last_to) continue;
    last_from = from;
    last_to = to;
    if (from == nullptr || to == nullptr || primaries.contains(from->primary.endpoint)) continue;
    const net::Endpoint& old_node = from->primary.endpoint;
    const WaitingRoom::Gate* old_gate = room_.FindGate(old_node);
    WaitingRoom::Gate& gate = room_.CloseGate(to->primary.endpoint, loop_.NowMicros());
    if (gate.detail.empty()) {
      gate.precaution = true;
      gate.cause = old_gate == nullptr ? AwayCause::kMoving : old_gate->cause;
      gate.detail = net::ToString(to->primary.endpoint) + " takes over from " + net::ToString(old_node);
    }
    std::vector<net::Endpoint>& predecessors = gate.predecessors;
    if (std::find(predecessors.begin(), predecessors.end(), old_node) == predecessors.end()) {
      predecessors.push_back(old_node);
    }
  }
}

void ShardAccess::GiveUpSilentNodes() {
  const int64_t now = loop_.NowMicros();
  std::erase_if(leaving_, [&](const Leaving& leaving) {
    if (!pool_.HasCalls(leaving.node)) return true;
    const int64_t grace = static_cast<int64_t>(kGraceMs) * kMicrosPerMilli;
    if (now - leaving.since < grace) return false;
    return pool_.GiveUp(leaving.node, grace,
                        net::ToString(leaving.node) + " does not answer and has lost its slots");
  });
  if (leaving_.empty()) leaving_timer_.Stop();
}

// Moving slots
// ------------------------------------------------------------------------------------------

bool ShardAccess::IsMoving(Slot slot) const {
  return !moving_.empty() && moving_.contains(slot);
}

void ShardAccess::NoteMoving(Slot slot) {
  moving_[slot] = loop_.NowMicros() + kMovingMicros;
  if (!moving_timer_.active()) moving_timer_.Start(kMovingCheckMs, kMovingCheckMs);
}

void ShardAccess::ForgetMoved() {
  const int64_t now = loop_.NowMicros();
  std::erase_if(moving_, [now](const auto& slot) { return slot.second <= now; });
  if (moving_.empty()) moving_timer_.Stop();
}

}  // namespace keyway::proxy::execution
