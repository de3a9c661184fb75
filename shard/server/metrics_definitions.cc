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
#include "shard/pubsub/pubsub.h"
#include "shard/server/client_eviction.h"
#include "shard/server/client_registry.h"
#include "shard/server/eviction.h"
#include "shard/server/latency_monitor.h"
#include "shard/server/lifecycle.h"
#include "shard/server/persistence.h"
#include "shard/server/replication.h"
#include "shard/server/slow_log.h"
#include "shard/server/stats.h"
#include "shard/server/tracking.h"

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

metrics::Labels InstanceLabels(Services& services) {
  utsname system = {};
  uname(&system);
  const ShardConfig& config = services.config;
  return {
      {"role", services.replication->is_replica() ? "slave" : "master"},
      {"redis_version", kRedisVersion},
      {"redis_build_id", "0"},
      {"redis_mode", config.cluster_enabled ? "cluster" : "standalone"},
      {"os", std::string(system.sysname) + " " + system.release + " " + system.machine},
      {"maxmemory_policy", services.registry.Find("maxmemory-policy")->value->Get()},
      {"tcp_port", std::to_string(config.port)},
      {"run_id", services.lifecycle.identity().run_id},
      {"process_id", std::to_string(getpid())},
      {"master_replid", services.replication->id()},
  };
}

}  // namespace

ShardMetrics::ShardMetrics(Services& services) : services_(services) {
  registry_.AddCollector([this] {
    memory_ = ReadMemoryOverview(services_);
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
  Gauge("redis_connected_clients", "Clients connected, replicas not counted", [&s] {
    size_t clients = 0;
    s.clients.ForEach([&clients](Client& client) {
      clients += client.type() == ClientType::kReplica ? 0 : 1;
    });
    return clients;
  });
  Gauge("redis_blocked_clients", "Clients whose requests wait", [&s] {
    size_t blocked = 0;
    s.clients.ForEach([&blocked](Client& client) { blocked += client.blocked() ? 1 : 0; });
    return blocked;
  });
  Gauge("redis_config_maxclients", "Most clients that may connect",
        [&s] { return s.config.maxclients; });
  Gauge("redis_client_recent_max_input_buffer_bytes", "Largest input buffer of a client lately",
        [&s] { return s.stats.recent_max_input.value(); });
  Gauge("redis_client_recent_max_output_buffer_bytes", "Largest output buffer of a client lately",
        [&s] { return s.stats.recent_max_output.value(); });
  const auto topics = [&s](pubsub::Kind kind) {
    return [&s, kind] { return s.pubsub->count(kind); };
  };
  Gauge("redis_pubsub_channels", "Channels that have subscribers", topics(pubsub::Kind::kChannel));
  Gauge("redis_pubsub_patterns", "Patterns that have subscribers", topics(pubsub::Kind::kPattern));
  Gauge("redis_pubsubshard_channels", "Shard channels that have subscribers",
        topics(pubsub::Kind::kShardChannel));
  Gauge("redis_tracking_clients", "Clients told of changes to keys that they may have cached",
        [&s] { return s.tracking->tracking_clients(); });
  Gauge("redis_tracking_total_keys", "Keys that clients may have cached",
        [&s] { return s.tracking->keys(); });
  Gauge("redis_tracking_total_items", "Clients over all keys that they may have cached",
        [&s] { return s.tracking->items(); });
  Gauge("redis_tracking_total_prefixes", "Prefixes whose changes are broadcast",
        [&s] { return s.tracking->prefixes(); });
  Counter("keyway_clients_closed_for_output_total",
          "Clients closed because of client-output-buffer-limit",
          [&s] { return s.stats.counters.output_limit_disconnections; });
  Counter("keyway_clients_closed_for_input_total",
          "Clients closed because of client-query-buffer-limit",
          [&s] { return s.stats.counters.query_limit_disconnections; });
}

void ShardMetrics::DefineMemory() {
  Services& s = services_;
  Gauge("redis_memory_used_bytes", "Memory that the program has allocated",
        [this] { return memory_.used; });
  Gauge("redis_memory_used_rss_bytes", "Resident set size of the process",
        [this] { return memory_.resident; });
  Gauge("redis_memory_used_peak_bytes", "Highest redis_memory_used_bytes since the start",
        [&s] { return s.stats.memory_peak; });
  Gauge("redis_memory_used_startup_bytes", "Memory used when the shard began to serve",
        [&s] { return s.stats.memory_at_start; });
  Gauge("redis_memory_max_bytes", "maxmemory, 0 for no limit", [&s] { return s.config.maxmemory; });
  Gauge("redis_mem_fragmentation_ratio", "Resident memory by used memory",
        [this] { return memory_.fragmentation(); });
  Gauge("redis_allocator_allocated_bytes", "Memory handed out by the allocator",
        [this] { return memory_.allocator.allocated; });
  Gauge("redis_allocator_active_bytes", "Memory in the allocator's pages in use",
        [this] { return memory_.allocator.active; });
  Gauge("redis_allocator_resident_bytes", "Memory held by the allocator",
        [this] { return memory_.allocator.resident; });
  Gauge("redis_total_system_memory_bytes", "Memory of the machine",
        [] { return TotalSystemMemory(); });
  Gauge("redis_mem_clients_normal", "Bytes of memory occupied by clients",
        [this] { return memory_.clients_normal; });
  Gauge("redis_memory_used_overhead_bytes", "Memory that holds no keys or values",
        [this] { return memory_.overhead; });
  Gauge("redis_memory_used_dataset_bytes", "Memory of keys and values",
        [this] { return memory_.dataset; });
  const Scripts::Usage& scripts = memory_.scripts;
  Gauge("redis_memory_used_lua_bytes", "Memory of the interpreter of scripts",
        [&scripts] { return scripts.eval_vm_bytes; });
  Gauge("redis_memory_used_vm_eval_bytes", "Memory of the interpreter of scripts",
        [&scripts] { return scripts.eval_vm_bytes; });
  Gauge("redis_memory_used_vm_functions_bytes", "Memory of the interpreter of functions",
        [&scripts] { return scripts.functions_vm_bytes; });
  Gauge("redis_memory_used_vm_total_bytes", "Memory of both interpreters",
        [this] { return memory_.vm_total(); });
  Gauge("redis_memory_used_scripts_eval_bytes", "Memory of what is kept about cached scripts",
        [&scripts] { return scripts.scripts_bytes; });
  Gauge("redis_memory_used_functions_bytes", "Memory of what is kept about functions",
        [&scripts] { return scripts.functions_bytes; });
  Gauge("redis_memory_used_scripts_bytes", "Memory of what is kept about scripts and functions",
        [this] { return memory_.scripts_total(); });
  Gauge("redis_number_of_cached_scripts", "Scripts in the cache",
        [&scripts] { return scripts.cached_scripts; });
  Gauge("redis_number_of_functions", "Functions", [&scripts] { return scripts.functions; });
  Gauge("redis_number_of_libraries", "Libraries of functions",
        [&scripts] { return scripts.libraries; });
  Gauge("redis_mem_not_counted_for_eviction_bytes", "Memory that maxmemory does not count",
        [this] { return memory_.not_evictable; });
  Gauge("redis_mem_clients_slaves", "Memory of what waits to be sent to replicas beyond the backlog",
        [this] { return memory_.clients_replicas; });
  Gauge("redis_mem_replication_backlog_bytes", "Memory of the replication backlog",
        [this] { return memory_.replication_backlog; });
  Gauge("redis_mem_total_replication_buffers_bytes", "Memory of all replication buffers",
        [this] { return memory_.replication_buffers; });
  Counter("redis_lazyfreed_objects_total", "Values freed on the side thread",
          [&s] { return s.keyspace.stats().lazyfreed; });
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
  Counter("redis_evicted_keys_total", "Keys deleted to make room",
          [&s] { return s.keyspace.stats().evicted_keys; });
  Counter("redis_evicted_clients_total", "Clients closed because of maxmemory-clients",
          [&s] { return s.client_eviction->evicted_clients(); });
  Counter("keyway_eviction_exceeded_seconds_total", "Time that memory was above maxmemory",
          [&s] { return static_cast<double>(s.eviction->total_exceeded_micros()) / 1e6; });
  Gauge("redis_slowlog_length", "Entries in the slow log",
        [&s] { return s.slow_log->entries().size(); });
  Gauge("redis_slowlog_last_id", "Id of the last entry of the slow log", [&s] {
    return s.slow_log->entries().empty() ? 0 : s.slow_log->entries().front().id;
  });
  Gauge("redis_last_slow_execution_duration_seconds", "Time of the last entry of the slow log",
        [&s] {
          const auto& entries = s.slow_log->entries();
          return entries.empty() ? 0.0 : static_cast<double>(entries.front().micros) / 1e6;
        });
  registry_.GaugesFrom("redis_latency_spike_last",
                       "Unix time of the last latency spike of an event",
                       [&s](metrics::Registry::Samples& samples) {
                         for (const auto& [event, series] : s.latency->series()) {
                           samples.Add({{"event_name", event}},
                                       static_cast<double>(series.latest().seconds));
                         }
                       });
  registry_.GaugesFrom("redis_latency_spike_duration_seconds", "Time of the last latency spike",
                       [&s](metrics::Registry::Samples& samples) {
                         for (const auto& [event, series] : s.latency->series()) {
                           samples.Add({{"event_name", event}},
                                       static_cast<double>(series.latest().millis) / 1000);
                         }
                       });

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
  const PersistenceStatus& p = s.persistence->status();
  // Of what began at that second; -1: it does not run.
  const auto seconds_since = [&s](const int64_t& began) {
    return [&s, &began] {
      return began < 0 ? int64_t{-1} : s.clock.WallMicros() / 1'000'000 - began;
    };
  };
  Gauge("redis_loading_dump_file", "Whether a dataset is being loaded", [&p] { return p.loading; });
  Gauge("keyway_loading_total_bytes", "Size of the files that are being loaded",
        [&p] { return p.loading ? p.loading_total_bytes : 0; });
  Gauge("keyway_loading_loaded_bytes", "How much of them has been loaded",
        [&p] { return p.loading ? p.loading_loaded_bytes : 0; });
  Gauge("redis_latest_fork_seconds", "Time that the last fork took",
        [&p] { return static_cast<double>(p.latest_fork_micros) / 1e6; });
  Counter("keyway_forks_total", "Child processes forked", [&p] { return p.total_forks; });

  Gauge("redis_rdb_changes_since_last_save", "Changes to keys since the last snapshot",
        [&s, &p] { return s.keyspace.changes() - p.changes_at_last_save; });
  Gauge("redis_rdb_bgsave_in_progress", "Whether a snapshot is being written",
        [&p] { return p.bgsave_started_seconds >= 0; });
  Gauge("redis_rdb_last_save_timestamp_seconds", "When the last snapshot was written, Unix time",
        [&p] { return p.last_save_seconds; });
  Gauge("redis_rdb_last_bgsave_status", "Whether the last snapshot succeeded",
        [&p] { return p.last_bgsave_ok; });
  Gauge("redis_rdb_last_bgsave_duration_sec", "Time that the last snapshot took; -1: none yet",
        [&p] { return p.last_bgsave_took_seconds; });
  Gauge("redis_rdb_current_bgsave_duration_sec", "Age of the snapshot being written; -1: none",
        seconds_since(p.bgsave_started_seconds));
  Counter("redis_rdb_saves_total", "Snapshots begun", [&p] { return p.saves; });
  Gauge("redis_rdb_last_cow_size_bytes", "Memory copied during the last snapshot",
        [&p] { return p.last_bgsave_cow_bytes; });
  Gauge("redis_rdb_last_load_expired_keys", "Keys that had expired in the last snapshot loaded",
        [&p] { return p.last_load_keys_expired; });
  Gauge("redis_rdb_last_load_loaded_keys", "Keys loaded from the last snapshot loaded",
        [&p] { return p.last_load_keys_loaded; });

  Gauge("redis_aof_enabled", "Whether an append-only file is written", [&p] { return p.aof_on; });
  Gauge("redis_aof_rewrite_in_progress", "Whether the append-only file is being rewritten",
        [&p] { return p.aof_rewrite_started_seconds >= 0; });
  Gauge("redis_aof_rewrite_scheduled", "Whether it will be, after the snapshot",
        [&p] { return p.aof_rewrite_scheduled; });
  Gauge("redis_aof_last_rewrite_duration_sec", "Time that the last rewrite took; -1: none yet",
        [&p] { return p.aof_last_rewrite_took_seconds; });
  Gauge("redis_aof_current_rewrite_duration_sec", "Age of the rewrite under way; -1: none",
        seconds_since(p.aof_rewrite_started_seconds));
  Gauge("redis_aof_last_bgrewrite_status", "Whether the last rewrite succeeded",
        [&p] { return p.aof_last_rewrite_ok; });
  Counter("redis_aof_rewrites_total", "Rewrites begun", [&p] { return p.aof_rewrites; });
  Gauge("keyway_aof_rewrites_consecutive_failures", "Rewrites that failed since one succeeded",
        [&p] { return p.aof_rewrites_failed_in_a_row; });
  Gauge("redis_aof_last_write_status", "Whether the append-only file could be written last",
        [&p] { return p.aof_last_write_ok; });
  Gauge("redis_aof_last_cow_size_bytes", "Memory copied during the last rewrite",
        [&p] { return p.aof_last_cow_bytes; });
  Gauge("redis_aof_current_size_bytes", "Size of the append-only files",
        [&p] { return p.aof_current_size; });
  Gauge("redis_aof_base_size_bytes", "Their size after the last rewrite or at the start",
        [&p] { return p.aof_base_size; });
  Gauge("redis_aof_buffer_length", "Bytes that wait to be written to the append-only file",
        [&p] { return p.aof_buffer_bytes; });
  Gauge("redis_aof_pending_bio_fsync", "Syncs of the append-only file that wait",
        [&p] { return p.aof_pending_fsyncs; });
  Gauge("redis_aof_delayed_fsync", "Writes that had to wait for a sync",
        [&p] { return p.aof_delayed_fsyncs; });
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
