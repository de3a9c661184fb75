// Three fake nodes, the slot map that names them, and an executor in front: what the tests of
// execution and session run on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/net/event_loop.h"
#include "metrics/hot_counters.h"
#include "proxy/backend/backend.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/shard_access.h"
#include "proxy/scripting/script_cache.h"
#include "proxy/topology/slot_map.h"
#include "tests/unit/proxy/backend/fake_node.h"

namespace keyway::proxy {

// The slots of {a}, {b}, {c} are 15495, 3300, 7365: one on each node.
inline constexpr const char* kKeys[] = {"b", "c", "a"};

struct FakeCluster {
  explicit FakeCluster(execution::AccessOptions options = {},
                       backend::BackendOptions backend_options = {})
      : pool(loop, backend_options),
        access(
            loop, pool, options, [this](const net::Endpoint*) { ++refreshes; }, statistics),
        executor(access, scripts, Random(1)) {
    for (int i = 0; i < 3; ++i) nodes.push_back(std::make_unique<FakeNode>(loop));
  }

  FakeNode& node(int index) { return *nodes[static_cast<size_t>(index)]; }

  // The map in which node i serves the i-th third of the slots, or `owners[i]` does.
  topology::SlotMapPtr Map(std::vector<int> owners = {0, 1, 2}, bool complete = true) {
    const SlotRange thirds[] = {{0, 5460}, {5461, 10922}, {10923, 16383}};
    std::vector<topology::Shard> shards;
    for (int i = 0; i < (complete ? 3 : 2); ++i) {
      topology::Shard shard;
      shard.primary.endpoint = node(owners[static_cast<size_t>(i)]).endpoint();
      shard.slots = {thirds[i]};
      shards.push_back(std::move(shard));
    }
    return std::make_shared<topology::SlotMap>(std::move(shards), ++versions, 1);
  }

  net::EventLoop loop;
  execution::Statistics::Histograms histograms;
  execution::Statistics statistics{histograms};
  int refreshes = 0;
  uint64_t versions = 0;
  std::vector<std::unique_ptr<FakeNode>> nodes;
  backend::Pool pool;
  execution::ShardAccess access;
  scripting::ScriptCache scripts{1024 * 1024};
  execution::Executor executor;
};

}  // namespace keyway::proxy
