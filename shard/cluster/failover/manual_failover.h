// CLUSTER FAILOVER: an operator wants this replica to take over from a primary that is well. The
// primary pauses its writing clients and tells its offset; when this replica has got there it is
// elected at once, and no write is lost. FORCE does without the primary, TAKEOVER without the other
// nodes, too.
// Source: Redis Cluster specification, "Manual failover"; redis-server 7.0.15.
//
// Both sides are here: what the replica does, and what its primary does.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/pending_work.h"
#include "shard/cluster/gossip/roles.h"

namespace keyway::shard::cluster::failover {

class ManualFailover {
 public:
  // How long it may take; the primary pauses for twice as long at most.
  static constexpr int64_t kTimeoutMs = 5000;
  static constexpr int64_t kPauseFactor = 2;

  // All outlive the object.
  ManualFailover(gossip::NodeTable& table, gossip::Messenger& messenger,
                 gossip::PendingWork& pending, gossip::Roles& roles, gossip::Host& host,
                 const Clock& clock);

  enum class Mode : uint8_t { kAsk, kForce, kTakeover };
  // This node is a replica whose primary is known (and up, unless forced): the caller has checked.
  // One that is in progress is given up for this one.
  void Start(Mode mode);
  bool in_progress() const { return ends_ms_ != 0; }
  // How many have been started: an election for one of them is none for another.
  uint64_t started() const { return started_; }

  // Every Heartbeat::kTickMs, and when work of this kind is pending.
  void Tick();
  // Of the replica: the primary's message with the flag kMessagePaused has told where it stopped.
  void OnPrimaryPaused(uint64_t offset);
  // Of the replica: the data have yet to get where the primary has stopped. Tick is worth calling
  // when they have moved.
  bool waits_for_data() const { return primary_offset_.has_value() && !may_start_; }
  // Of the primary: `replica`, one of its own, asks it to stop (MFSTART), over `link`.
  void OnRequest(const gossip::Node& replica, gossip::LinkId link);
  // This primary's clients are paused for a replica: messages carry kMessagePaused then, and the
  // replica is pinged all the time.
  bool pauses_clients() const { return !replica_.null(); }
  bool pauses_clients_for(const gossip::Node& node) const {
    return pauses_clients() && replica_ == node.id;
  }
  // Of the replica: all data are there, the election may start now.
  bool may_start() const { return may_start_; }
  // Ends it, whoever runs it: done, out of time, or the role has changed.
  void Reset();

 private:
  gossip::NodeTable& table_;
  gossip::Messenger& messenger_;
  gossip::PendingWork& pending_;
  gossip::Roles& roles_;
  gossip::Host& host_;
  const Clock& clock_;
  uint64_t started_ = 0;
  int64_t ends_ms_ = 0;  // 0: none is in progress
  NodeId replica_;       // of the primary: who has asked
  std::optional<uint64_t> primary_offset_;
  bool may_start_ = false;
};

}  // namespace keyway::shard::cluster::failover
