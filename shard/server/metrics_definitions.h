// Which metrics a shard has. A new one is a line in the function of its subject.
#pragma once

#include <functional>
#include <string>

#include "metrics/registry.h"
#include "shard/cluster/cluster.h"
#include "shard/server/command_context.h"
#include "shard/server/memory_overview.h"

namespace keyway::shard {

class ShardMetrics {
 public:
  // `services` outlives the object.
  explicit ShardMetrics(Services& services);

  metrics::Registry& registry() { return registry_; }

 private:
  // `read` returns any arithmetic type.
  template <typename Read>
  void Counter(const char* name, const char* help, Read read) {
    registry_.CounterFrom(name, help, {}, [read] { return static_cast<double>(read()); });
  }
  template <typename Read>
  void Gauge(const char* name, const char* help, Read read) {
    registry_.GaugeFrom(name, help, {}, [read] { return static_cast<double>(read()); });
  }

  template <typename Read>
  void GaugeOfReplica(const char* name, const char* help, Read read);

  void DefineServer();
  void DefineClients();
  void DefineMemory();
  void DefineTraffic();
  void DefineKeyspace();
  void DefineCommands();
  void DefinePersistence();
  void DefineReplication();
  void DefineCpu();
  void DefineCluster();

  Services& services_;
  // Read once a scrape.
  MemoryOverview memory_;
  cluster::ClusterSummary cluster_;
  metrics::Registry registry_;
};

}  // namespace keyway::shard
