// Many cluster nodes in one process, on a simulated network with a simulated clock: a run is a
// function of its seed. The nodes are the shard's own gossip engines and speak its wire format.
//
// The network delivers each link's messages in order after random delays, loses and repeats some if
// told to, and can be cut into partitions. A node can crash, losing all but its nodes.conf, and
// come back, even at another address. Every node's clocks have an offset of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/cluster/gossip/engine.h"
#include "shard/cluster/nodes_file.h"

namespace keyway::sim {

namespace cluster = shard::cluster;
namespace gossip = shard::cluster::gossip;

struct NetworkOptions {
  int64_t min_delay_ms = 1;
  int64_t max_delay_ms = 10;
  double loss = 0;       // of messages
  double duplicate = 0;  // of messages
  int64_t max_clock_offset_ms = 0;
};

class ClusterSimulation {
 public:
  static constexpr uint16_t kPort = 7000;
  static constexpr uint16_t kBusPort = 17000;

  ClusterSimulation(uint64_t seed, int nodes, int64_t node_timeout_ms,
                    const NetworkOptions& network = {});
  ~ClusterSimulation();

  int size() const { return static_cast<int>(nodes_.size()); }
  // The node must be up. After changes from outside, call Settle.
  gossip::Engine& engine(int node);
  bool up(int node) const;
  Random& random() { return random_; }
  int64_t now_ms() const { return now_us_ / 1000; }
  NetworkOptions& network() { return network_; }
  const std::string& ip(int node) const;
  cluster::NodeId id(int node) { return engine(node).table().myself().id; }
  cluster::ClusterOptions& options(int node);
  std::string NodesFileOf(int node) const;
  // Slots whose keys the node was told to drop, and the keys it has by slot.
  SlotSet& dropped_slots(int node);
  SlotSet& slots_with_keys(int node);

  // CLUSTER MEET on `node`.
  void Meet(int node, int other);
  // Distributes all slots over the first `primaries` nodes.
  void AssignSlots(int primaries);
  void AddSlots(int node, int first, int last);

  void Run(int64_t ms);
  // Runs until `condition` holds; false when it does not within `limit_ms`.
  bool RunUntil(const std::function<bool()>& condition, int64_t limit_ms);

  // The process is killed: its peers' connections break.
  void Crash(int node);
  // From what nodes.conf holds; `new_ip`: at another address.
  void Restart(int node, bool new_ip = false);
  // Nodes in different groups cannot talk; nodes in no group are in one together.
  void Partition(const std::vector<std::set<int>>& groups);
  void Heal();

  // All nodes that are up agree on who owns what since when, think that all of them are well, and
  // know nobody else.
  bool Converged();
  // Why not, for the message of a failing test.
  std::string Disagreement();

 private:
  class Node;
  struct Connection;
  struct Event {
    int64_t time_us;
    uint64_t order;
    std::function<void()> action;
    bool operator>(const Event& other) const {
      return time_us != other.time_us ? time_us > other.time_us : order > other.order;
    }
  };

  void At(int64_t time_us, std::function<void()> action);
  int64_t Delay();
  bool CanTalk(int a, int b) const;
  int NodeAt(const std::string& ip) const;
  void Tick(int node, uint64_t life);

  gossip::LinkId Connect(int from, const std::string& ip);
  void FinishConnect(int from, gossip::LinkId link, const std::string& ip, uint64_t life);
  void Send(int from, gossip::LinkId link, std::string_view bytes);
  void Deliver(const std::shared_ptr<Connection>& connection, int side, const std::string& bytes);
  void Break(const std::shared_ptr<Connection>& connection, int closing_side);

  Random random_;
  NetworkOptions network_;
  int64_t now_us_ = 0;
  uint64_t events_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::set<int>> partition_;
  int addresses_ = 0;
};

}  // namespace keyway::sim
