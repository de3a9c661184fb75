// The operator of a simulated cluster: CLUSTER's subcommands as a node executes them, and what
// redis-cli --cluster makes of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/cluster_simulation.h"
#include "tests/sim/history.h"
#include "tests/sim/replicated_data.h"

namespace keyway::sim {

class Operator {
 public:
  Operator(ClusterSimulation& simulation, const ReplicatedData::Group& data, History& history);

  // CLUSTER and these words, on a node that is up. Returns the reply as on the wire.
  std::string Command(int node, const std::vector<std::string>& words);

  // CLUSTER FAILOVER [FORCE|TAKEOVER]; false when the node refuses.
  bool FailOver(int replica, const std::string& option);
  bool Replicate(int node, int primary);

  // Moves a slot as redis-cli --cluster reshard does, one step after the other with pauses between.
  // A step that fails ends it, whatever state the slot is in. One at a time, as redis-cli does it:
  // a node that takes a new epoch for one slot while another is taken from it can take that back.
  void BeginToMove(Slot slot, int from, int to);
  bool moving() const { return moving_; }
  uint64_t moved() const { return moved_; }
  // From now on moves end before their next step.
  void StopMoving() { stopped_ = true; }

  // As redis-cli --cluster fix: closes open slots, and brings keys that are not where their slot is
  // there. All nodes must be up, and agree.
  void CloseSlots();
  void BringKeysHome();

  // All nodes forget this one, which is emptied and leaves. It must own no slots.
  void Remove(int node);
  // A new node meets the cluster. Returns it.
  int Add();

 private:
  struct Move {
    Slot slot;
    int from;
    int to;
    int step = 0;
    int tries = 0;
  };
  void Continue(const Move& move);
  void Later(const Move& move, int64_t pause_ms);
  bool Step(Move& move);
  bool MoveKeys(const Move& move);
  std::string Id(int node) const { return simulation_.last_id(node).ToString(); }

  ClusterSimulation& simulation_;
  const ReplicatedData::Group& data_;
  History& history_;
  bool moving_ = false;
  uint64_t moved_ = 0;
  bool stopped_ = false;
};

}  // namespace keyway::sim
