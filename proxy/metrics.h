// The proxy's numbers under their Prometheus names, keyway_proxy_*.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "metrics/hot_counters.h"
#include "metrics/registry.h"
#include "proxy/session/client_directory.h"
#include "proxy/scripting/script_cache.h"
#include "proxy/topology/replica_watch.h"
#include "proxy/topology/topology.h"
#include "proxy/worker.h"

namespace keyway::proxy {

// What the server knows of its own life. Read on the control thread.
struct LifeCycle {
  std::function<bool()> draining;
  std::function<uint64_t()> reloads_ok;
  std::function<uint64_t()> reloads_failed;
};

// Adds all of them to `registry`; everything must outlive its last Render, which is on the control
// thread, where `topology` lives.
void AddMetrics(metrics::Registry& registry, const std::vector<std::unique_ptr<Worker>>& workers,
                const session::ClientDirectory& directory,
                const session::ClientMemory& client_memory, const topology::Topology& topology,
                const scripting::ScriptCache& scripts, const execution::Statistics::Histograms& histograms,
                const LifeCycle& life_cycle);
// The same for what `watch`, which lives on the control thread too, has found.
void AddReplicaMetrics(metrics::Registry& registry, const topology::ReplicaWatch& watch);

}  // namespace keyway::proxy
