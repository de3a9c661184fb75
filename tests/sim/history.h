// What has happened to a simulated cluster, and the rules that hold whatever happens:
// - nobody votes twice in an epoch, and no two nodes win an election in the same one, unless they
//   had different nodes to vote for them (a primary and its successor, on two sides of a
//   partition);
// - no two primaries accept writes to a slot in the same config epoch, if they got that by votes;
// - no node's currentEpoch goes back, not even over a restart;
// - a primary that hears nothing of a majority accepts no writes soon after;
// - a replica that is elected without an operator's wish has data that are recent enough;
// - a write that a client was told of is lost only where the protocol says that it may be.
// The first broken rule is kept, with what is needed to understand it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/cluster_simulation.h"
#include "tests/sim/replicated_data.h"

namespace keyway::sim {

class History final : public NodeObserver {
 public:
  History(ClusterSimulation& simulation, const ReplicatedData::Group& data,
          const ReplicationOptions& replication, int64_t node_timeout_ms);

  // Empty while all rules hold.
  const std::string& violation() const { return violation_; }
  void Violate(const std::string& what);
  void Note(const std::string& what);

  // --- Writes. Their numbers count from 1.
  uint64_t NewWrite(int key);
  // The node has executed it; `asking`: as the one that imports the slot.
  void OnAccepted(int node, uint64_t write, bool asking);
  void OnAcknowledged(uint64_t write);
  // The key with these writes is on another node now.
  void OnMoved(int node, const WriteLog& writes);
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t lost() const { return lost_; }

  // --- What the schedule does.
  // Partitions, crashes or restarts have changed who hears whom.
  void OnConnectivity();
  // This node was told to take over. FORCE does without a check of its data. TAKEOVER does without
  // votes too: from then on two sides of a partition may disagree about who may vote, and nothing
  // is sure about epochs until it is healed; their rules are not checked any more.
  void OnForced(int node, bool takeover);
  // A primary came back without its data.
  void OnEmptyRestart(int node);

  struct Promotion {
    int64_t time_us;
    int winner;
    int loser;  // whose data it had; -1: not known any more
    SlotSet slots;
    bool forced;
    bool takeover;
  };
  const std::vector<Promotion>& promotions() const { return promotions_; }
  // How often a node has begun to ask for votes.
  size_t candidacies() const { return candidacies_.size(); }

  // At the end, when all is well: looks for each acknowledged write on the owner of its slot.
  // `may_lose`: whether promotions excuse a loss.
  void CheckLosses(bool may_lose);

  // NodeObserver
  void OnEvent(int node) override;
  void OnSend(int node, std::string_view bytes) override;

 private:
  struct Write {
    int key;
    int node = -1;
    int64_t accepted_us = 0;  // or moved
    uint64_t epoch = 0;       // of the node that accepted it
    bool acknowledged = false;
  };
  struct Watched {
    bool replica = false;
    uint64_t current_epoch = 0;
    uint64_t config_epoch = 0;
    int64_t forced_us = INT64_MIN;
    bool takeover = false;
  };

  void OnPromoted(int node);
  // Who could vote for the winner, as it sees that.
  std::set<int> Electorate(int winner, int loser);
  bool HasLostMajority(int node);
  bool Excused(const Write& write) const;
  // The longest that data may be behind of a replica that is elected.
  int64_t DataAgeLimitUs() const;
  std::string Name(int node) const { return "node " + std::to_string(node); }

  ClusterSimulation& simulation_;
  const ReplicatedData::Group& data_;
  const ReplicationOptions& replication_;
  const int64_t node_timeout_us_;
  std::string violation_;
  std::vector<Write> writes_{1};
  uint64_t acknowledged_ = 0;
  uint64_t lost_ = 0;
  std::map<int, Watched> nodes_;
  bool epochs_are_sure_ = true;
  std::map<std::pair<Slot, uint64_t>, int> acceptors_;  // of (slot, config epoch)
  struct Winner {
    int node;
    std::set<int> electorate;
  };
  std::map<uint64_t, Winner> winners_;  // of epochs
  // Epochs that a primary took without asking, for a slot or because another one had its own: the
  // protocol lets two have the same one until they hear of each other.
  std::set<uint64_t> unasked_epochs_;
  // Nodes that have lost their slots to a primary with such an epoch, and when.
  std::map<int, int64_t> overruled_us_;
  std::set<std::pair<int, uint64_t>> votes_;
  std::set<std::pair<int, uint64_t>> candidacies_;  // node, epoch
  // Of (node, other): since when nothing of the other arrives.
  std::map<std::pair<int, int>, int64_t> silent_since_us_;
  std::vector<Promotion> promotions_;
  SlotSet emptied_;                    // slots whose primary has come back without data
  std::map<int, int64_t> emptied_us_;  // when such a primary did so last
};

}  // namespace keyway::sim
