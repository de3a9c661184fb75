// Keeps the slot map true: asks nodes of the cluster for it, on the control thread, and hands each
// new map to every worker thread.
//
// Refreshes happen at the start, every refresh interval (with jitter), and when a worker asks
// (a MOVED, a lost connection). They are single-flight; how far apart they are and whom they ask
// first is in refresh_plan.h. A refresh asks one node after the other (the next one early when an
// answer is slow in coming) until one of them knows all that is known, and an owner for every slot.
//
// What they say is merged per slot by config epochs (ownership.h): a node that was cut off takes
// nothing back. To undo what has once been seen it takes a majority of the map's nodes, or that
// none of them is there any more: the answer knows none of them, so it is another cluster, or they
// have not answered for orphan_ms.
//
// Of nodes without CLUSTER NODES whole maps are compared, by the cluster's epoch: one that is older
// does not replace the current one unless the nodes of the current one are all unreachable, or the
// answer knows none of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "common/net/address.h"
#include "common/net/event_loop.h"
#include "proxy/topology/slot_map.h"

namespace keyway::proxy::topology {

using SlotMapPtr = std::shared_ptr<const SlotMap>;

struct TopologyOptions {
  std::vector<net::Endpoint> startup_nodes;
  int refresh_interval_ms = 5000;
  int min_interval_ms = 20;     // between two refreshes, however many ask; while they bring no news
  int max_interval_ms = 500;    //   it doubles up to this
  int retry_interval_ms = 500;  // while there is no map at all, or slots have no owner
  int query_timeout_ms = 2000;  // connect, authenticate and answer
  int hedge_ms = 100;           // a node that takes longer is overtaken by asking another, too
  int orphan_ms = 60'000;
  std::string username;  // for AUTH at the nodes; empty: none or "default"
  std::string password;  // empty: no AUTH
};

struct TopologyStats {
  uint64_t refreshes_ok = 0;
  uint64_t refreshes_failed = 0;
  uint64_t maps_changed = 0;
  uint64_t queries = 0;        // nodes asked
  uint64_t hedges = 0;         // of them, because another was slow to answer
  uint64_t stale_reports = 0;  // answers that were behind what is known of some slot
  std::string last_error;      // of the last failed query; empty after a success
};

class Topology {
 public:
  // `control` is the loop that refreshes; it must outlive the Topology, which lives on its thread.
  Topology(net::EventLoop& control, const TopologyOptions& options, Random random);
  ~Topology();

  // Before Start, on the control thread. `on_change` runs on `loop`'s thread for every new map.
  void Subscribe(net::EventLoop& loop, std::function<void(SlotMapPtr)> on_change);
  void Start();

  // From any thread: something suggests that the map is out of date. `suspect`: a node that does
  // not answer, or nullptr; it is asked last.
  void RequestRefresh(const net::Endpoint* suspect = nullptr);

  // On the control thread. nullptr until the first success.
  SlotMapPtr current() const;
  const TopologyStats& stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace keyway::proxy::topology
