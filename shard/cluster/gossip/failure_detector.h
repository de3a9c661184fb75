// Who is dead. PFAIL is what this node thinks: no answer for node-timeout. FAIL is what a majority
// of the primaries thinks, told by their gossip within twice the node-timeout, and is broadcast by
// whoever finds the majority.
// Source: Redis Cluster specification, "Failure detection".
#pragma once

#include <cstdint>

#include "common/base/clock.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/pending_work.h"
#include "shard/cluster/options.h"
#include "shard/cluster/state.h"

namespace keyway::shard::cluster::gossip {

class FailureDetector {
 public:
  // In node-timeouts: how long a report counts; how long a primary with slots stays FAIL after it
  // is reachable again, so that a replica that was elected meanwhile is not disturbed.
  static constexpr int64_t kReportValidity = 2;
  static constexpr int64_t kUndoDelay = 2;

  FailureDetector(NodeTable& table, const ClusterOptions& options, const State& state,
                  Messenger& messenger, PendingWork& pending, const Clock& clock)
      : table_(table),
        options_(options),
        state_(state),
        messenger_(messenger),
        pending_(pending),
        clock_(clock) {}

  // This node has waited too long for `node`. When that is a primary, its replicas are told at
  // once, for they can do something about it.
  void MarkPfail(Node& node);
  // What the gossip of a primary says of `node`.
  void ReportFailing(Node& node, const Node& reporter);
  void ReportHealthy(Node& node, const Node& reporter);
  // Another node has told that `node` is FAIL.
  void MarkFail(Node& node);
  // `node` has answered.
  void OnAnswer(Node& node);

  // Reports about `node` that still count.
  size_t ValidReports(Node& node);

 private:
  void MarkFailIfMajority(Node& node);
  void ClearFailIfPossible(Node& node);

  NodeTable& table_;
  const ClusterOptions& options_;
  const State& state_;
  Messenger& messenger_;
  PendingWork& pending_;
  const Clock& clock_;
};

}  // namespace keyway::shard::cluster::gossip
