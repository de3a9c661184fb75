// INFO memory.
#include "common/config/registry.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/info.h"
#include "shard/server/memory_overview.h"

namespace keyway::shard::info {
namespace {

int64_t Difference(uint64_t left, uint64_t right) {
  return static_cast<int64_t>(left) - static_cast<int64_t>(right);
}

}  // namespace

void Memory(Services& services, Lines& lines) {
  const MemoryOverview memory = ReadMemoryOverview(services);
  lines.Section("Memory");
  lines.Memory("used_memory", memory.used);
  lines.Memory("used_memory_rss", memory.resident);
  lines.Memory("used_memory_peak", memory.peak);
  lines.Format("used_memory_peak_perc", "%.2f%%", memory.peak_percent());
  lines.Unsigned("used_memory_overhead", memory.overhead);
  lines.Unsigned("used_memory_startup", memory.at_start);
  lines.Unsigned("used_memory_dataset", memory.dataset);
  lines.Format("used_memory_dataset_perc", "%.2f%%", memory.dataset_percent());
  lines.Unsigned("allocator_allocated", memory.allocator.allocated);
  lines.Unsigned("allocator_active", memory.allocator.active);
  lines.Unsigned("allocator_resident", memory.allocator.resident);
  lines.Memory("total_system_memory", TotalSystemMemory());
  const Scripts::Usage& scripts = memory.scripts;
  lines.Unsigned("used_memory_lua", scripts.eval_vm_bytes);
  lines.Unsigned("used_memory_vm_eval", scripts.eval_vm_bytes);
  lines.Text("used_memory_lua_human", HumanBytes(scripts.eval_vm_bytes));
  lines.Unsigned("used_memory_scripts_eval", scripts.scripts_bytes);
  lines.Unsigned("number_of_cached_scripts", scripts.cached_scripts);
  lines.Unsigned("number_of_functions", scripts.functions);
  lines.Unsigned("number_of_libraries", scripts.libraries);
  lines.Unsigned("used_memory_vm_functions", scripts.functions_vm_bytes);
  lines.Memory("used_memory_vm_total", memory.vm_total());
  lines.Unsigned("used_memory_functions", scripts.functions_bytes);
  lines.Memory("used_memory_scripts", memory.scripts_total());
  lines.Memory("maxmemory", services.config.maxmemory);
  lines.Text("maxmemory_policy", services.registry.Find("maxmemory-policy")->value->Get());
  lines.Format("allocator_frag_ratio", "%.2f", memory.allocator_fragmentation());
  lines.Number("allocator_frag_bytes", Difference(memory.allocator.active, memory.allocator.allocated));
  lines.Format("allocator_rss_ratio", "%.2f", memory.allocator_rss());
  lines.Number("allocator_rss_bytes", Difference(memory.allocator.resident, memory.allocator.active));
  lines.Format("rss_overhead_ratio", "%.2f", memory.rss_overhead());
  lines.Number("rss_overhead_bytes", Difference(memory.resident, memory.allocator.resident));
  lines.Format("mem_fragmentation_ratio", "%.2f", memory.fragmentation());
  lines.Number("mem_fragmentation_bytes", Difference(memory.resident, memory.used));
  lines.Unsigned("mem_not_counted_for_evict", memory.not_evictable);
  lines.Unsigned("mem_replication_backlog", memory.replication_backlog);
  lines.Unsigned("mem_total_replication_buffers", memory.replication_buffers);
  lines.Unsigned("mem_clients_slaves", memory.clients_replicas);
  lines.Unsigned("mem_clients_normal", memory.clients_normal);
  lines.Unsigned("mem_cluster_links", memory.cluster_links);
  lines.Unsigned("mem_aof_buffer", memory.aof_buffer);
  lines.Text("mem_allocator", AllocatorName());
  lines.Zeros({"active_defrag_running"});
  lines.Unsigned("lazyfree_pending_objects", services.keyspace.stats().lazyfree_pending);
  lines.Unsigned("lazyfreed_objects", services.keyspace.stats().lazyfreed);
}

}  // namespace keyway::shard::info
