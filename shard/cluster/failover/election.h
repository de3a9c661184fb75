// As a replica: replaces a primary that has failed. Waits its turn (rank: how many other replicas
// of the same primary have more of its data), asks all primaries for their vote in a new epoch, and
// takes over when a majority has voted. Source: Redis Cluster specification, "Replica election and
// promotion"; where it is silent, what redis-server 7.0.15 does.
//
// Pure: time, votes and the table come in; messages and the role go out.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/cluster/bus/message.h"
#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/pending_work.h"
#include "shard/cluster/gossip/roles.h"
#include "shard/cluster/options.h"
#include "shard/cluster/state.h"

namespace keyway::shard::cluster::failover {

class ManualFailover;

class Election {
 public:
  // Before it asks for votes it waits for the news of the failure to spread, a random time so that
  // replicas do not ask together, and longer for each one that has more data.
  static constexpr int64_t kDelayMs = 500;
  static constexpr int64_t kRandomDelayMs = 500;
  static constexpr int64_t kDelayPerRankMs = 1000;
  // It waits for votes for this many node-timeouts, and at least so long; twice as long until it
  // asks again.
  static constexpr int64_t kVoteNodeTimeouts = 2;
  static constexpr int64_t kMinVoteMs = 2000;
  static constexpr int64_t kRetryFactor = 2;
  // The reason for which it cannot take over is logged once in such a time, and not while the
  // failure is younger than node-timeout and that.
  static constexpr int64_t kRelogMs = 300'000;
  static constexpr int64_t kNoLogMs = 5000;

  // All outlive the object.
  Election(gossip::NodeTable& table, gossip::Messenger& messenger, gossip::PendingWork& pending,
           gossip::Roles& roles, gossip::Host& host, ManualFailover& manual,
           const ClusterOptions& options, const State& state, const Clock& clock, Random& random);

  // Every Heartbeat::kTickMs, and when work of this kind is pending.
  void Tick();
  // A vote has come.
  void OnVote(const gossip::Node& voter, const bus::Message& vote);
  // When Tick will ask for votes; INT64_MAX: no such time is known.
  int64_t NextDeadline() const {
    return attempt_ && attempt_->epoch == 0 ? attempt_->at_ms : INT64_MAX;
  }
  // This node replicates another primary now, or none.
  void Forget() { attempt_.reset(); }

 private:
  enum class Obstacle : uint8_t { kNone, kDataAge, kDelay, kExpired, kVotes };

  struct Attempt {
    int64_t at_ms;  // when the votes are asked for
    int rank;
    std::optional<uint64_t> manual;  // the manual failover that it is made for
    uint64_t epoch = 0;              // 0: not asked yet
    std::vector<NodeId> voters;
  };

  bool Wanted() const;
  bool DataTooOld() const;
  int64_t VoteMs() const;
  int Rank() const;
  // The manual failover in progress, if there is one.
  std::optional<uint64_t> Manual() const;
  void Schedule(int64_t now);
  void UpdateRank();
  void AskForVotes();
  void Win();
  void LogObstacle(Obstacle obstacle);

  gossip::NodeTable& table_;
  gossip::Messenger& messenger_;
  gossip::PendingWork& pending_;
  gossip::Roles& roles_;
  gossip::Host& host_;
  ManualFailover& manual_;
  const ClusterOptions& options_;
  const State& state_;
  const Clock& clock_;
  Random& random_;
  std::optional<Attempt> attempt_;
  Obstacle obstacle_ = Obstacle::kNone;  // the last one
  std::optional<int64_t> logged_ms_;
};

}  // namespace keyway::shard::cluster::failover
