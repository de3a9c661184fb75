// What happens by the clock, ten times a second: links are opened, nodes are pinged so that each is
// heard of at least every half node-timeout, and those that stay silent become PFAIL.
// Source: Redis Cluster specification, "Heartbeat and gossip messages".
#pragma once

#include <cstdint>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/cluster/failover/manual_failover.h"
#include "shard/cluster/gossip/failure_detector.h"
#include "shard/cluster/gossip/link_table.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/stats.h"
#include "shard/cluster/options.h"

namespace keyway::shard::cluster::gossip {

class Heartbeat {
 public:
  static constexpr int64_t kTickMs = 100;
  static constexpr int64_t kMinHandshakeMs = 1000;
  // Queued bytes at which a link is given up even if cluster-link-sendbuf-limit is 0.
  static constexpr size_t kMaxQueuedBytes = 64u << 20;

  Heartbeat(NodeTable& table, LinkTable& links, Messenger& messenger, FailureDetector& failures,
            const failover::ManualFailover& manual, const ClusterOptions& options, BusStats& stats,
            const Clock& clock, Random& random)
      : table_(table),
        links_(links),
        messenger_(messenger),
        failures_(failures),
        manual_(manual),
        options_(options),
        stats_(stats),
        clock_(clock),
        random_(random) {}

  // To be called every kTickMs.
  void Tick();

  // Marks the nodes that have been silent for too long, as Tick does.
  void CheckSilence();
  // When the next one will have been, if it stays so: INT64_MAX for never.
  int64_t NextDeadline() const;

  // The outbound link of `node` stands.
  void OnConnected(Node& node);
  // It has broken, or could not be opened.
  void OnDisconnected(Node& node);

 private:
  void DropStaleHandshakes(int64_t now);
  void CheckQueues(Node& node);
  void PingOldestOfSome();
  void CheckNode(Node& node, int64_t now);
  // From when on `node` counts as failing, if it stays silent.
  int64_t Deadline(const Node& node) const;
  bool OverLimit(LinkId link, const Node& node, const char* direction);

  NodeTable& table_;
  LinkTable& links_;
  Messenger& messenger_;
  FailureDetector& failures_;
  const failover::ManualFailover& manual_;
  const ClusterOptions& options_;
  BusStats& stats_;
  const Clock& clock_;
  Random& random_;
  uint64_t ticks_ = 0;
};

}  // namespace keyway::shard::cluster::gossip
