// INFO memory.
#include <algorithm>

#include "common/config/registry.h"
#include "shard/cluster/cluster.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/client_registry.h"
#include "shard/server/info.h"
#include "shard/server/memory_usage.h"
#include "shard/server/stats.h"

namespace keyway::shard::info {
namespace {

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

int64_t Difference(uint64_t left, uint64_t right) {
  return static_cast<int64_t>(left) - static_cast<int64_t>(right);
}

void Percent(Lines& lines, std::string_view name, double ratio) {
  lines.Format(name, "%.2f%%", ratio * 100);
}

}  // namespace

void Memory(Services& services, Lines& lines) {
  const MemoryUsage usage = ReadMemoryUsage();
  const uint64_t resident = ReadResidentBytes();
  const uint64_t used = usage.allocated;
  ServerStats& stats = services.stats;
  stats.memory_peak = std::max(stats.memory_peak, used);
  const uint64_t at_start = std::min(stats.memory_at_start, used);
  uint64_t clients = 0;
  services.clients.ForEach([&clients](Client& client) { clients += client.Memory(); });
  const uint64_t overhead = std::min(at_start + clients, used);

  lines.Section("Memory");
  lines.Memory("used_memory", used);
  lines.Memory("used_memory_rss", resident);
  lines.Memory("used_memory_peak", stats.memory_peak);
  Percent(lines, "used_memory_peak_perc", Ratio(used, stats.memory_peak));
  lines.Unsigned("used_memory_overhead", overhead);
  lines.Unsigned("used_memory_startup", at_start);
  lines.Unsigned("used_memory_dataset", used - overhead);
  Percent(lines, "used_memory_dataset_perc", Ratio(used - overhead, used - at_start));
  lines.Unsigned("allocator_allocated", usage.allocated);
  lines.Unsigned("allocator_active", usage.active);
  lines.Unsigned("allocator_resident", usage.resident);
  lines.Memory("total_system_memory", TotalSystemMemory());
  lines.Zeros({"used_memory_lua", "used_memory_vm_eval"});
  lines.Text("used_memory_lua_human", HumanBytes(0));
  lines.Zeros({"used_memory_scripts_eval", "number_of_cached_scripts", "number_of_functions",
               "number_of_libraries", "used_memory_vm_functions"});
  lines.Memory("used_memory_vm_total", 0);
  lines.Zeros({"used_memory_functions"});
  lines.Memory("used_memory_scripts", 0);
  lines.Memory("maxmemory", services.config.maxmemory);
  lines.Text("maxmemory_policy", services.registry.Find("maxmemory-policy")->value->Get());
  lines.Format("allocator_frag_ratio", "%.2f", Ratio(usage.active, usage.allocated));
  lines.Number("allocator_frag_bytes", Difference(usage.active, usage.allocated));
  lines.Format("allocator_rss_ratio", "%.2f", Ratio(usage.resident, usage.active));
  lines.Number("allocator_rss_bytes", Difference(usage.resident, usage.active));
  lines.Format("rss_overhead_ratio", "%.2f", Ratio(resident, usage.resident));
  lines.Number("rss_overhead_bytes", Difference(resident, usage.resident));
  lines.Format("mem_fragmentation_ratio", "%.2f", Ratio(resident, used));
  lines.Number("mem_fragmentation_bytes", Difference(resident, used));
  lines.Zeros({"mem_not_counted_for_evict", "mem_replication_backlog",
               "mem_total_replication_buffers", "mem_clients_slaves"});
  lines.Unsigned("mem_clients_normal", clients);
  lines.Unsigned("mem_cluster_links",
                 services.cluster != nullptr ? services.cluster->Summary().link_memory : 0);
  lines.Zeros({"mem_aof_buffer"});
  lines.Text("mem_allocator", AllocatorName());
  lines.Zeros({"active_defrag_running"});
  lines.Unsigned("lazyfree_pending_objects", services.keyspace.stats().lazyfree_pending);
  lines.Unsigned("lazyfreed_objects", services.keyspace.stats().lazyfreed);
}

}  // namespace keyway::shard::info
