// Many cluster nodes in one process, on a simulated network with a simulated clock: a run is a
// function of its seed. The nodes are the shard's own gossip engines and speak its wire format.
//
// The network is TCP's: it delivers each link's messages in order after random delays; what gets
// lost comes later, or breaks the link. It repeats some if told to, and can be cut into partitions,
// also in one direction only: what is sent into one arrives when it is healed, if the link is still
// there. A node can crash, losing all but its nodes.conf and what its NodeData keeps, and come
// back, even at another address. Every node's clocks have an offset and a rate of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/cluster/gossip/engine.h"
#include "shard/cluster/nodes_file.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/node_data.h"
#include "tests/sim/trace.h"

namespace keyway::sim {

namespace cluster = shard::cluster;
namespace gossip = shard::cluster::gossip;

struct NetworkOptions {
  int64_t min_delay_ms = 1;
  int64_t max_delay_ms = 10;
  double loss = 0;       // of messages, at first
  double duplicate = 0;  // of messages
  int64_t max_clock_offset_ms = 0;
  int64_t max_clock_skew_ppm = 0;  // how much faster or slower a clock goes
};

// Sees what the nodes do.
class NodeObserver {
 public:
  virtual ~NodeObserver() = default;
  // The node has dealt with a message, a tick or a command, and has saved what it must.
  virtual void OnEvent(int /*node*/) {}
  // The node sends a message of the bus.
  virtual void OnSend(int /*node*/, std::string_view /*bytes*/) {}
};

class ClusterSimulation {
 public:
  static constexpr uint16_t kPort = 7000;
  static constexpr uint16_t kBusPort = 17000;

  using DataFactory = std::function<std::unique_ptr<NodeData>(int node)>;

  // Without a factory, nodes have SlotBits for data.
  ClusterSimulation(uint64_t seed, int nodes, int64_t node_timeout_ms,
                    const NetworkOptions& network = {}, DataFactory data = {});
  ~ClusterSimulation();

  int size() const { return static_cast<int>(nodes_.size()); }
  // The node must be up. After changes from outside, call Settle.
  gossip::Engine& engine(int node);
  bool up(int node) const;
  Random& random() { return random_; }
  int64_t now_ms() const { return now_us_ / 1000; }
  int64_t now_us() const { return now_us_; }
  NetworkOptions& network() { return network_; }
  const std::string& ip(int node) const;
  cluster::NodeId id(int node) { return engine(node).table().myself().id; }
  cluster::ClusterOptions& options(int node);
  std::string NodesFileOf(int node) const;
  NodeData& data(int node);
  // Which start of the node this is; counts from 1.
  uint64_t life(int node) const;
  // Of the node, up or down.
  const cluster::NodeId& last_id(int node) const;
  // -1 when there is none with it.
  int FindNode(const cluster::NodeId& id) const;
  int FindNodeByIp(const std::string& ip) const;
  void set_observer(NodeObserver* observer) { observer_ = observer; }
  Trace& trace() { return trace_; }

  // Of nodes with SlotBits: slots whose keys the node was told to drop, and the keys it has by
  // slot.
  SlotSet& dropped_slots(int node);
  SlotSet& slots_with_keys(int node);

  // CLUSTER MEET on `node`.
  void Meet(int node, int other);
  // Distributes all slots over the first `primaries` nodes.
  void AssignSlots(int primaries);
  void AddSlots(int node, int first, int last);

  // A new node, up and alone.
  int AddNode();
  // After an engine was changed from outside.
  void Settle(int node);

  // Runs `action` then; `now_us() + Delay()`: when a message that is sent now arrives.
  void At(int64_t time_us, EventQueue::Action action) { queue_.Push(time_us, std::move(action)); }
  int64_t Delay();
  // Could a message sent by `from` arrive at `to`?
  bool CanReach(int from, int to) const;

  void Run(int64_t ms);
  // Runs until `condition` holds; false when it does not within `limit_ms`.
  bool RunUntil(const std::function<bool()>& condition, int64_t limit_ms);

  // The process is killed: its peers' connections break. `silent`: the machine has lost its power,
  // and nobody is told.
  void Crash(int node, bool silent = false);
  // From what nodes.conf holds; `new_ip`: at another address.
  void Restart(int node, bool new_ip = false);
  // Nodes in different groups cannot talk; nodes in no group are in one together.
  void Partition(const std::vector<std::set<int>>& groups);
  // Nothing that `from` sends arrives at `to`; the other direction is as it was.
  void CutOneWay(int from, int to);
  void Heal();
  // Is there any cut?
  bool partitioned() const { return !cuts_.empty(); }

  // A node that has left the cluster for good is not asked for its opinion.
  void Retire(int node);
  bool retired(int node) const;
  // All nodes that are up agree on who owns what since when and who replicates whom, think that all
  // of them are well, and know nobody else.
  bool Converged();
  // Why not, for the message of a failing test.
  std::string Disagreement();

 private:
  class Node;
  struct Connection;

  int NodeAt(const std::string& ip) const;
  void Tick(int node, uint64_t life);

  gossip::LinkId Connect(int from, const std::string& ip);
  void FinishConnect(int from, gossip::LinkId link, const std::string& ip, uint64_t life);
  void Send(int from, gossip::LinkId link, std::string_view bytes);
  void Pump(const std::shared_ptr<Connection>& connection, int from);
  void Deliver(const Connection& connection, int side, const std::string& bytes);
  void TellClosed(int node, gossip::LinkId link, uint64_t life);
  void Break(const std::shared_ptr<Connection>& connection, int closing_side);

  Random random_;
  NetworkOptions network_;
  int64_t now_us_ = 0;
  uint64_t links_ = 0;
  int64_t node_timeout_ms_;
  EventQueue queue_;
  DataFactory make_data_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::set<std::pair<int, int>> cuts_;  // from, to
  NodeObserver* observer_ = nullptr;
  Trace trace_;
  int addresses_ = 0;
};

}  // namespace keyway::sim
