#include "shard/cluster/failover/manual_failover.h"

#include "common/log/log.h"
#include "shard/cluster/gossip/epochs.h"

namespace keyway::shard::cluster::failover {

ManualFailover::ManualFailover(gossip::NodeTable& table, gossip::Messenger& messenger,
                               gossip::PendingWork& pending, gossip::Roles& roles,
                               gossip::Host& host, const Clock& clock)
    : table_(table),
      messenger_(messenger),
      pending_(pending),
      roles_(roles),
      host_(host),
      clock_(clock) {}

void ManualFailover::Start(Mode mode) {
  Reset();
  ++started_;
  ends_ms_ = clock_.MonotonicMillis() + kTimeoutMs;
  switch (mode) {
    case Mode::kAsk:
      KEYWAY_WARNING() << "Manual failover user request accepted.";
      messenger_.SendMfstart(*table_.myself().primary);
      return;
    case Mode::kForce:
      KEYWAY_WARNING() << "Forced failover user request accepted.";
      may_start_ = true;
      pending_.Failover();
      return;
    case Mode::kTakeover:
      KEYWAY_WARNING() << "Taking over the master (user request).";
      gossip::BumpEpoch(table_, pending_);
      roles_.TakeOver(table_.myself().config_epoch);
      Reset();
      return;
  }
}

void ManualFailover::Tick() {
  if (!in_progress()) return;
  if (clock_.MonotonicMillis() > ends_ms_) {
    KEYWAY_WARNING() << "Manual failover timed out.";
    Reset();
    return;
  }
  if (!waits_for_data()) return;
  const gossip::ReplicationView data = host_.data().replication();
  // What comes behind the last write, such as the stream's own pings, may be there as well.
  const bool beyond = data.link_up && data.offset > *primary_offset_;
  if (data.offset != *primary_offset_ && !beyond) return;
  may_start_ = true;
  KEYWAY_WARNING() << "All master replication stream processed, manual failover can start.";
  pending_.Failover();
}

void ManualFailover::OnPrimaryPaused(uint64_t offset) {
  if (!in_progress() || primary_offset_.has_value()) return;
  primary_offset_ = offset;
  KEYWAY_WARNING() << "Received replication offset for paused master manual failover: " << offset;
  pending_.Failover();
}

void ManualFailover::OnRequest(const gossip::Node& replica, gossip::LinkId link) {
  Reset();
  const int64_t now = clock_.MonotonicMillis();
  ends_ms_ = now + kTimeoutMs;
  replica_ = replica.id;
  host_.data().PauseWrites(now + kTimeoutMs * kPauseFactor);
  messenger_.AnnouncePause(true);
  KEYWAY_WARNING() << "Manual failover requested by replica " << replica.id << ".";
  // It carries the offset at which the writes have stopped.
  messenger_.SendPingOver(link);
}

void ManualFailover::Reset() {
  if (pauses_clients()) {
    host_.data().UnpauseWrites();
    messenger_.AnnouncePause(false);
  }
  ends_ms_ = 0;
  replica_ = NodeId();
  primary_offset_.reset();
  may_start_ = false;
}

}  // namespace keyway::shard::cluster::failover
