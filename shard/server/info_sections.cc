// The sections of INFO, except for memory.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "common/config/registry.h"
#include "common/net/event_loop.h"
#include "shard/cluster/cluster.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/pubsub/pubsub.h"
#include "shard/server/blocking.h"
#include "shard/server/client_eviction.h"
#include "shard/server/client_registry.h"
#include "shard/server/eviction.h"
#include "shard/server/info.h"
#include "shard/server/lifecycle.h"
#include "shard/server/peer_connections.h"
#include "shard/server/persistence.h"
#include "shard/server/replica_expiries.h"
#include "shard/server/stats.h"
#include "shard/server/tracking.h"

namespace keyway::shard::info {
namespace {

std::string OperatingSystem() {
  utsname name = {};
  if (uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

void CpuOf(Lines& lines, int who, const std::string& suffix) {
  rusage usage = {};
  getrusage(who, &usage);
  lines.Format("used_cpu_sys" + suffix, "%.6f", Seconds(usage.ru_stime));
  lines.Format("used_cpu_user" + suffix, "%.6f", Seconds(usage.ru_utime));
}

// Rows that were called at least once, in the table's order.
template <typename Visit>
void ForEachUsedCommand(const ServerStats& stats, Visit visit) {
  for (size_t id = 0; id < command::CommandCount(); ++id) {
    const CommandStats& command = stats.command(static_cast<command::CommandId>(id));
    if (command.used()) {
      visit(command::CommandById(static_cast<command::CommandId>(id)).full_name, command);
    }
  }
}

const char* OkOrErr(bool ok) {
  return ok ? "ok" : "err";
}

int64_t SecondsSince(int64_t begin, int64_t now) {
  return begin < 0 ? -1 : now - begin;
}

double Percent(uint64_t part, uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole) * 100;
}

void AppendOnlyFile(const PersistenceStatus& status, Lines& lines) {
  lines.Unsigned("aof_current_size", status.aof_current_size);
  lines.Unsigned("aof_base_size", status.aof_base_size);
  lines.Unsigned("aof_pending_rewrite", status.aof_rewrite_scheduled ? 1 : 0);
  lines.Unsigned("aof_buffer_length", status.aof_buffer_bytes);
  lines.Unsigned("aof_pending_bio_fsync", status.aof_pending_fsyncs);
  lines.Unsigned("aof_delayed_fsync", status.aof_delayed_fsyncs);
}

void Loading(const PersistenceStatus& status, int64_t now, Lines& lines) {
  const uint64_t loaded = status.loading_loaded_bytes;
  const uint64_t total = status.loading_total_bytes;
  const auto elapsed =
      static_cast<uint64_t>(std::max<int64_t>(0, now - status.loading_start_seconds));
  const uint64_t left = total > loaded ? total - loaded : 0;
  lines.Number("loading_start_time", status.loading_start_seconds);
  lines.Unsigned("loading_total_bytes", total);
  lines.Unsigned("loading_rdb_used_mem", status.loading_rdb_used_memory);
  lines.Unsigned("loading_loaded_bytes", loaded);
  lines.Format("loading_loaded_perc", "%.2f", Percent(loaded, total + 1));
  lines.Unsigned("loading_eta_seconds", elapsed == 0 ? 1 : elapsed * left / (loaded + 1));
}

}  // namespace

void Server(Services& services, Lines& lines) {
  const ShardConfig& config = services.config;
  const Lifecycle& lifecycle = services.lifecycle;
  const int64_t wall_micros = services.clock.WallMicros();
  const int64_t uptime = lifecycle.UptimeSeconds();
  lines.Section("Server");
  lines.Text("redis_version", kRedisVersion);
  lines.Text("redis_git_sha1", "00000000");
  lines.Text("redis_git_dirty", "0");
  lines.Text("redis_build_id", "0");
  lines.Text("redis_mode", config.cluster_enabled ? "cluster" : "standalone");
  lines.Text("os", OperatingSystem());
  lines.Number("arch_bits", sizeof(void*) * 8);
  lines.Text("monotonic_clock", "POSIX clock_gettime");
  lines.Text("multiplexing_api", "epoll");
  lines.Text("atomicvar_api", "c11-builtin");
  lines.Format("gcc_version", "%d.%d.%d", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
  lines.Number("process_id", getpid());
  lines.Text("process_supervised", services.lifecycle.supervisor());
  lines.Text("run_id", lifecycle.identity().run_id);
  lines.Number("tcp_port", config.port);
  lines.Number("server_time_usec", wall_micros);
  lines.Number("uptime_in_seconds", uptime);
  lines.Number("uptime_in_days", uptime / (24 * 3600));
  lines.Number("hz", services.stats.current_hz);
  lines.Number("configured_hz", config.hz);
  lines.Number("lru_clock", wall_micros / 1'000'000 & 0xffffff);
  lines.Text("executable", lifecycle.identity().executable);
  lines.Text("config_file", services.registry.file());
  lines.Text("io_threads_active", "0");
  if (lifecycle.shutdown_waits()) {
    const int64_t left = lifecycle.shutdown_deadline_micros() - services.clock.MonotonicMicros();
    lines.Number("shutdown_in_milliseconds", std::max<int64_t>(left, 0) / 1000);
  }
  lines.Text("keyway_version", kKeywayVersion);
}

void Clients(Services& services, Lines& lines) {
  size_t blocked = 0;
  size_t replicas = 0;
  services.clients.ForEach([&](Client& client) {
    blocked += client.blocked() ? 1 : 0;
    replicas += client.type() == ClientType::kReplica ? 1 : 0;
  });
  lines.Section("Clients");
  lines.Unsigned("connected_clients", services.clients.count() - replicas);
  lines.Number("cluster_connections",
               services.cluster != nullptr ? services.cluster->Summary().links : 0);
  lines.Number("maxclients", services.config.maxclients);
  lines.Unsigned("client_recent_max_input_buffer", services.stats.recent_max_input.value());
  lines.Unsigned("client_recent_max_output_buffer", services.stats.recent_max_output.value());
  lines.Unsigned("blocked_clients", blocked);
  lines.Unsigned("tracking_clients", services.tracking->tracking_clients());
  lines.Unsigned("clients_in_timeout_table", services.blocking->timeouts());
}

void Persistence(Services& services, Lines& lines) {
  const PersistenceStatus& status = services.persistence->status();
  const int64_t now = services.clock.WallMicros() / 1'000'000;
  // Redis has it on from the start.
  const bool aof_on = status.aof_on || (status.loading && services.config.appendonly);
  lines.Section("Persistence");
  lines.Number("loading", status.loading ? 1 : 0);
  lines.Number("async_loading", status.async_loading ? 1 : 0);
  lines.Unsigned("current_cow_peak", status.child_cow_peak);
  lines.Unsigned("current_cow_size", status.child_cow_size);
  const int64_t measured = status.child_cow_measured_micros;
  lines.Number("current_cow_size_age",
               measured == 0 ? 0 : (services.clock.MonotonicMicros() - measured) / 1'000'000);
  lines.Format("current_fork_perc", "%.2f",
               status.child_keys_total == 0
                   ? 0
                   : Percent(status.child_keys_processed, status.child_keys_total));
  lines.Unsigned("current_save_keys_processed", status.child_keys_processed);
  lines.Unsigned("current_save_keys_total", status.child_keys_total);
  lines.Unsigned("rdb_changes_since_last_save",
                 services.keyspace.changes() - status.changes_at_last_save);
  lines.Number("rdb_bgsave_in_progress", status.bgsave_started_seconds < 0 ? 0 : 1);
  lines.Number("rdb_last_save_time", status.last_save_seconds);
  lines.Text("rdb_last_bgsave_status", OkOrErr(status.last_bgsave_ok));
  lines.Number("rdb_last_bgsave_time_sec", status.last_bgsave_took_seconds);
  lines.Number("rdb_current_bgsave_time_sec", SecondsSince(status.bgsave_started_seconds, now));
  lines.Unsigned("rdb_saves", status.saves);
  lines.Unsigned("rdb_last_cow_size", status.last_bgsave_cow_bytes);
  lines.Unsigned("rdb_last_load_keys_expired", status.last_load_keys_expired);
  lines.Unsigned("rdb_last_load_keys_loaded", status.last_load_keys_loaded);
  lines.Number("aof_enabled", aof_on ? 1 : 0);
  lines.Number("aof_rewrite_in_progress", status.aof_rewrite_started_seconds < 0 ? 0 : 1);
  lines.Number("aof_rewrite_scheduled", status.aof_rewrite_scheduled ? 1 : 0);
  lines.Number("aof_last_rewrite_time_sec", status.aof_last_rewrite_took_seconds);
  lines.Number("aof_current_rewrite_time_sec",
               SecondsSince(status.aof_rewrite_started_seconds, now));
  lines.Text("aof_last_bgrewrite_status", OkOrErr(status.aof_last_rewrite_ok));
  lines.Unsigned("aof_rewrites", status.aof_rewrites);
  lines.Unsigned("aof_rewrites_consecutive_failures", status.aof_rewrites_failed_in_a_row);
  lines.Text("aof_last_write_status", OkOrErr(status.aof_last_write_ok));
  lines.Unsigned("aof_last_cow_size", status.aof_last_cow_bytes);
  lines.Zeros({"module_fork_in_progress", "module_fork_last_cow_size"});
  if (aof_on) AppendOnlyFile(status, lines);
  if (status.loading) Loading(status, now, lines);
}

void Stats(Services& services, Lines& lines) {
  const ServerStats& stats = services.stats;
  const ServerStats::Counters& counters = stats.counters;
  const keyspace::KeyspaceStats& keys = services.keyspace.stats();
  lines.Section("Stats");
  lines.Unsigned("total_connections_received", counters.connections_received);
  lines.Unsigned("total_commands_processed", counters.commands_processed);
  lines.Unsigned("instantaneous_ops_per_sec", stats.operations.PerSecond());
  lines.Unsigned("total_net_input_bytes",
                 services.clients.InputBytes() - counters.input_bytes_before_reset);
  lines.Unsigned("total_net_output_bytes",
                 services.clients.OutputBytes() - counters.output_bytes_before_reset);
  lines.Unsigned("total_net_repl_input_bytes", services.clients.ReplicationInputBytes() -
                                                   counters.repl_input_bytes_before_reset);
  lines.Unsigned("total_net_repl_output_bytes", services.clients.ReplicationOutputBytes() -
                                                    counters.repl_output_bytes_before_reset);
  lines.Format("instantaneous_input_kbps", "%.2f",
               static_cast<double>(stats.input_bytes.PerSecond()) / 1024);
  lines.Format("instantaneous_output_kbps", "%.2f",
               static_cast<double>(stats.output_bytes.PerSecond()) / 1024);
  lines.Format("instantaneous_input_repl_kbps", "%.2f",
               static_cast<double>(stats.repl_input_bytes.PerSecond()) / 1024);
  lines.Format("instantaneous_output_repl_kbps", "%.2f",
               static_cast<double>(stats.repl_output_bytes.PerSecond()) / 1024);
  lines.Unsigned("rejected_connections", counters.connections_rejected);
  lines.Unsigned("sync_full", counters.sync_full);
  lines.Unsigned("sync_partial_ok", counters.sync_partial_ok);
  lines.Unsigned("sync_partial_err", counters.sync_partial_err);
  lines.Unsigned("expired_keys", keys.expired_keys);
  lines.Format("expired_stale_perc", "%.2f", keys.expired_stale_percent);
  lines.Unsigned("expired_time_cap_reached_count", keys.expired_time_cap_reached);
  lines.Number("expire_cycle_cpu_milliseconds", keys.expire_cycle_cpu_micros / 1000);
  lines.Unsigned("evicted_keys", keys.evicted_keys);
  lines.Unsigned("evicted_clients", services.client_eviction->evicted_clients());
  lines.Number("total_eviction_exceeded_time", services.eviction->total_exceeded_micros() / 1000);
  lines.Number("current_eviction_exceeded_time",
               services.eviction->current_exceeded_micros() / 1000);
  lines.Unsigned("keyspace_hits", keys.hits);
  lines.Unsigned("keyspace_misses", keys.misses);
  lines.Unsigned("pubsub_channels", services.pubsub->count(pubsub::Kind::kChannel));
  lines.Unsigned("pubsub_patterns", services.pubsub->count(pubsub::Kind::kPattern));
  lines.Unsigned("pubsubshard_channels", services.pubsub->count(pubsub::Kind::kShardChannel));
  lines.Number("latest_fork_usec", services.persistence->status().latest_fork_micros);
  lines.Unsigned("total_forks", services.persistence->status().total_forks);
  lines.Unsigned("migrate_cached_sockets", services.peers != nullptr ? services.peers->size() : 0);
  lines.Unsigned("slave_expires_tracked_keys",
                 services.replica_expiries != nullptr ? services.replica_expiries->size() : 0);
  lines.Zeros({"active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits", "active_defrag_key_misses", "total_active_defrag_time",
               "current_active_defrag_time"});
  lines.Unsigned("tracking_total_keys", services.tracking->keys());
  lines.Unsigned("tracking_total_items", services.tracking->items());
  lines.Unsigned("tracking_total_prefixes", services.tracking->prefixes());
  lines.Unsigned("unexpected_error_replies", counters.unexpected_error_replies);
  lines.Unsigned("total_error_replies", counters.error_replies);
  lines.Zeros({"dump_payload_sanitizations"});
  lines.Unsigned("total_reads_processed", counters.reads_processed);
  lines.Unsigned("total_writes_processed", services.loop.writes() - counters.writes_before_reset);
  lines.Zeros({"io_threaded_reads_processed", "io_threaded_writes_processed",
               "reply_buffer_shrinks", "reply_buffer_expands"});
}

void Cpu(Services&, Lines& lines) {
  lines.Section("CPU");
  CpuOf(lines, RUSAGE_SELF, "");
  CpuOf(lines, RUSAGE_CHILDREN, "_children");
  CpuOf(lines, RUSAGE_THREAD, "_main_thread");
}

void Modules(Services&, Lines& lines) {
  lines.Section("Modules");
}

void Commandstats(Services& services, Lines& lines) {
  lines.Section("Commandstats");
  ForEachUsedCommand(services.stats, [&lines](const std::string& name, const CommandStats& stats) {
    const double each =
        stats.calls == 0 ? 0 : static_cast<double>(stats.micros) / static_cast<double>(stats.calls);
    lines.Format("cmdstat_" + name,
                 "calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu",
                 static_cast<unsigned long long>(stats.calls),
                 static_cast<unsigned long long>(stats.micros), each,
                 static_cast<unsigned long long>(stats.rejected),
                 static_cast<unsigned long long>(stats.failed));
  });
}

void Errorstats(Services& services, Lines& lines) {
  lines.Section("Errorstats");
  for (const auto& [code, count] : services.stats.errors()) {
    lines.Text("errorstat_" + code, "count=" + std::to_string(count));
  }
}

void Latencystats(Services& services, Lines& lines) {
  lines.Section("Latencystats");
  if (!services.config.latency_tracking) return;
  const auto& percentiles = services.config.latency_tracking_info_percentiles;
  ForEachUsedCommand(services.stats, [&](const std::string& name, const CommandStats& stats) {
    if (stats.latency == nullptr) return;
    std::string values;
    for (const double percentile : percentiles) {
      char value[64];
      std::snprintf(value, sizeof(value), "=%.3f",
                    static_cast<double>(stats.latency->AtPercentile(percentile)) / 1000);
      if (!values.empty()) values += ',';
      values += PercentileName(percentile) + value;
    }
    lines.Text("latency_percentiles_usec_" + name, values);
  });
}

void Cluster(Services& services, Lines& lines) {
  lines.Section("Cluster");
  lines.Number("cluster_enabled", services.config.cluster_enabled ? 1 : 0);
}

void KeyspaceTotals(Services& services, Lines& lines) {
  lines.Section("Keyspace");
  for (int index = 0; index < services.keyspace.database_count(); ++index) {
    const keyspace::Database& database = services.keyspace.database(index);
    if (database.size() == 0) continue;
    lines.Format("db" + std::to_string(index), "keys=%llu,expires=%llu,avg_ttl=%lld",
                 static_cast<unsigned long long>(database.size()),
                 static_cast<unsigned long long>(database.expires()),
                 static_cast<long long>(database.average_ttl_ms()));
  }
}

}  // namespace keyway::shard::info
