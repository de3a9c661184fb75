// When the cluster is asked for its slots, and which nodes are asked first.
//
// Rounds of questions happen at regular intervals, with jitter, so that many proxies do not ask at
// the same time. A request for a round (a MOVED, a lost connection) is followed soon; while
// requests keep coming and the answers bring nothing new, as in an outage, the distance between
// rounds doubles from `min_interval_ms` up to `max_interval_ms`. News or quiet reset it; when news
// come one after the other, as while slots move, to five times the minimum. That is also the limit
// for some seconds after a primary has failed: its replica is about to take over.
//
// Pure: time and randomness come in. Private to proxy/topology.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/base/random.h"
#include "common/net/address.h"
#include "proxy/topology/slot_map.h"

namespace keyway::proxy::topology {

struct RefreshIntervals {
  int refresh_ms = 5000;
  int min_interval_ms = 20;
  int max_interval_ms = 500;
  int retry_ms = 500;  // after a round that was not settled
};

class RefreshPlan {
 public:
  // Of the nodes of the map, and again of the startup nodes: enough to find one that is up, without
  // asking hundreds when a cluster is down.
  static constexpr size_t kMaxCandidates = 12;
  // As long as this after it was suspected, a node is asked last.
  static constexpr int64_t kSuspicionMillis = 5000;
  static constexpr size_t kMaxSuspects = 64;
  // How long a failover is waited for eagerly.
  static constexpr int64_t kFailoverMillis = 5000;

  RefreshPlan(const RefreshIntervals& intervals, Random random);

  // All times are microseconds of one monotonic clock; delays are milliseconds from `now`.
  void RoundStarted(int64_t now);
  // `news`: it has changed the picture. `settled`: somebody knew an owner for every slot. Returns
  // the delay of the next round if nobody asks for one before.
  int64_t RoundEnded(int64_t now, bool news, bool settled);
  // A primary has failed.
  void ExpectFailover(int64_t now) { failover_since_ = now; }
  // Somebody asks for a round. Returns its delay.
  int64_t Requested(int64_t now);

  // Somebody says that the node does not answer.
  void Suspect(const net::Endpoint& node, int64_t now);
  void Answered(const net::Endpoint& node);
  // Nodes to ask, in this order, each once: those of the map at random, then the startup nodes at
  // random; behind them those that are suspected or said to have failed. Of each sort, the one that
  // answered last comes last: what one node says is soon compared with what another says. `map` may
  // be nullptr.
  std::vector<net::Endpoint> Candidates(const SlotMap* map,
                                        const std::vector<net::Endpoint>& startup_nodes,
                                        int64_t now);

 private:
  // Around `millis`: a quarter less to a quarter more.
  int64_t Jittered(int64_t millis);
  void Add(std::vector<std::pair<net::Endpoint, bool>> nodes, std::vector<net::Endpoint>& first,
           std::vector<net::Endpoint>& last, int64_t now);
  bool IsSuspect(const net::Endpoint& node, int64_t now) const;

  const RefreshIntervals intervals_;
  Random random_;
  int64_t last_start_;      // of a round
  int64_t last_requested_;  // by somebody
  int64_t last_news_;
  int64_t failover_since_;
  int64_t interval_ms_;  // between the last round and the next that is requested
  std::vector<std::pair<net::Endpoint, int64_t>> suspects_;  // and since when
  net::Endpoint last_answered_;
};

}  // namespace keyway::proxy::topology
