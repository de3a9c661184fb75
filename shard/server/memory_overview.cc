#include "shard/server/memory_overview.h"

#include <algorithm>

#include "shard/cluster/cluster.h"
#include "shard/keyspace/keyspace.h"
#include "shard/config/shard_config.h"
#include "shard/server/client_registry.h"
#include "shard/server/eviction.h"
#include "shard/server/persistence.h"
#include "shard/server/replication.h"
#include "shard/server/stats.h"

namespace keyway::shard {
namespace {

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

bool Exceeds(uint64_t whole, uint64_t part, double ratio) {
  constexpr uint64_t kWorthTelling = 10 << 20;
  return Ratio(whole, part) > ratio && whole > part + kWorthTelling;
}

constexpr uint64_t kLittle = 5 << 20;
constexpr uint64_t kBigClient = 200 << 10;
constexpr uint64_t kBigReplica = 10 << 20;
constexpr size_t kManyCachedScripts = 1000;

constexpr char kEmpty[] =
    "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be "
    "used in these conditions. Please, leave for your mission on Earth and fill it with some data. "
    "The new Sam and I will be back to our programming as soon as I finished rebooting.\n";
constexpr char kNothing[] =
    "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on "
    "this base.\n";
constexpr char kIssues[] =
    "Sam, I detected a few issues in this Redis instance memory implants:\n\n";
constexpr char kBigPeak[] =
    " * Peak memory: In the past this instance used more than 150% the memory that is currently "
    "using. The allocator is normally not able to release memory after a peak, so you can expect "
    "to "
    "see a big fragmentation ratio, however this is actually harmless and is only due to the "
    "memory "
    "peak, and if the Redis instance Resident Set Size (RSS) is currently bigger than expected, "
    "the "
    "memory will be used as soon as you fill the Redis instance with more data. If the memory peak "
    "was only occasional and you want to try to reclaim memory, please try the MEMORY PURGE "
    "command, "
    "otherwise the only other option is to shutdown and restart the instance.\n\n";
constexpr char kHighRss[] =
    " * High total RSS: This instance has a memory fragmentation and RSS overhead greater than 1.4 "
    "(this means that the Resident Set Size of the Redis process is much larger than the sum of "
    "the "
    "logical allocations Redis performed). This problem is usually due either to a large peak "
    "memory "
    "(check if there is a peak memory entry above in the report) or may result from a workload "
    "that "
    "causes the allocator to fragment memory a lot. If the problem is a large peak memory, then "
    "there is no issue. Otherwise, make sure you are using the Jemalloc allocator and not the "
    "default libc malloc. Note: The currently used allocator is \"";
constexpr char kHighFragmentation[] =
    " * High allocator fragmentation: This instance has an allocator external fragmentation "
    "greater "
    "than 1.1. This problem is usually due either to a large peak memory (check if there is a peak "
    "memory entry above in the report) or may result from a workload that causes the allocator to "
    "fragment memory a lot. You can try enabling 'activedefrag' config option.\n\n";
constexpr char kHighAllocatorRss[] =
    " * High allocator RSS overhead: This instance has an RSS memory overhead is greater than 1.1 "
    "(this means that the Resident Set Size of the allocator is much larger than the sum what the "
    "allocator actually holds). This problem is usually due to a large peak memory (check if there "
    "is a peak memory entry above in the report), you can try the MEMORY PURGE command to reclaim "
    "it.\n\n";
constexpr char kHighProcessRss[] =
    " * High process RSS overhead: This instance has non-allocator RSS memory overhead is greater "
    "than 1.1 (this means that the Resident Set Size of the Redis process is much larger than the "
    "RSS the allocator holds). This problem may be due to Lua scripts or Modules.\n\n";
constexpr char kBigReplicas[] =
    " * Big replica buffers: The replica output buffers in this instance are greater than 10MB for "
    "each replica (on average). This likely means that there is some replica instance that is "
    "struggling receiving data, either because it is too slow or because of networking issues. As "
    "a result, data piles on the master output buffers. Please try to identify what replica is not "
    "receiving data correctly and why. You can use the INFO output in order to check the replicas "
    "delays and the CLIENT LIST command to check the output buffers of each replica.\n\n";
constexpr char kBigClients[] =
    " * Big client buffers: The clients output buffers in this instance are greater than 200K per "
    "client (on average). This may result from different causes, like Pub/Sub clients subscribed "
    "to "
    "channels bot not receiving data fast enough, so that data piles on the Redis instance output "
    "buffer, or clients sending commands with large replies or very large sequences of commands in "
    "the same pipeline. Please use the CLIENT LIST command in order to investigate the issue if it "
    "causes problems in your instance, or to understand better why certain clients are using a big "
    "amount of memory.\n\n";
constexpr char kManyScripts[] =
    " * Many scripts: There seem to be many cached scripts in this instance (more than 1000). This "
    "may be because scripts are generated and `EVAL`ed, instead of being parameterized (with KEYS "
    "and ARGV), `SCRIPT LOAD`ed and `EVALSHA`ed. Unless `SCRIPT FLUSH` is called periodically, the "
    "scripts' caches may end up consuming most of your memory.\n\n";
constexpr char kFarewell[] = "I'm here to keep you safe, Sam. I want to help you.\n";

}  // namespace

double MemoryOverview::bytes_per_key() const {
  return keys == 0 ? 0 : static_cast<double>(used - at_start) / static_cast<double>(keys);
}
double MemoryOverview::dataset_percent() const {
  return Ratio(dataset, used - at_start) * 100;
}
double MemoryOverview::peak_percent() const {
  return Ratio(used, peak) * 100;
}
double MemoryOverview::fragmentation() const {
  return Ratio(resident, used);
}
double MemoryOverview::allocator_fragmentation() const {
  return Ratio(allocator.active, allocator.allocated);
}
double MemoryOverview::allocator_rss() const {
  return Ratio(allocator.resident, allocator.active);
}
double MemoryOverview::rss_overhead() const {
  return Ratio(resident, allocator.resident);
}

MemoryOverview ReadMemoryOverview(Services& services) {
  MemoryOverview overview;
  overview.used = UsedMemory(services);
  ServerStats& stats = services.stats;
  stats.memory_peak = std::max(stats.memory_peak, overview.used);
  overview.peak = stats.memory_peak;
  overview.at_start = std::min(stats.memory_at_start, overview.used);
  overview.resident = ReadResidentBytes();
  overview.allocator = ReadMemoryUsage();
  services.clients.ForEach([&](Client& client) { overview.clients_normal += client.Memory(); });
  overview.clients = services.clients.count();
  if (services.cluster != nullptr) overview.cluster_links = services.cluster->Summary().link_memory;

  if (services.scripts != nullptr) overview.scripts = services.scripts->usage();

  if (services.persistence != nullptr) {
    overview.aof_buffer = services.persistence->status().aof_buffer_bytes;
  }

  overview.not_evictable = MemoryNotEvictable(services);
  if (services.replication != nullptr) {
    // Backlog and replicas share one buffer: what is more than the backlog may hold is there for a
    // replica.
    const uint64_t bytes = services.replication->backlog().memory;
    const auto most = static_cast<uint64_t>(services.config.repl_backlog_size);
    const bool has_replicas = services.replication->replica_count() != 0;
    overview.replication_buffers = bytes;
    overview.clients_replicas = has_replicas && bytes > most ? bytes - most : 0;
    overview.replication_backlog = bytes - overview.clients_replicas;
  }

  uint64_t overhead = overview.at_start + overview.clients_normal + overview.cluster_links +
                      overview.replication_buffers + overview.aof_buffer + overview.scripts_total();
  for (int i = 0; i < services.keyspace.database_count(); ++i) {
    const keyspace::Database& database = services.keyspace.database(i);
    if (database.size() == 0) continue;
    overview.tables.push_back({i, database.TableBytes()});
    overhead += overview.tables.back().bytes;
    overview.keys += database.size();
  }
  overview.overhead = std::min(overhead, overview.used);
  overview.dataset = overview.used - overview.overhead;
  return overview;
}

std::string MemoryReport(const MemoryOverview& overview) {
  if (overview.used < kLittle) return kEmpty;
  std::string issues;
  if (Ratio(overview.peak, overview.used) > 1.5) issues += kBigPeak;
  if (Exceeds(overview.resident, overview.used, 1.4)) {
    issues += kHighRss + AllocatorName() + "\".\n\n";
  }
  const MemoryUsage& allocator = overview.allocator;
  if (Exceeds(allocator.active, allocator.allocated, 1.1)) issues += kHighFragmentation;
  if (Exceeds(allocator.resident, allocator.active, 1.1)) issues += kHighAllocatorRss;
  if (Exceeds(overview.resident, allocator.resident, 1.1)) issues += kHighProcessRss;
  if (overview.clients_replicas > kBigReplica) issues += kBigReplicas;
  if (overview.clients != 0 && overview.clients_normal / overview.clients > kBigClient) {
    issues += kBigClients;
  }
  if (overview.scripts.cached_scripts > kManyCachedScripts) issues += kManyScripts;
  return issues.empty() ? kNothing : kIssues + issues + kFarewell;
}

}  // namespace keyway::shard
