#include "tests/sim/replicated_data.h"

#include <algorithm>
#include <utility>

namespace keyway::sim {
namespace {

constexpr int64_t kMillisecond = 1000;
constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kRetransmitUs = 200 * kMillisecond;

}  // namespace

struct ReplicatedData::Connection {
  struct End {
    int node = -1;
    uint64_t life = 0;
    bool open = false;
    int64_t heard_us = 0;
    // What this end has sent and the other has not got.
    std::deque<std::pair<int64_t, std::function<void()>>> sent;
    bool pumping = false;
    int64_t last_arrival_us = 0;
  };
  End ends[2];
};

ReplicatedData::ReplicatedData(ClusterSimulation& simulation, int node,
                               const ReplicationOptions& options, Group& group)
    : simulation_(simulation), node_(node), options_(options), group_(group) {
  group_.push_back(this);
}

ReplicatedData::~ReplicatedData() = default;

// --- Life -----------------------------------------------------------------------------------

void ReplicatedData::OnStart() {
  id_ = NewId();
  offset_ = 0;
  second_id_.clear();
  backlog_.clear();
  primary_ip_.clear();
  online_ = false;
  down_since_us_ = -1;
  paused_until_ms_ = 0;
}

void ReplicatedData::OnStop(bool silent) {
  LoseLink(silent);
  for (const ConnectionPtr& replica : std::exchange(replicas_, {})) {
    Close(replica, kPrimarySide, silent);
  }
  if (!options_.persistent) data_ = Dataset(kKeys);
}

void ReplicatedData::Tick() {
  const int64_t timeout = options_.timeout_ms * kMillisecond;
  if (is_replica()) {
    if (upstream_ != nullptr && now_us() - heard_us_ > timeout) LoseLink();
    if (upstream_ == nullptr && now_us() - tried_us_ >= kSecond) Connect();
    if (online() && now_us() - acknowledged_us_ >= kSecond) {
      acknowledged_us_ = now_us();
      Transmit(upstream_, kReplicaSide, 0, [] {});
    }
  }
  const std::vector<ConnectionPtr> replicas = replicas_;
  for (const ConnectionPtr& replica : replicas) {
    if (now_us() - replica->ends[kPrimarySide].heard_us <= timeout) continue;
    std::erase(replicas_, replica);
    Close(replica, kPrimarySide);
  }
  if (!is_replica() && !replicas_.empty() &&
      now_us() - last_ping_us_ >= options_.ping_period_ms * kMillisecond) {
    last_ping_us_ = now_us();
    Publish({Change::Kind::kPing});
  }
}

// --- Data -----------------------------------------------------------------------------------

void ReplicatedData::Apply(const Change& change) {
  WriteLog& log = data_[static_cast<size_t>(change.key)];
  switch (change.kind) {
    case Change::Kind::kAppend:
      log.push_back(change.write);
      break;
    case Change::Kind::kRestore:
      log = *change.value;
      break;
    case Change::Kind::kDelete:
      log.clear();
      break;
    case Change::Kind::kPing:
      break;
  }
}

void ReplicatedData::Keep(const Change& change) {
  ++offset_;
  backlog_.push_back(change);
  if (backlog_.size() > options_.backlog) backlog_.pop_front();
  for (const ConnectionPtr& replica : replicas_) SendChanges(replica, {change});
}

void ReplicatedData::Publish(Change change) {
  Apply(change);
  Keep(change);
}

void ReplicatedData::Append(int key, uint64_t write) {
  Publish({Change::Kind::kAppend, key, write});
}
void ReplicatedData::Restore(int key, const WriteLog& value) {
  Publish({Change::Kind::kRestore, key, 0, std::make_shared<const WriteLog>(value)});
}
void ReplicatedData::Delete(int key) {
  Publish({Change::Kind::kDelete, key});
}

void ReplicatedData::Empty() {
  data_ = Dataset(kKeys);
}

void ReplicatedData::PauseWrites(int64_t until_ms) {
  paused_until_ms_ = std::max(paused_until_ms_, until_ms);
}
bool ReplicatedData::writes_paused() const {
  if (paused_until_ms_ == 0 || !simulation_.up(node_)) return false;
  return simulation_.engine(node_).clock().MonotonicMillis() < paused_until_ms_;
}

size_t ReplicatedData::KeyCount() const {
  return static_cast<size_t>(
      std::count_if(data_.begin(), data_.end(), [](const WriteLog& log) { return !log.empty(); }));
}
size_t ReplicatedData::CountInSlot(Slot slot) const {
  size_t count = 0;
  VisitSlot(slot, kKeysInSlot, [&count](std::string_view) { ++count; });
  return count;
}
void ReplicatedData::VisitSlot(Slot slot, size_t limit,
                               const std::function<void(std::string_view)>& visit) const {
  const int first = FirstKeyIn(slot);
  if (first < 0) return;
  for (int key = first; key < first + kKeysInSlot && limit > 0; ++key) {
    if (data_[static_cast<size_t>(key)].empty()) continue;
    visit(AllKeys()[static_cast<size_t>(key)].name);
    --limit;
  }
}
bool ReplicatedData::Contains(std::string_view key, int) const {
  const int index = FindKey(key);
  return index >= 0 && !data_[static_cast<size_t>(index)].empty();
}
void ReplicatedData::DropSlot(Slot slot) {
  const int first = FirstKeyIn(slot);
  if (first < 0) return;
  for (int key = first; key < first + kKeysInSlot; ++key) {
    if (data_[static_cast<size_t>(key)].empty()) continue;
    if (is_replica()) {
      data_[static_cast<size_t>(key)].clear();
    } else {
      Delete(key);
    }
  }
}

// --- Role -----------------------------------------------------------------------------------

gossip::ReplicationView ReplicatedData::replication() const {
  gossip::ReplicationView view;
  view.offset = offset_;
  view.link_up = online();
  if (!is_replica()) return view;
  if (online()) {
    view.data_age_ms = (now_us() - heard_us_) / kMillisecond;
  } else if (down_since_us_ >= 0) {
    view.data_age_ms = (now_us() - down_since_us_) / kMillisecond;
  }
  return view;
}

void ReplicatedData::Replicate(const std::string& ip, uint16_t) {
  LoseLink();
  // Whether the new primary's data are those that are here is not known before it says so.
  if (ip != primary_ip_) down_since_us_ = -1;
  primary_ip_ = ip;
  DropReplicas();
  Connect();
}

void ReplicatedData::BecomePrimary() {
  if (!is_replica()) return;
  view_at_promotion_ = replication();
  LoseLink();
  primary_ip_at_promotion_ = std::exchange(primary_ip_, {});
  down_since_us_ = -1;
  second_id_ = std::exchange(id_, NewId());
  second_offset_ = offset_;
  DropReplicas();
}

void ReplicatedData::DropReplicas() {
  for (const ConnectionPtr& replica : std::exchange(replicas_, {})) Close(replica, kPrimarySide);
}

void ReplicatedData::LoseLink(bool silent) {
  if (upstream_ == nullptr) return;
  if (online_) down_since_us_ = now_us();
  online_ = false;
  Close(std::exchange(upstream_, nullptr), kReplicaSide, silent);
}

// --- Synchronization ------------------------------------------------------------------------

bool ReplicatedData::CanContinue(const std::string& id, uint64_t offset) const {
  const bool mine = id == id_ && offset <= offset_;
  const bool before = id == second_id_ && offset <= second_offset_;
  return (mine || before) && offset + backlog_.size() >= offset_;
}

void ReplicatedData::OnHandshake(const ConnectionPtr& connection, const std::string& id,
                                 uint64_t offset) {
  if (is_replica() && !online()) {
    Close(connection, kPrimarySide);
    return;
  }
  const int replica = connection->ends[kReplicaSide].node;
  ReplicatedData* const there = group_[static_cast<size_t>(replica)];
  if (CanContinue(id, offset)) {
    Transmit(connection, kPrimarySide, 0, [there, my_id = id_] { there->OnContinue(my_id); });
    const auto missing = static_cast<ptrdiff_t>(offset_ - offset);
    SendChanges(connection, {backlog_.end() - missing, backlog_.end()});
  } else {
    const int64_t transfer =
        simulation_.random().Between(1, options_.max_transfer_ms) * kMillisecond;
    auto snapshot = std::make_shared<const Snapshot>(Snapshot{data_, id_, offset_});
    Transmit(connection, kPrimarySide, transfer,
             [there, snapshot] { there->OnSnapshot(*snapshot); });
  }
  replicas_.push_back(connection);
}

void ReplicatedData::SendChanges(const ConnectionPtr& connection, std::vector<Change> changes) {
  const int replica = connection->ends[kReplicaSide].node;
  ReplicatedData* const there = group_[static_cast<size_t>(replica)];
  Transmit(connection, kPrimarySide, 0,
           [there, changes = std::move(changes)] { there->OnChanges(changes); });
}

void ReplicatedData::OnContinue(const std::string& id) {
  if (id != id_) {
    second_id_ = std::exchange(id_, id);
    second_offset_ = offset_;
    DropReplicas();
  }
  online_ = true;
}

void ReplicatedData::OnSnapshot(const Snapshot& snapshot) {
  data_ = snapshot.data;
  id_ = snapshot.id;
  offset_ = snapshot.offset;
  second_id_.clear();
  backlog_.clear();
  DropReplicas();
  online_ = true;
}

void ReplicatedData::OnChanges(const std::vector<Change>& changes) {
  for (const Change& change : changes) Publish(change);
}

// --- Transport ------------------------------------------------------------------------------

ReplicatedData& ReplicatedData::At(const ConnectionPtr& connection, Side side) const {
  return *group_[static_cast<size_t>(connection->ends[side].node)];
}

bool ReplicatedData::IsUp(const ConnectionPtr& connection, Side side) const {
  const Connection::End& end = connection->ends[side];
  return simulation_.up(end.node) && simulation_.life(end.node) == end.life;
}

void ReplicatedData::Connect() {
  tried_us_ = now_us();
  heard_us_ = now_us();
  upstream_ = std::make_shared<Connection>();
  upstream_->ends[kReplicaSide].node = node_;
  upstream_->ends[kReplicaSide].life = simulation_.life(node_);
  upstream_->ends[kReplicaSide].open = true;
  const int64_t give_up = now_us() + options_.timeout_ms * kMillisecond;
  simulation_.At(now_us() + simulation_.Delay(),
                 [this, connection = upstream_, give_up] { FinishConnect(connection, give_up); });
}

void ReplicatedData::FinishConnect(const ConnectionPtr& connection, int64_t give_up_us) {
  if (connection != upstream_ || !IsUp(connection, kReplicaSide)) return;
  const int primary = simulation_.FindNodeByIp(primary_ip_);
  if (primary < 0 || !simulation_.up(primary) || now_us() >= give_up_us) {
    LoseLink();
    return;
  }
  if (!simulation_.CanReach(node_, primary) || !simulation_.CanReach(primary, node_)) {
    simulation_.At(now_us() + kRetransmitUs,
                   [this, connection, give_up_us] { FinishConnect(connection, give_up_us); });
    return;
  }
  Connection::End& end = connection->ends[kPrimarySide];
  end.node = primary;
  end.life = simulation_.life(primary);
  end.open = true;
  end.heard_us = now_us();
  ReplicatedData* const there = group_[static_cast<size_t>(primary)];
  Transmit(connection, kReplicaSide, 0, [there, connection, id = id_, offset = offset_] {
    there->OnHandshake(connection, id, offset);
  });
}

void ReplicatedData::Transmit(const ConnectionPtr& connection, Side side, int64_t extra_us,
                              std::function<void()> action) {
  Connection::End& end = connection->ends[side];
  if (!end.open) return;
  int64_t delay = simulation_.Delay() + extra_us;
  // Lost: TCP sends it again.
  const auto loss = static_cast<uint64_t>(simulation_.network().loss * 1e6);
  if (loss > 0 && simulation_.random().Below(1'000'000) < loss) delay += kRetransmitUs;
  end.last_arrival_us = std::max(end.last_arrival_us, now_us() + delay);
  end.sent.emplace_back(end.last_arrival_us, std::move(action));
  if (std::exchange(end.pumping, true)) return;
  simulation_.At(end.last_arrival_us, [this, connection, side] { Pump(connection, side); });
}

void ReplicatedData::Pump(const ConnectionPtr& connection, Side from) {
  const Side to = from == kReplicaSide ? kPrimarySide : kReplicaSide;
  Connection::End& end = connection->ends[from];
  Connection::End& receiver = connection->ends[to];
  const auto again = [&](int64_t time_us) {
    simulation_.At(time_us, [this, connection, from] { Pump(connection, from); });
  };
  if (!IsUp(connection, to) || !receiver.open) {
    end.sent.clear();
    end.pumping = false;
    // A host that is up, but knows nothing of this connection, says so.
    if (simulation_.up(receiver.node) && end.open) TellClosed(connection, from);
    return;
  }
  if (!simulation_.CanReach(end.node, receiver.node)) {
    again(now_us() + kRetransmitUs);
    return;
  }
  while (!end.sent.empty() && end.sent.front().first <= now_us() && receiver.open) {
    const std::function<void()> action = std::move(end.sent.front().second);
    end.sent.pop_front();
    receiver.heard_us = now_us();
    if (to == kReplicaSide) At(connection, to).heard_us_ = now_us();
    action();
  }
  if (end.sent.empty()) {
    end.pumping = false;
  } else {
    again(std::max(end.sent.front().first, now_us()));
  }
}

void ReplicatedData::Close(const ConnectionPtr& connection, Side side, bool silent) {
  if (!std::exchange(connection->ends[side].open, false) || silent) return;
  const Side other = side == kReplicaSide ? kPrimarySide : kReplicaSide;
  if (connection->ends[other].node >= 0 && connection->ends[other].open) {
    TellClosed(connection, other);
  }
}

void ReplicatedData::TellClosed(const ConnectionPtr& connection, Side side) {
  simulation_.At(now_us() + simulation_.Delay(), [this, connection, side] {
    const Side other = side == kReplicaSide ? kPrimarySide : kReplicaSide;
    Connection::End& end = connection->ends[side];
    if (!end.open || !IsUp(connection, side)) return;
    // A partition keeps it until the receiver's own timeout.
    if (!simulation_.CanReach(connection->ends[other].node, end.node)) {
      TellClosed(connection, side);
      return;
    }
    At(connection, side).OnClosed(connection, side);
  });
}

void ReplicatedData::OnClosed(const ConnectionPtr& connection, Side side) {
  connection->ends[side].open = false;
  if (side == kPrimarySide) {
    std::erase(replicas_, connection);
  } else if (connection == upstream_) {
    LoseLink();
  }
}

}  // namespace keyway::sim
