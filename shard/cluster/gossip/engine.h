// A node of the cluster without the process around it: takes messages, time and the operator's
// wishes, and sends messages. Runs on common/net in a shard and on a simulated network in tests.
//
// The owner calls OnAccepted ... OnClosed for what the transport does, Tick every
// Heartbeat::kTickMs, and FinishPass at the end of a pass in which Host::WorkIsDue was called.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/expected.h"
#include "common/base/random.h"
#include "shard/cluster/bus/message.h"
#include "shard/cluster/failover/election.h"
#include "shard/cluster/failover/manual_failover.h"
#include "shard/cluster/failover/replica_migration.h"
#include "shard/cluster/failover/voter.h"
#include "shard/cluster/gossip/blacklist.h"
#include "shard/cluster/gossip/failure_detector.h"
#include "shard/cluster/gossip/heartbeat.h"
#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/link_table.h"
#include "shard/cluster/gossip/message_handler.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/pending_work.h"
#include "shard/cluster/gossip/roles.h"
#include "shard/cluster/gossip/slot_claims.h"
#include "shard/cluster/gossip/stats.h"
#include "shard/cluster/options.h"
#include "shard/cluster/state.h"

namespace keyway::shard::cluster::gossip {

class Engine {
 public:
  // All references must outlive the engine; `options` may change, followed by ApplyOptions.
  // `table` is what nodes.conf held, or a fresh one.
  Engine(NodeTable table, const ClusterOptions& options, const Clock& clock, Random& random,
         Transport& transport, Host& host, SlotKeys& keys);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void ApplyOptions();
  void Tick();
  // Host::WakeAt has asked for it.
  void OnDeadline();
  // Computes the state and saves nodes.conf, if that is due.
  void FinishPass();

  void OnAccepted(LinkId link) { links_.AddInbound(link, clock_.MonotonicMillis()); }
  void OnConnected(LinkId link);
  void OnMessage(LinkId link, const bus::Message& message) { handler_.OnMessage(link, message); }
  void OnDropped(bus::DropCause cause) { stats_.CountDropped(cause); }
  void OnClosed(LinkId link);
  // The data have perhaps moved on: to be called at the end of each pass of the loop. Without it
  // Tick finds out.
  void OnDataProgress();

  // The operator's wishes; the caller has checked that they make sense.
  // Starts a handshake with a node; does nothing when one with that address is going on. Error: too
  // many nodes.
  Status Meet(const std::string& ip, uint16_t port, uint16_t bus_port);
  void AddSlots(const SlotSet& slots);     // all free
  void RemoveSlots(const SlotSet& slots);  // all owned by somebody
  // `node`, a primary, owns the slot from now on: the end of a move. Ends an import by this node,
  // with a new epoch, which all others are told at once. A primary left without slots becomes the
  // replica of `node` (cluster-allow-replica-migration).
  void AssignSlot(int slot, Node& node);
  // To be used on a node that knows no other.
  void SetConfigEpoch(uint64_t epoch);
  // Takes an epoch higher than all others, without asking. False when it has the highest.
  bool BumpEpoch();
  // Removes the node and keeps it away for Blacklist::kBanMs.
  void Forget(Node& node);
  // Sends what a client has published to other nodes: to all, or, with `shard`, to the replicas (or
  // the primary) of this one.
  void Publish(std::string_view channel, std::string_view message, bool shard) {
    messenger_.Publish(channel, message, shard);
  }
  // Forgets all nodes and slots, and, as a replica, its data; `hard`: takes a new id and starts from
  // epoch 0.
  void Reset(bool hard);

  NodeTable& table() { return table_; }
  const NodeTable& table() const { return table_; }
  const LinkTable& links() const { return links_; }
  const State& state() const { return state_; }
  const BusStats& stats() const { return stats_; }
  FailureDetector& failures() { return failures_; }
  Roles& roles() { return roles_; }
  failover::ManualFailover& manual_failover() { return manual_failover_; }
  PendingWork& pending() { return pending_; }
  // The replication offset of `node`, or of this node's data.
  uint64_t OffsetOf(const Node& node) const {
    return &node == &table_.myself() ? host_.data().replication().offset : node.offset;
  }
  const Clock& clock() const { return clock_; }
  const ClusterOptions& options() const { return options_; }

 private:
  void TellLostSlots();
  void WakeInTime();

  NodeTable table_;
  const ClusterOptions& options_;
  const Clock& clock_;
  Random& random_;
  Host& host_;
  BusStats stats_;
  State state_;
  PendingWork pending_;
  LinkTable links_;
  Messenger messenger_;
  FailureDetector failures_;
  Roles roles_;
  SlotClaims claims_;
  failover::Voter voter_;
  failover::ManualFailover manual_failover_;
  failover::Election election_;
  failover::ReplicaMigration migration_;
  Blacklist blacklist_;
  MessageHandler handler_;
  Heartbeat heartbeat_;
  // When FinishPass looked last: the slots that this node serves, and whose they are.
  SlotSet served_;
  NodeId served_owner_;
  bool save_failed_ = false;
  bool ip_announced_ = false;
};

}  // namespace keyway::shard::cluster::gossip
