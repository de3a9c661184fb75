// Keeps the slot map true: asks nodes of the cluster for it, on the control thread, and hands each
// new map to every worker thread.
//
// Refreshes happen at the start, every refresh interval (with jitter), and when a worker asks
// (a MOVED, a lost connection). They are single-flight and at least min_interval apart. A refresh
// asks the nodes of the current map in random order, then the startup nodes, one after the other
// (the next one early when an answer is slow in coming), until one answers with a map that covers
// all slots and is not older than the current one; if none does, the best of the answers counts. A
// map with a lower cluster epoch than the current one does not replace it unless the nodes of the
// current one are all unreachable, or the answer knows none of them: then it is another cluster.
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
  int min_interval_ms = 100;    // between two refreshes, however many ask
  int retry_interval_ms = 500;  // while there is no map at all
  int query_timeout_ms = 2000;  // connect, authenticate and answer
  std::string username;         // for AUTH at the nodes; empty: none or "default"
  std::string password;         // empty: no AUTH
};

struct TopologyStats {
  uint64_t refreshes_ok = 0;
  uint64_t refreshes_failed = 0;
  uint64_t maps_changed = 0;
  std::string last_error;  // of the last failed query; empty after a success
};

class Topology {
 public:
  // `control` is the loop that refreshes; it must outlive the Topology, which lives on its thread.
  Topology(net::EventLoop& control, const TopologyOptions& options, Random random);
  ~Topology();

  // Before Start, on the control thread. `on_change` runs on `loop`'s thread for every new map.
  void Subscribe(net::EventLoop& loop, std::function<void(SlotMapPtr)> on_change);
  void Start();

  // From any thread: something suggests that the map is out of date.
  void RequestRefresh();

  // On the control thread. nullptr until the first success.
  SlotMapPtr current() const;
  const TopologyStats& stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace keyway::proxy::topology
