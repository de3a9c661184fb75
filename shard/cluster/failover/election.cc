#include "shard/cluster/failover/election.h"

#include <algorithm>

#include "common/log/log.h"
#include "shard/cluster/failover/manual_failover.h"

namespace keyway::shard::cluster::failover {

using gossip::Node;

Election::Election(gossip::NodeTable& table, gossip::Messenger& messenger,
                   gossip::PendingWork& pending, gossip::Roles& roles, gossip::Host& host,
                   ManualFailover& manual, const ClusterOptions& options, const State& state,
                   const Clock& clock, Random& random)
    : table_(table),
      messenger_(messenger),
      pending_(pending),
      roles_(roles),
      host_(host),
      manual_(manual),
      options_(options),
      state_(state),
      clock_(clock),
      random_(random) {}

bool Election::Wanted() const {
  const Node& me = table_.myself();
  if (!me.is_replica() || me.primary == nullptr || me.primary->slot_count == 0) return false;
  if (manual_.may_start()) return true;
  return me.primary->is(gossip::kFail) && !options_.no_failover;
}

bool Election::DataTooOld() const {
  if (options_.replica_validity_factor == 0) return false;
  const int64_t timeout = options_.node_timeout_ms;
  int64_t limit = 0;
  if (__builtin_mul_overflow(timeout, options_.replica_validity_factor, &limit) ||
      __builtin_add_overflow(limit, options_.ping_replica_period * 1000, &limit)) {
    limit = gossip::ReplicationView::kNeverInSync - 1;
  }
  int64_t age = host_.data().replication().data_age_ms;
  if (age == gossip::ReplicationView::kNeverInSync) return true;
  // For that long the primary has been silent at least, or it would not have failed.
  if (age > timeout) age -= timeout;
  return age > limit;
}

int64_t Election::VoteMs() const {
  return std::max(options_.node_timeout_ms * kVoteNodeTimeouts, kMinVoteMs);
}

int Election::Rank() const {
  const Node& me = table_.myself();
  const uint64_t offset = host_.data().replication().offset;
  const auto& siblings = me.primary->replicas;
  return static_cast<int>(std::count_if(siblings.begin(), siblings.end(), [&](const Node* sibling) {
    // One that has failed too will not come first.
    return sibling != &me && !sibling->is(gossip::kNoFailover | gossip::kFail) &&
           sibling->offset > offset;
  }));
}

std::optional<uint64_t> Election::Manual() const {
  if (!manual_.in_progress()) return std::nullopt;
  return manual_.started();
}

void Election::Tick() {
  if (!Wanted()) {
    obstacle_ = Obstacle::kNone;
    if (attempt_ && attempt_->epoch == 0) attempt_.reset();
    return;
  }
  if (DataTooOld() && !manual_.may_start()) return LogObstacle(Obstacle::kDataAge);

  const int64_t now = clock_.MonotonicMillis();
  const bool retry = attempt_ && now - attempt_->at_ms > VoteMs() * kRetryFactor;
  // An operator does not wait for what was tried before.
  const bool another = attempt_ && Manual() && attempt_->manual != Manual();
  if (!attempt_ || retry || another) {
    Schedule(now);
    if (now < attempt_->at_ms) return;
  }
  if (attempt_->epoch == 0 && !Manual()) UpdateRank();
  if (now < attempt_->at_ms) return LogObstacle(Obstacle::kDelay);
  if (now - attempt_->at_ms > VoteMs()) return LogObstacle(Obstacle::kExpired);
  if (attempt_->epoch == 0) return AskForVotes();
  const auto needed = static_cast<size_t>(state_.size() / 2 + 1);
  if (attempt_->voters.size() < needed) return LogObstacle(Obstacle::kVotes);
  Win();
}

void Election::Schedule(int64_t now) {
  const bool manual = Manual().has_value();
  const int rank = manual ? 0 : Rank();
  int64_t delay = 0;
  if (!manual) {
    delay = kDelayMs + static_cast<int64_t>(random_.Below(kRandomDelayMs)) + rank * kDelayPerRankMs;
  }
  attempt_ = Attempt{now + delay, rank, Manual(), 0, {}};
  KEYWAY_WARNING() << "Start of election delayed for " << delay << " milliseconds (rank #" << rank
                   << ", offset " << host_.data().replication().offset << ").";
  // The others may find out that this one goes first.
  messenger_.TellReplicas(*table_.myself().primary);
}

// The others have told their offsets, perhaps after the turn was taken.
void Election::UpdateRank() {
  const int rank = Rank();
  if (rank <= attempt_->rank) return;
  const int64_t delay = (rank - attempt_->rank) * kDelayPerRankMs;
  attempt_->at_ms += delay;
  attempt_->rank = rank;
  KEYWAY_WARNING() << "Replica rank updated to #" << rank << ", added " << delay
                   << " milliseconds of delay.";
}

void Election::AskForVotes() {
  table_.current_epoch = table_.MaxEpoch() + 1;
  attempt_->epoch = table_.current_epoch;
  KEYWAY_WARNING() << "Starting a failover election for epoch " << attempt_->epoch << ".";
  messenger_.BroadcastFailoverRequest(manual_.in_progress());
  pending_.SaveAndUpdateState();
}

void Election::OnVote(const Node& voter, const bus::Message& vote) {
  if (!attempt_ || attempt_->epoch == 0 || vote.current_epoch != attempt_->epoch) return;
  if (!voter.is_primary() || voter.slot_count == 0) return;
  auto& voters = attempt_->voters;
  if (std::find(voters.begin(), voters.end(), voter.id) != voters.end()) return;
  voters.push_back(voter.id);
  pending_.Failover();
}

void Election::Win() {
  KEYWAY_WARNING() << "Failover election won: I'm the new master.";
  const uint64_t epoch = std::max(attempt_->epoch, table_.myself().config_epoch);
  // The primary that it is now has voted, for itself.
  table_.last_vote_epoch = std::max(table_.last_vote_epoch, attempt_->epoch);
  KEYWAY_WARNING() << "configEpoch set to " << epoch << " after successful failover";
  roles_.TakeOver(epoch);
  manual_.Reset();
  Forget();
}

void Election::LogObstacle(Obstacle obstacle) {
  const int64_t now = clock_.MonotonicMillis();
  if (obstacle == obstacle_ && logged_ms_ && now - *logged_ms_ < kRelogMs) return;
  obstacle_ = obstacle;
  const Node& primary = *table_.myself().primary;
  if (primary.is(gossip::kFail) && now - primary.failed_ms < options_.node_timeout_ms + kNoLogMs) {
    return;
  }
  logged_ms_ = now;
  const char* reason = "";
  switch (obstacle) {
    case Obstacle::kNone:
      return;
    case Obstacle::kDataAge:
      reason =
          "Disconnected from master for longer than allowed. Please check the "
          "'cluster-replica-validity-factor' configuration option.";
      break;
    case Obstacle::kDelay:
      reason = "Waiting the delay before I can start a new failover.";
      break;
    case Obstacle::kExpired:
      reason = "Failover attempt expired.";
      break;
    case Obstacle::kVotes:
      reason = "Waiting for votes, but majority still not reached.";
      break;
  }
  KEYWAY_WARNING() << "Currently unable to failover: " << reason;
}

}  // namespace keyway::shard::cluster::failover
