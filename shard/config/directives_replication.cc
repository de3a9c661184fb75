// Rows: replication.
#include "common/config/section.h"
#include "shard/config/list_values.h"
#include "shard/config/rows.h"

namespace keyway::shard {

using namespace config;  // NOLINT: the flags and kinds of the rows

void AddReplication(Registry& registry, ShardConfig& c) {
  Section rows(registry, "replication");
  rows.Custom({"replicaof", "slaveof"}, Kind::kList,
              MakeReplicaof(c.replicaof_host, c.replicaof_port, c.cluster_enabled), "host port",
              kImmutable | kMultiWord, "The primary to replicate");
  rows.Text("masteruser", c.masteruser, kSensitive,
            "User for authentication to the primary");
  rows.Text("masterauth", c.masterauth, kSensitive,
            "Password for authentication to the primary");
  rows.Bool({"replica-serve-stale-data", "slave-serve-stale-data"}, c.replica_serve_stale_data,
            kNone, "Answer clients while the link to the primary is down");
  rows.Bool({"replica-read-only", "slave-read-only"}, c.replica_read_only, kNone,
            "Refuse writes on a replica");
  rows.Bool({"replica-lazy-flush", "slave-lazy-flush"}, c.replica_lazy_flush, kNone,
            "Empty a replica on a side thread before a full sync");
  rows.Bool({"replica-ignore-maxmemory", "slave-ignore-maxmemory"}, c.replica_ignore_maxmemory,
            kNone, "Leave eviction to the primary");
  rows.Bool("replica-ignore-disk-write-errors", c.replica_ignore_disk_write_errors, kNone,
            "Keep replicating when the disk cannot be written");
  rows.Int32({"replica-priority", "slave-priority"}, c.replica_priority, 0, kNone,
             "Rank of a replica for Sentinel; 0: never promoted");
  rows.Bool("replica-announced", c.replica_announced, kNone, "Show the replica to Sentinel");
  rows.Text({"replica-announce-ip", "slave-announce-ip"}, c.replica_announce_ip, kNone,
            "Address that a replica tells its primary");
  rows.Integer({"replica-announce-port", "slave-announce-port"}, c.replica_announce_port,
               {0, 65535}, kNone, "Port that a replica tells its primary");
  rows.Bool("repl-diskless-sync", c.repl_diskless_sync, kNone,
            "Send a full sync without a file");
  rows.Int32("repl-diskless-sync-delay", c.repl_diskless_sync_delay, 0, kNone,
             "Seconds to wait for further replicas before a diskless sync");
  rows.Int32("repl-diskless-sync-max-replicas", c.repl_diskless_sync_max_replicas, 0, kNone,
             "Replicas that end that wait; 0: none do");
  rows.Enum("repl-diskless-load", c.repl_diskless_load,
            {{"disabled", DisklessLoad::kDisabled},
             {"on-empty-db", DisklessLoad::kOnEmptyDb},
             {"swapdb", DisklessLoad::kSwapDb}},
            kDenyLoading, "Load a full sync without a file");
  rows.Int32({"repl-ping-replica-period", "repl-ping-slave-period"}, c.repl_ping_replica_period, 1,
             kNone, "Seconds between pings to replicas");
  rows.Int32("repl-timeout", c.repl_timeout, 1, kNone,
             "Seconds without data after which a replication link is broken");
  rows.Bool("repl-disable-tcp-nodelay", c.repl_disable_tcp_nodelay, kNone,
            "Collect replication data into fewer packets");
  rows.Memory("repl-backlog-size", c.repl_backlog_size, {1}, kNone,
              "Bytes of recent writes kept for partial syncs");
  rows.Integer("repl-backlog-ttl", c.repl_backlog_ttl, {}, kNone,
               "Seconds that the backlog outlives the last replica; 0: for ever");
  rows.Int32({"min-replicas-to-write", "min-slaves-to-write"}, c.min_replicas_to_write, 0,
             kNone, "Replicas without which writes are refused; 0: off");
  rows.Int32({"min-replicas-max-lag", "min-slaves-max-lag"}, c.min_replicas_max_lag, 0,
             kNone, "Seconds a replica may lag to count for min-replicas-to-write");
  rows.Enum("propagation-error-behavior", c.propagation_error_behavior,
            {{"ignore", PropagationError::kIgnore},
             {"panic", PropagationError::kPanic},
             {"panic-on-replicas", PropagationError::kPanicOnReplicas}},
            kNone, "What follows a command that fails on a replica or from the AOF");
}

}  // namespace keyway::shard
