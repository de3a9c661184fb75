// Metrics of replication: redis_exporter's, for both roles.
#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "shard/config/shard_config.h"
#include "shard/server/client_registry.h"
#include "shard/server/metrics_definitions.h"
#include "shard/server/replica_expiries.h"
#include "shard/server/replication.h"
#include "shard/server/stats.h"

namespace keyway::shard {
namespace {

using Samples = metrics::Registry::Samples;

// One value for each replica; who announces what another does is shown once.
template <typename Read>
void ForEachReplica(const Replication& replication, Samples& samples, Read read) {
  std::set<std::tuple<std::string, uint16_t, std::string>> seen;
  for (const ReplicaStatus& replica : replication.replicas()) {
    if (!seen.emplace(replica.ip, replica.port, replica.state).second) continue;
    samples.Add({{"slave_ip", replica.ip},
                 {"slave_port", std::to_string(replica.port)},
                 {"slave_state", replica.state}},
                static_cast<double>(read(replica)));
  }
}

}  // namespace

// Of a replica alone: the labels say whom it follows.
template <typename Read>
void ShardMetrics::GaugeOfReplica(const char* name, const char* help, Read read) {
  registry_.GaugesFrom(name, help, [this, read](Samples& samples) {
    const Replication& replication = *services_.replication;
    if (!replication.is_replica()) return;
    const PrimaryStatus& primary = replication.primary();
    samples.Add(
        {{"master_host", primary.host}, {"master_port", std::to_string(primary.port)}},
        static_cast<double>(read(replication)));
  });
}

void ShardMetrics::DefineReplication() {
  Services& s = services_;
  const Replication& r = *s.replication;
  const ServerStats::Counters& counters = s.stats.counters;

  // As a primary.
  Gauge("redis_connected_slaves", "Replicas connected", [&r] { return r.replica_count(); });
  Gauge("keyway_good_replicas", "Replicas that count for min-replicas-to-write",
        [&r] { return r.good_replicas(); });
  registry_.GaugesFrom("redis_connected_slave_offset_bytes", "Offset that a replica has acknowledged",
                       [&r](Samples& samples) {
                         ForEachReplica(r, samples, [](const ReplicaStatus& replica) {
                           return replica.acknowledged;
                         });
                       });
  registry_.GaugesFrom("redis_connected_slave_lag_seconds",
                       "Time since a replica has acknowledged anything",
                       [&r](Samples& samples) {
                         ForEachReplica(r, samples, [](const ReplicaStatus& replica) {
                           return replica.online ? replica.lag_seconds : 0;
                         });
                       });
  // Gauges, as the exporter's names of these counters do not end in _total.
  Gauge("redis_replica_resyncs_full", "Full syncs with replicas",
        [&counters] { return counters.sync_full; });
  Gauge("redis_replica_partial_resync_accepted", "Partial syncs with replicas",
        [&counters] { return counters.sync_partial_ok; });
  Gauge("redis_replica_partial_resync_denied", "Partial syncs that were not possible",
        [&counters] { return counters.sync_partial_err; });
  Counter("keyway_replication_output_bytes_total", "Bytes sent to replicas", [&s, &counters] {
    return s.clients.ReplicationOutputBytes() - counters.repl_output_bytes_before_reset;
  });

  // The stream.
  Gauge("redis_master_repl_offset", "Offset of the replication stream", [&r] { return r.offset(); });
  Gauge("redis_second_repl_offset", "Up to where the second replication id holds; -1: there is none",
        [&r] { return r.second_offset(); });
  Gauge("redis_repl_backlog_is_active", "Whether there is a backlog",
        [&r] { return r.backlog().active; });
  Gauge("redis_replication_backlog_bytes", "repl-backlog-size",
        [&s] { return s.config.repl_backlog_size; });
  Gauge("redis_repl_backlog_first_byte_offset", "Offset of the first byte in the backlog", [&r] {
    const auto backlog = r.backlog();
    return backlog.active ? backlog.first_offset : 0;
  });
  Gauge("redis_repl_backlog_history_bytes", "Bytes in the backlog",
        [&r] { return r.backlog().bytes; });

  // As a replica.
  GaugeOfReplica("redis_master_link_up", "Whether the link to the primary is up",
                 [](const Replication& replication) { return replication.link_up(); });
  GaugeOfReplica("redis_master_last_io_seconds_ago",
                 "Time since anything has come from the primary; -1: the link is down",
                 [&s](const Replication& replication) -> double {
                   if (!replication.link_up()) return -1;
                   const int64_t micros =
                       s.clock.MonotonicMicros() - replication.primary().last_io_micros;
                   return static_cast<double>(std::max<int64_t>(micros, 0) / 1'000'000);
                 });
  GaugeOfReplica("redis_master_sync_in_progress", "Whether a full sync is under way",
                 [](const Replication& replication) {
                   return replication.primary().state == PrimaryLinkState::kTransfer;
                 });
  GaugeOfReplica("redis_slave_repl_offset", "How much of the primary's stream has been executed",
                 [](const Replication& replication) { return replication.offset(); });
  GaugeOfReplica("redis_slave_repl_read_offset", "How much of the primary's stream has been read",
                 [](const Replication& replication) { return replication.primary().read_offset; });
  GaugeOfReplica("redis_slave_priority", "replica-priority",
                 [&s](const Replication&) { return s.config.replica_priority; });
  registry_.GaugesFrom("redis_slave_info", "Whom the replica follows", [&s, &r](Samples& samples) {
    if (!r.is_replica()) return;
    samples.Add({{"master_host", r.primary().host},
                 {"master_port", std::to_string(r.primary().port)},
                 {"read_only", s.config.replica_read_only ? "1" : "0"}},
                1);
  });
  Gauge("redis_slave_expires_tracked_keys", "Keys that a writable replica expires by itself",
        [&s] { return s.replica_expiries->size(); });
  Counter("keyway_replication_input_bytes_total", "Bytes received from primaries",
          [&s, &counters] {
            return s.clients.ReplicationInputBytes() - counters.repl_input_bytes_before_reset;
          });
  Counter("keyway_unexpected_error_replies_total", "Errors in executing a primary's commands",
          [&counters] { return counters.unexpected_error_replies; });
}

}  // namespace keyway::shard
