#include "shard/server/metrics_definitions.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/config/registry.h"
#include "common/net/event_loop.h"
#include "metrics/process.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/client_registry.h"
#include "shard/server/lifecycle.h"
#include "shard/server/stats.h"

namespace keyway::shard {
namespace {

// Databases shown although they are empty.
constexpr int kDatabasesShown = 16;

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

rusage Usage(int who) {
  rusage usage = {};
  getrusage(who, &usage);
  return usage;
}

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

metrics::Labels InstanceLabels(Services& services) {
  utsname system = {};
  uname(&system);
  const ShardConfig& config = services.config;
  return {
      {"role", "master"},
      {"redis_version", kRedisVersion},
      {"redis_build_id", "0"},
      {"redis_mode", config.cluster_enabled ? "cluster" : "standalone"},
      {"os", std::string(system.sysname) + " " + system.release + " " + system.machine},
      {"maxmemory_policy", services.registry.Find("maxmemory-policy")->value->Get()},
      {"tcp_port", std::to_string(config.port)},
      {"run_id", services.lifecycle.identity().run_id},
      {"process_id", std::to_string(getpid())},
      {"master_replid", services.lifecycle.identity().replication_id},
  };
}

}  // namespace

ShardMetrics::ShardMetrics(Services& services) : services_(services) {
  registry_.AddCollector([this] {
    memory_ = ReadMemoryUsage();
    services_.stats.memory_peak = std::max(services_.stats.memory_peak, memory_.allocated);
    if (services_.cluster != nullptr) cluster_ = services_.cluster->Summary();
  });
  metrics::AddProcessMetrics(registry_);
  DefineServer();
  DefineClients();
  DefineMemory();
  DefineTraffic();
  DefineKeyspace();
  DefineCommands();
  DefinePersistence();
  DefineReplication();
  DefineCpu();
  if (services.cluster != nullptr) DefineCluster();
}

void ShardMetrics::DefineServer() {
  Services& s = services_;
  Gauge("redis_up", "Whether the shard answers", [] { return 1; });
  Gauge("redis_uptime_in_seconds", "Seconds since the start",
        [&s] { return s.lifecycle.UptimeSeconds(); });
  Gauge("redis_start_time_seconds", "Start of the process, Unix time",
        [&s] { return s.lifecycle.start_wall_micros() / 1'000'000; });
  Gauge("redis_process_id", "Process id", [] { return getpid(); });
  Gauge("redis_cluster_enabled", "Whether the shard is a node of a cluster",
        [&s] { return s.config.cluster_enabled ? 1 : 0; });
  registry_.GaugesFrom(
      "redis_instance_info", "Who the shard is",
      [&s](metrics::Registry::Samples& samples) { samples.Add(InstanceLabels(s), 1); });
  registry_.GaugeFrom("keyway_build_info", "The program's version", {{"version", kKeywayVersion}},
                      [] { return 1.0; });
  Counter("keyway_event_loop_passes_total", "Passes of the event loop",
          [&s] { return s.loop.passes(); });
  Counter("keyway_event_loop_busy_seconds_total", "Time spent outside of waiting for events",
          [&s] { return static_cast<double>(s.loop.busy_micros()) / 1e6; });
}

void ShardMetrics::DefineClients() {
  Services& s = services_;
  Gauge("redis_connected_clients", "Clients connected", [&s] { return s.clients.count(); });
  Gauge("redis_blocked_clients", "Clients whose requests wait", [&s] {
    size_t blocked = 0;
    s.clients.ForEach([&blocked](Client& client) { blocked += client.suspended() ? 1 : 0; });
    return blocked;
  });
  Gauge("redis_config_maxclients", "Most clients that may connect",
        [&s] { return s.config.maxclients; });
  Gauge("redis_client_recent_max_input_buffer_bytes", "Largest input buffer of a client lately",
        [&s] { return s.stats.recent_max_input.value(); });
  Gauge("redis_client_recent_max_output_buffer_bytes", "Largest output buffer of a client lately",
        [&s] { return s.stats.recent_max_output.value(); });
  Counter("keyway_clients_closed_for_output_total",
          "Clients closed because of client-output-buffer-limit",
          [&s] { return s.stats.counters.output_limit_disconnections; });
  Counter("keyway_clients_closed_for_input_total",
          "Clients closed because of client-query-buffer-limit",
          [&s] { return s.stats.counters.query_limit_disconnections; });
}

void ShardMetrics::DefineMemory() {
  Services& s = services_;
  Gauge("redis_memory_used_bytes", "Memory handed out by the allocator",
        [this] { return memory_.allocated; });
  Gauge("redis_memory_used_rss_bytes", "Resident set size of the process",
        [] { return ReadResidentBytes(); });
  Gauge("redis_memory_used_peak_bytes", "Highest redis_memory_used_bytes since the start",
        [&s] { return s.stats.memory_peak; });
  Gauge("redis_memory_used_startup_bytes", "Memory used when the shard began to serve",
        [&s] { return s.stats.memory_at_start; });
  Gauge("redis_memory_max_bytes", "maxmemory, 0 for no limit", [&s] { return s.config.maxmemory; });
  Gauge("redis_mem_fragmentation_ratio", "Resident memory by used memory",
        [this] { return Ratio(ReadResidentBytes(), memory_.allocated); });
  Gauge("redis_allocator_allocated_bytes", "Memory handed out by the allocator",
        [this] { return memory_.allocated; });
  Gauge("redis_allocator_active_bytes", "Memory in the allocator's pages in use",
        [this] { return memory_.active; });
  Gauge("redis_allocator_resident_bytes", "Memory held by the allocator",
        [this] { return memory_.resident; });
  Gauge("redis_total_system_memory_bytes", "Memory of the machine",
        [] { return TotalSystemMemory(); });
  Gauge("redis_mem_clients_normal", "Bytes of memory occupied by clients", [&s] {
    size_t bytes = 0;
    s.clients.ForEach([&bytes](Client& client) { bytes += client.Memory(); });
    return bytes;
  });
  Gauge("redis_lazyfree_pending_objects", "Values waiting to be freed on the side thread",
        [&s] { return s.keyspace.stats().lazyfree_pending; });
}

void ShardMetrics::DefineTraffic() {
  Services& s = services_;
  const ServerStats::Counters& counters = s.stats.counters;
  Counter("redis_connections_received_total", "Connections accepted",
          [&counters] { return counters.connections_received; });
  Counter("redis_rejected_connections_total", "Connections refused",
          [&counters] { return counters.connections_rejected; });
  Counter("redis_commands_processed_total", "Commands executed",
          [&counters] { return counters.commands_processed; });
  Counter("redis_net_input_bytes_total", "Bytes received from clients",
          [&s] { return s.clients.InputBytes() - s.stats.counters.input_bytes_before_reset; });
  Counter("redis_net_output_bytes_total", "Bytes sent to clients",
          [&s] { return s.clients.OutputBytes() - s.stats.counters.output_bytes_before_reset; });
}

void ShardMetrics::DefineKeyspace() {
  Services& s = services_;
  Counter("redis_keyspace_hits_total", "Lookups that found their key",
          [&s] { return s.keyspace.stats().hits; });
  Counter("redis_keyspace_misses_total", "Lookups that found no key",
          [&s] { return s.keyspace.stats().misses; });
  Counter("redis_expired_keys_total", "Keys deleted because they expired",
          [&s] { return s.keyspace.stats().expired_keys; });
  Gauge("redis_expired_stale_percentage", "Estimate of keys that expired and are there still",
        [&s] { return s.keyspace.stats().expired_stale_percent; });
  Counter("redis_expired_time_cap_reached_total", "Rounds of active expiry cut short",
          [&s] { return s.keyspace.stats().expired_time_cap_reached; });
  Counter("redis_evicted_keys_total", "Keys deleted to make room", [] { return 0; });

  const auto each = [&s](metrics::Registry::Samples& samples, auto read) {
    for (int index = 0; index < s.keyspace.database_count(); ++index) {
      keyspace::Database& database = s.keyspace.database(index);
      if (index >= kDatabasesShown && database.size() == 0) continue;
      samples.Add({{"db", "db" + std::to_string(index)}}, static_cast<double>(read(database)));
    }
  };
  registry_.GaugesFrom("redis_db_keys", "Keys", [each](metrics::Registry::Samples& samples) {
    each(samples, [](const keyspace::Database& database) { return database.size(); });
  });
  registry_.GaugesFrom(
      "redis_db_keys_expiring", "Keys with an expiry", [each](metrics::Registry::Samples& samples) {
        each(samples, [](const keyspace::Database& database) { return database.expires(); });
      });
  registry_.GaugesFrom("redis_db_avg_ttl_seconds", "Average time to live of keys with an expiry",
                       [each](metrics::Registry::Samples& samples) {
                         each(samples, [](const keyspace::Database& database) {
                           return static_cast<double>(database.average_ttl_ms()) / 1000;
                         });
                       });
}

void ShardMetrics::DefineCommands() {
  Services& s = services_;
  const auto define = [this, &s](const char* name, const char* help, auto read) {
    registry_.CountersFrom(name, help, [&s, read](metrics::Registry::Samples& samples) {
      for (size_t i = 0; i < command::CommandCount(); ++i) {
        const auto id = static_cast<command::CommandId>(i);
        const CommandStats& stats = s.stats.command(id);
        if (!stats.used()) continue;
        samples.Add({{"cmd", command::CommandById(id).full_name}},
                    static_cast<double>(read(stats)));
      }
    });
  };
  define("redis_commands_total", "Calls of a command",
         [](const CommandStats& stats) { return stats.calls; });
  define("redis_commands_duration_seconds_total", "Time spent in a command",
         [](const CommandStats& stats) { return static_cast<double>(stats.micros) / 1e6; });
  define("redis_commands_rejected_calls_total", "Calls refused before execution",
         [](const CommandStats& stats) { return stats.rejected; });
  define("redis_commands_failed_calls_total", "Calls that replied with an error",
         [](const CommandStats& stats) { return stats.failed; });
  registry_.CountersFrom("redis_errors_total", "Error replies",
                         [&s](metrics::Registry::Samples& samples) {
                           for (const auto& [code, count] : s.stats.errors()) {
                             samples.Add({{"err", code}}, static_cast<double>(count));
                           }
                         });
}

void ShardMetrics::DefinePersistence() {
  Services& s = services_;
  Gauge("redis_loading_dump_file", "Whether a dataset is being loaded", [] { return 0; });
  Gauge("redis_rdb_changes_since_last_save", "Changes to keys since the last snapshot",
        [&s] { return s.keyspace.stats().changes; });
  Gauge("redis_rdb_bgsave_in_progress", "Whether a snapshot is being written", [] { return 0; });
  Gauge("redis_rdb_last_save_timestamp_seconds", "When the last snapshot was written, Unix time",
        [&s] { return s.lifecycle.start_wall_micros() / 1'000'000; });
  Gauge("redis_rdb_last_bgsave_status", "Whether the last snapshot succeeded", [] { return 1; });
  Gauge("redis_aof_enabled", "Whether an append-only file is written", [] { return 0; });
}

void ShardMetrics::DefineReplication() {
  Gauge("redis_connected_slaves", "Replicas connected", [] { return 0; });
  Gauge("redis_master_repl_offset", "Offset of the replication stream", [] { return 0; });
}

void ShardMetrics::DefineCpu() {
  const auto define = [this](const char* sys, const char* user, int who) {
    Counter(sys, "System CPU time", [who] { return Seconds(Usage(who).ru_stime); });
    Counter(user, "User CPU time", [who] { return Seconds(Usage(who).ru_utime); });
  };
  define("redis_cpu_sys_seconds_total", "redis_cpu_user_seconds_total", RUSAGE_SELF);
  define("redis_cpu_sys_children_seconds_total", "redis_cpu_user_children_seconds_total",
         RUSAGE_CHILDREN);
  define("redis_cpu_sys_main_thread_seconds_total", "redis_cpu_user_main_thread_seconds_total",
         RUSAGE_THREAD);
}

void ShardMetrics::DefineCluster() {
  const cluster::ClusterSummary& c = cluster_;
  Gauge("redis_cluster_state", "Whether the cluster is ok", [&c] { return c.ok ? 1 : 0; });
  Gauge("redis_cluster_slots_assigned", "Slots with an owner", [&c] { return c.slots_assigned; });
  Gauge("redis_cluster_slots_ok", "Slots whose owner is reachable", [&c] { return c.slots_ok; });
  Gauge("redis_cluster_slots_pfail", "Slots whose owner may have failed",
        [&c] { return c.slots_pfail; });
  Gauge("redis_cluster_slots_fail", "Slots whose owner has failed", [&c] { return c.slots_fail; });
  Gauge("redis_cluster_known_nodes", "Nodes known", [&c] { return c.known_nodes; });
  Gauge("redis_cluster_size", "Primaries that own a slot", [&c] { return c.size; });
  Gauge("redis_cluster_current_epoch", "The cluster's epoch", [&c] { return c.current_epoch; });
  Gauge("redis_cluster_my_epoch", "This node's config epoch", [&c] { return c.my_epoch; });
  Counter("redis_cluster_messages_sent_total", "Messages sent on the bus",
          [&c] { return c.messages_sent; });
  Counter("redis_cluster_messages_received_total", "Messages received on the bus",
          [&c] { return c.messages_received; });
  Counter("keyway_cluster_messages_dropped_total",
          "Messages on the bus that were malformed or not to be trusted",
          [&c] { return c.messages_dropped; });
}

}  // namespace keyway::shard
