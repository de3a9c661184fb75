#include "tests/sim/cluster_simulation.h"

#include <algorithm>
#include <deque>
#include <sstream>
#include <utility>

#include <glog/logging.h>

#include "shard/cluster/bus/message.h"

namespace keyway::sim {

using gossip::LinkId;

namespace {

constexpr int64_t kRetransmitUs = 200'000;
constexpr uint64_t kLossesThatBreak = 5;  // one of so many

}  // namespace

// Both ends of a link.
struct ClusterSimulation::Connection {
  struct End {
    int node = -1;
    uint64_t life = 0;
    LinkId link = gossip::kNoLink;
    std::string ip;
    int64_t last_arrival_us = 0;  // of what this end sends: keeps the order
    // What it has sent and the other has not got, with the times of arrival.
    std::deque<std::pair<int64_t, std::string>> sent;
    bool pumping = false;
  };
  End ends[2];  // [0] has opened it
  bool open = true;
};

class ClusterSimulation::Node final : public gossip::Transport, public gossip::Host, public Clock {
 public:
  Node(ClusterSimulation& simulation, int index, uint64_t seed, int64_t clock_offset_us,
       int64_t clock_skew_ppm, std::unique_ptr<NodeData> data)
      : simulation_(simulation),
        index_(index),
        random_(seed),
        clock_offset_us_(clock_offset_us),
        clock_skew_ppm_(clock_skew_ppm),
        data_(std::move(data)) {}

  void Start() {
    ++life_;
    data_->OnStart();
    gossip::NodeTable table =
        disk_.empty()
            ? gossip::NodeTable(*cluster::NodeId::Parse(random_.Hex(40)), MonotonicMillis())
            : Reload();
    engine_ = std::make_unique<gossip::Engine>(std::move(table), options_, *this, random_, *this,
                                               *this, *data_);
    Settle();
  }

  void Stop(bool silent) {
    data_->OnStop(silent);
    engine_.reset();
    connections_.clear();
    work_due_ = false;
  }

  void Settle() {
    if (engine_ == nullptr) return;
    while (std::exchange(work_due_, false)) engine_->FinishPass();
    id_ = engine_->table().myself().id;
    if (simulation_.observer_ != nullptr) simulation_.observer_->OnEvent(index_);
  }

  // Transport
  LinkId Connect(const std::string& ip, uint16_t) override {
    return simulation_.Connect(index_, ip);
  }
  void Send(LinkId link, std::string_view message) override {
    simulation_.Send(index_, link, message);
  }
  void Close(LinkId link) override {
    const auto it = connections_.find(link);
    if (it == connections_.end()) return;
    const auto connection = it->second;
    connections_.erase(it);
    simulation_.Break(connection, SideOf(*connection, link));
  }
  void Trust(LinkId) override {}
  std::string LocalIp(LinkId) const override { return ip_; }
  std::string PeerIp(LinkId link) const override {
    const auto it = connections_.find(link);
    if (it == connections_.end()) return {};
    return it->second->ends[1 - SideOf(*it->second, link)].ip;
  }
  size_t QueuedBytes(LinkId) const override { return 0; }
  size_t QueueMemory(LinkId) const override { return 0; }

  // Host
  gossip::DataNode& data() override { return *data_; }
  void WorkIsDue() override { work_due_ = true; }
  Status SaveConfig() override {
    disk_ = cluster::FormatNodesFile(engine_->table(), *this);
    return {};
  }

  // Clock
  int64_t MonotonicMicros() const override { return 1'000'000'000 + Elapsed() + clock_offset_us_; }
  int64_t WallMicros() const override {
    return 1'700'000'000'000'000 + Elapsed() - clock_offset_us_;
  }
  int64_t Elapsed() const {
    return simulation_.now_us_ + simulation_.now_us_ / 1000 * clock_skew_ppm_ / 1000;
  }

  static int SideOf(const Connection& connection, LinkId link) {
    // Ids are unique to a node; a node that talks to itself has two of them here.
    return connection.ends[0].link == link ? 0 : 1;
  }

  ClusterSimulation& simulation_;
  const int index_;
  Random random_;
  const int64_t clock_offset_us_;
  const int64_t clock_skew_ppm_;
  const std::unique_ptr<NodeData> data_;
  cluster::NodeId id_;
  bool retired_ = false;
  std::string ip_;
  cluster::ClusterOptions options_;
  std::string disk_;
  uint64_t life_ = 0;
  bool work_due_ = false;
  std::map<LinkId, std::shared_ptr<Connection>> connections_;
  std::unique_ptr<gossip::Engine> engine_;

 private:
  gossip::NodeTable Reload() {
    auto table = cluster::ParseNodesFile(disk_, *this);
    CHECK(table.ok()) << table.error().message << "\n" << disk_;
    return std::move(*table);
  }
};

ClusterSimulation::ClusterSimulation(uint64_t seed, int nodes, int64_t node_timeout_ms,
                                     const NetworkOptions& network, DataFactory data)
    : random_(seed),
      network_(network),
      node_timeout_ms_(node_timeout_ms),
      make_data_(std::move(data)) {
  for (int i = 0; i < nodes; ++i) AddNode();
}

ClusterSimulation::~ClusterSimulation() {
  for (auto& node : nodes_) {
    if (node->engine_ != nullptr) node->Stop(true);
  }
}

int ClusterSimulation::AddNode() {
  const int index = size();
  const int64_t limit = network_.max_clock_offset_ms * 1000;
  const int64_t offset = limit == 0 ? 0 : random_.Between(0, limit);
  const int64_t skews = network_.max_clock_skew_ppm;
  const int64_t skew = skews == 0 ? 0 : random_.Between(-skews, skews);
  nodes_.push_back(
      std::make_unique<Node>(*this, index, random_.Next(), offset, skew,
                             make_data_ ? make_data_(index) : std::make_unique<SlotBits>()));
  cluster::ClusterOptions& options = nodes_.back()->options_;
  options.node_timeout_ms = node_timeout_ms_;
  options.port = kPort;
  options.bus_port = kBusPort;
  Restart(index, /*new_ip=*/true);
  return index;
}

gossip::Engine& ClusterSimulation::engine(int node) {
  CHECK(up(node));
  return *nodes_[static_cast<size_t>(node)]->engine_;
}
bool ClusterSimulation::up(int node) const {
  return nodes_[static_cast<size_t>(node)]->engine_ != nullptr;
}
const std::string& ClusterSimulation::ip(int node) const {
  return nodes_[static_cast<size_t>(node)]->ip_;
}
cluster::ClusterOptions& ClusterSimulation::options(int node) {
  return nodes_[static_cast<size_t>(node)]->options_;
}
std::string ClusterSimulation::NodesFileOf(int node) const {
  return nodes_[static_cast<size_t>(node)]->disk_;
}
NodeData& ClusterSimulation::data(int node) {
  return *nodes_[static_cast<size_t>(node)]->data_;
}
uint64_t ClusterSimulation::life(int node) const {
  return nodes_[static_cast<size_t>(node)]->life_;
}
const cluster::NodeId& ClusterSimulation::last_id(int node) const {
  return nodes_[static_cast<size_t>(node)]->id_;
}
int ClusterSimulation::FindNode(const cluster::NodeId& node_id) const {
  for (const auto& node : nodes_) {
    if (node->id_ == node_id) return node->index_;
  }
  return -1;
}
int ClusterSimulation::FindNodeByIp(const std::string& ip) const {
  for (const auto& node : nodes_) {
    if (node->ip_ == ip) return node->index_;
  }
  return -1;
}
SlotSet& ClusterSimulation::dropped_slots(int node) {
  return dynamic_cast<SlotBits&>(data(node)).dropped;
}
SlotSet& ClusterSimulation::slots_with_keys(int node) {
  return dynamic_cast<SlotBits&>(data(node)).with_keys;
}
void ClusterSimulation::Settle(int node) {
  nodes_[static_cast<size_t>(node)]->Settle();
}
void ClusterSimulation::Retire(int node) {
  nodes_[static_cast<size_t>(node)]->retired_ = true;
}
bool ClusterSimulation::retired(int node) const {
  return nodes_[static_cast<size_t>(node)]->retired_;
}

void ClusterSimulation::Meet(int node, int other) {
  CHECK(engine(node).Meet(ip(other), kPort, kBusPort).ok());
}

void ClusterSimulation::AddSlots(int node, int first, int last) {
  SlotSet slots;
  for (int slot = first; slot <= last; ++slot) slots.set(static_cast<size_t>(slot));
  engine(node).AddSlots(slots);
  nodes_[static_cast<size_t>(node)]->Settle();
}

void ClusterSimulation::AssignSlots(int primaries) {
  for (int i = 0; i < primaries; ++i) {
    AddSlots(i, kSlotCount * i / primaries, kSlotCount * (i + 1) / primaries - 1);
  }
}

int64_t ClusterSimulation::Delay() {
  return random_.Between(network_.min_delay_ms * 1000, network_.max_delay_ms * 1000);
}

void ClusterSimulation::Run(int64_t ms) {
  (void)RunUntil([] { return false; }, ms);
}

bool ClusterSimulation::RunUntil(const std::function<bool()>& condition, int64_t limit_ms) {
  constexpr int64_t kCheckEveryUs = 200'000;
  const int64_t end = now_us_ + limit_ms * 1000;
  int64_t next_check = now_us_;
  while (!queue_.empty() && queue_.next_time_us() <= end) {
    const int64_t time_us = queue_.next_time_us();
    if (time_us >= next_check) {
      if (condition()) return true;
      next_check = time_us + kCheckEveryUs;
    }
    now_us_ = time_us;
    queue_.Pop()();
  }
  now_us_ = end;
  return condition();
}

void ClusterSimulation::Tick(int index, uint64_t life) {
  Node& node = *nodes_[static_cast<size_t>(index)];
  if (node.engine_ == nullptr || node.life_ != life) return;
  node.data_->Tick();
  node.engine_->Tick();
  node.Settle();
  At(now_us_ + gossip::Heartbeat::kTickMs * 1000 + random_.Between(0, 2000),
     [this, index, life] { Tick(index, life); });
}

void ClusterSimulation::Crash(int index, bool silent) {
  Node& node = *nodes_[static_cast<size_t>(index)];
  if (trace_.on()) {
    trace_.Add(now_us_, "node " + std::to_string(index) + (silent ? " loses power" : " is killed"));
  }
  const auto connections = node.connections_;
  node.Stop(silent);
  if (silent) return;
  for (const auto& [link, connection] : connections)
    Break(connection, Node::SideOf(*connection, link));
}

void ClusterSimulation::Restart(int index, bool new_ip) {
  Node& node = *nodes_[static_cast<size_t>(index)];
  CHECK(node.engine_ == nullptr);
  if (new_ip) {
    ++addresses_;
    node.ip_ =
        "10.0." + std::to_string(addresses_ / 250) + "." + std::to_string(1 + addresses_ % 250);
  }
  if (trace_.on()) trace_.Add(now_us_, "node " + std::to_string(index) + " starts");
  node.Start();
  const uint64_t life = node.life_;
  At(now_us_ + random_.Between(0, 100'000), [this, index, life] { Tick(index, life); });
}

void ClusterSimulation::Partition(const std::vector<std::set<int>>& groups) {
  const auto group_of = [&groups](int node) {
    for (size_t i = 0; i < groups.size(); ++i) {
      if (groups[i].count(node) != 0) return static_cast<int>(i);
    }
    return -1;
  };
  cuts_.clear();
  for (int a = 0; a < size(); ++a) {
    for (int b = 0; b < size(); ++b) {
      if (group_of(a) != group_of(b)) cuts_.emplace(a, b);
    }
  }
}
void ClusterSimulation::CutOneWay(int from, int to) {
  cuts_.emplace(from, to);
}
void ClusterSimulation::Heal() {
  cuts_.clear();
}

bool ClusterSimulation::CanReach(int from, int to) const {
  return cuts_.empty() || cuts_.count({from, to}) == 0;
}

int ClusterSimulation::NodeAt(const std::string& ip) const {
  for (const auto& node : nodes_) {
    if (node->ip_ == ip && node->engine_ != nullptr) return node->index_;
  }
  return -1;
}

LinkId ClusterSimulation::Connect(int from, const std::string& ip) {
  // One counter for all nodes makes ids unique everywhere.
  const LinkId link = ++links_;
  const uint64_t life = nodes_[static_cast<size_t>(from)]->life_;
  auto connection = std::make_shared<Connection>();
  connection->ends[0].node = from;
  connection->ends[0].life = life;
  connection->ends[0].link = link;
  connection->ends[0].ip = this->ip(from);
  connection->ends[1].ip = ip;
  nodes_[static_cast<size_t>(from)]->connections_[link] = connection;
  At(now_us_ + Delay(), [this, from, link, ip, life] { FinishConnect(from, link, ip, life); });
  return link;
}

void ClusterSimulation::FinishConnect(int from, LinkId link, const std::string& ip, uint64_t life) {
  Node& node = *nodes_[static_cast<size_t>(from)];
  if (node.engine_ == nullptr || node.life_ != life) return;
  const auto it = node.connections_.find(link);
  if (it == node.connections_.end()) return;
  const auto connection = it->second;
  const int to = NodeAt(ip);
  if (to < 0) {
    node.connections_.erase(it);
    node.engine_->OnClosed(link);
    node.Settle();
    return;
  }
  // A connect into the void ends when the engine gives it up, or when the partition is healed.
  if (!CanReach(from, to) || !CanReach(to, from)) {
    At(now_us_ + kRetransmitUs,
       [this, from, link, ip, life] { FinishConnect(from, link, ip, life); });
    return;
  }
  Node& peer = *nodes_[static_cast<size_t>(to)];
  const LinkId peer_link = ++links_;
  connection->ends[1].node = to;
  connection->ends[1].life = peer.life_;
  connection->ends[1].link = peer_link;
  peer.connections_[peer_link] = connection;
  peer.engine_->OnAccepted(peer_link);
  peer.Settle();
  node.engine_->OnConnected(link);
  node.Settle();
}

void ClusterSimulation::Send(int from, LinkId link, std::string_view bytes) {
  Node& node = *nodes_[static_cast<size_t>(from)];
  if (observer_ != nullptr) observer_->OnSend(from, bytes);
  const auto it = node.connections_.find(link);
  // Redis sends before the connection stands, and so does the shard; here that is lost, which the
  // protocol has to bear anyway.
  if (it == node.connections_.end() || it->second->ends[1].node < 0) return;
  const auto connection = it->second;
  const int side = Node::SideOf(*connection, link);
  const auto chance = [this](double probability) {
    return probability > 0 && static_cast<double>(random_.Below(1'000'000)) < probability * 1e6;
  };
  int64_t arrival = now_us_ + Delay();
  if (chance(network_.loss)) {
    // A packet that is lost is sent again, unless its connection gives up.
    if (random_.Below(kLossesThatBreak) == 0) {
      node.connections_.erase(link);
      Break(connection, side);
      At(now_us_, [this, from, link, life = node.life_] { TellClosed(from, link, life); });
      return;
    }
    arrival += kRetransmitUs;
  }
  Connection::End& end = connection->ends[side];
  end.last_arrival_us = std::max(end.last_arrival_us, arrival);
  const int copies = chance(network_.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) end.sent.emplace_back(end.last_arrival_us, bytes);
  if (std::exchange(end.pumping, true)) return;
  At(end.last_arrival_us, [this, connection, side] { Pump(connection, side); });
}

void ClusterSimulation::Pump(const std::shared_ptr<Connection>& connection, int from) {
  Connection::End& end = connection->ends[from];
  const int to = connection->ends[1 - from].node;
  if (!connection->open || !up(to) || life(to) != connection->ends[1 - from].life) {
    end.sent.clear();
    end.pumping = false;
    return;
  }
  const auto again = [&](int64_t time_us) {
    At(time_us, [this, connection, from] { Pump(connection, from); });
  };
  if (!CanReach(end.node, to)) {
    again(now_us_ + kRetransmitUs);
    return;
  }
  while (connection->open && !end.sent.empty() && end.sent.front().first <= now_us_) {
    const std::string message = std::move(end.sent.front().second);
    end.sent.pop_front();
    Deliver(*connection, 1 - from, message);
  }
  if (end.sent.empty()) {
    end.pumping = false;
  } else {
    again(std::max(end.sent.front().first, now_us_));
  }
}

void ClusterSimulation::Deliver(const Connection& connection, int side, const std::string& bytes) {
  const Connection::End& end = connection.ends[side];
  Node& node = *nodes_[static_cast<size_t>(end.node)];
  const auto message = cluster::bus::Decode(bytes);
  CHECK(message.ok()) << "a node sends what it cannot read";
  node.engine_->OnMessage(end.link, *message);
  node.Settle();
}

void ClusterSimulation::TellClosed(int index, LinkId link, uint64_t node_life) {
  Node& node = *nodes_[static_cast<size_t>(index)];
  if (node.engine_ == nullptr || node.life_ != node_life) return;
  node.engine_->OnClosed(link);
  node.Settle();
}

void ClusterSimulation::Break(const std::shared_ptr<Connection>& connection, int closing_side) {
  if (!std::exchange(connection->open, false)) return;
  const int other = 1 - closing_side;
  if (connection->ends[other].node < 0) return;
  At(now_us_ + Delay(), [this, connection, other] {
    const Connection::End& end = connection->ends[other];
    Node& node = *nodes_[static_cast<size_t>(end.node)];
    if (node.engine_ == nullptr || node.life_ != end.life) return;
    if (node.connections_.erase(end.link) == 0) return;
    TellClosed(end.node, end.link, end.life);
  });
}

std::string ClusterSimulation::Disagreement() {
  std::ostringstream out;
  std::vector<int> alive;
  for (int i = 0; i < size(); ++i) {
    if (up(i) && !retired(i)) alive.push_back(i);
  }
  for (int i : alive) {
    gossip::NodeTable& table = engine(i).table();
    if (table.size() != alive.size()) {
      out << "node " << i << " knows " << table.size() << " nodes of " << alive.size() << "\n";
      continue;
    }
    if (!engine(i).state().ok()) {
      out << "node " << i << " says that the cluster fails (" << table.assigned_slots()
          << " slots assigned, " << engine(i).state().size() << " primaries)\n";
    }
    for (int j : alive) {
      const gossip::Node& truth = engine(j).table().myself();
      const gossip::Node* seen = table.Find(truth.id);
      if (seen == nullptr) {
        out << "node " << i << " does not know node " << j << "\n";
        continue;
      }
      if (seen->slots != truth.slots) {
        out << "node " << i << " thinks that node " << j << " has " << seen->slot_count
            << " slots, not " << truth.slot_count << "\n";
      }
      if (seen->is_replica() != truth.is_replica() ||
          (truth.is_replica() && (seen->primary == nullptr || truth.primary == nullptr ||
                                  seen->primary->id != truth.primary->id))) {
        out << "node " << i << " does not know whom node " << j << " replicates\n";
      }
      if (truth.is_primary() && seen->config_epoch != truth.config_epoch) {
        out << "node " << i << " thinks that node " << j << " has epoch " << seen->config_epoch
            << ", not " << truth.config_epoch << "\n";
      }
      if (seen->is(gossip::kPfail | gossip::kFail | gossip::kHandshake | gossip::kNoAddr)) {
        out << "node " << i << " sees flags " << seen->flags << " of node " << j << "\n";
      }
      if (i != j && seen->ip != ip(j)) {
        out << "node " << i << " thinks that node " << j << " is at " << seen->ip << "\n";
      }
      if (i != j && truth.slot_count > 0 && table.myself().is_primary() &&
          truth.config_epoch == table.myself().config_epoch) {
        out << "nodes " << i << " and " << j << " have the same epoch\n";
      }
    }
  }
  return out.str();
}

bool ClusterSimulation::Converged() {
  return Disagreement().empty();
}

}  // namespace keyway::sim
