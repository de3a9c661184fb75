// Looks after the nodes that may be read from: which replicas are fit, how far they are behind, how
// fast each node answers. Lives on the control thread and hands each table to every worker thread.
//
// About once a second it asks all nodes of the slot map for INFO replication, the replicas of a shard
// when their primary has answered (or is slow), so that what the replicas have can be compared with
// what the primary had a moment before. A round ends when all have answered or the time for it is over;
// who has not answered by then is unfit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "common/net/event_loop.h"
#include "proxy/topology/node_table.h"
#include "proxy/topology/topology.h"
#include "proxy/topology/zones.h"

namespace keyway::proxy::topology {

struct ReplicaWatchOptions {
  int max_lag_ms = 10'000;
  int interval_ms = 1000;  // between two rounds
  int timeout_ms = 1000;   // of a round
  int primary_ms = 250;    // for how long the replicas of a shard wait for its primary's answer
  std::string username;    // for AUTH at the nodes; empty: none or "default"
  std::string password;    // empty: no AUTH
  Zones zones;
};

// Which of a shard's nodes that are fit are the nearest, by zone, then by latency; those that were
// (NodeState::nearest as it is) stay so until they are clearly slower than the fastest.
void FindNearest(std::span<NodeState* const> nodes);

class ReplicaWatch {
 public:
  // `control` must outlive the watch, which lives on its thread.
  ReplicaWatch(net::EventLoop& control, const ReplicaWatchOptions& options);
  ~ReplicaWatch();

  // Before the first SetMap, on the control thread. `on_table` runs on `loop`'s thread after every
  // round.
  void Subscribe(net::EventLoop& loop, std::function<void(NodeTablePtr)> on_table);
  // The nodes to look at. The first map begins the first round.
  void SetMap(SlotMapPtr map);

  // On the control thread. nullptr until the first round has ended.
  NodeTablePtr current() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keyway::proxy::topology
