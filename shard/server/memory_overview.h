// Where the memory goes: what INFO memory, MEMORY STATS and MEMORY DOCTOR tell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "shard/server/command_context.h"
#include "shard/server/memory_usage.h"
#include "shard/server/scripts.h"

namespace keyway::shard {

struct MemoryOverview {
  struct DatabaseTables {
    int index = 0;
    size_t bytes = 0;
  };

  uint64_t used = 0;  // UsedMemory
  uint64_t peak = 0;
  uint64_t at_start = 0;
  uint64_t resident = 0;  // of the process
  MemoryUsage allocator;
  uint64_t clients_normal = 0;
  uint64_t cluster_links = 0;
  uint64_t clients_replicas = 0;     // of what replicas have yet to get, the part beyond the backlog
  uint64_t replication_backlog = 0;  // the rest of it
  uint64_t replication_buffers = 0;  // both
  uint64_t aof_buffer = 0;
  uint64_t not_evictable = 0;  // MemoryNotEvictable
  Scripts::Usage scripts;
  std::vector<DatabaseTables> tables;  // of databases that hold keys
  uint64_t overhead = 0;               // everything that is no key or value
  uint64_t dataset = 0;
  size_t keys = 0;
  size_t clients = 0;

  uint64_t vm_total() const { return scripts.eval_vm_bytes + scripts.functions_vm_bytes; }
  uint64_t scripts_total() const { return scripts.scripts_bytes + scripts.functions_bytes; }
  double bytes_per_key() const;
  double dataset_percent() const;
  double peak_percent() const;
  double fragmentation() const;
  double allocator_fragmentation() const;
  double allocator_rss() const;
  double rss_overhead() const;
};

// Looks at all clients and slot tables: for who asks, not for the cron. Also keeps the peak.
MemoryOverview ReadMemoryOverview(Services& services);

// MEMORY DOCTOR.
std::string MemoryReport(const MemoryOverview& overview);

}  // namespace keyway::shard
