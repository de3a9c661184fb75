// INFO replication.
#include <algorithm>

#include "shard/config/shard_config.h"
#include "shard/server/info.h"
#include "shard/server/replication.h"

namespace keyway::shard::info {
namespace {

// Of a moment of the monotonic clock; 0: never.
int64_t SecondsSince(const Services& services, int64_t micros) {
  if (micros == 0) return -1;
  return std::max<int64_t>(0, services.clock.MonotonicMicros() - micros) / 1'000'000;
}

void FullSync(const Services& services, const PrimaryStatus& primary, Lines& lines) {
  const int64_t total = primary.sync_total_bytes;
  const double percent = total == 0 ? 0
                                    : static_cast<double>(primary.sync_read_bytes) /
                                          static_cast<double>(total) * 100;
  lines.Number("master_sync_total_bytes", total);
  lines.Number("master_sync_read_bytes", primary.sync_read_bytes);
  lines.Number("master_sync_left_bytes", total - primary.sync_read_bytes);
  lines.Format("master_sync_perc", "%.2f", percent);
  lines.Number("master_sync_last_io_seconds_ago",
               SecondsSince(services, primary.sync_last_io_micros));
}

void AsReplica(const Services& services, const keyway::shard::Replication& replication,
               Lines& lines) {
  const PrimaryStatus& primary = replication.primary();
  const bool up = replication.link_up();
  lines.Text("master_host", primary.host);
  lines.Number("master_port", primary.port);
  lines.Text("master_link_status", up ? "up" : "down");
  lines.Number("master_last_io_seconds_ago",
               up ? SecondsSince(services, primary.last_io_micros) : -1);
  lines.Number("master_sync_in_progress", primary.state == PrimaryLinkState::kTransfer ? 1 : 0);
  lines.Unsigned("slave_read_repl_offset", primary.read_offset);
  // Without a link: where it would go on.
  lines.Unsigned("slave_repl_offset", up ? replication.offset() : primary.read_offset);
  if (primary.state == PrimaryLinkState::kTransfer) FullSync(services, primary, lines);
  if (!up) {
    lines.Number("master_link_down_since_seconds",
                 SecondsSince(services, primary.down_since_micros));
  }
  lines.Number("slave_priority", services.config.replica_priority);
  lines.Number("slave_read_only", services.config.replica_read_only ? 1 : 0);
  lines.Number("replica_announced", services.config.replica_announced ? 1 : 0);
}

const char* NameOf(keyway::shard::Replication::FailoverState state) {
  using State = keyway::shard::Replication::FailoverState;
  if (state == State::kWaitForSync) return "waiting-for-sync";
  return state == State::kInProgress ? "failover-in-progress" : "no-failover";
}

}  // namespace

void Replication(Services& services, Lines& lines) {
  const keyway::shard::Replication& replication = *services.replication;
  const ShardConfig& config = services.config;
  lines.Section("Replication");
  lines.Text("role", replication.is_replica() ? "slave" : "master");
  if (replication.is_replica()) AsReplica(services, replication, lines);
  lines.Unsigned("connected_slaves", replication.replica_count());
  if (config.min_replicas_to_write != 0 && config.min_replicas_max_lag != 0) {
    lines.Unsigned("min_slaves_good_slaves", replication.good_replicas());
  }
  int number = 0;
  for (const ReplicaStatus& replica : replication.replicas()) {
    if (replica.state.empty()) continue;
    lines.Text("slave" + std::to_string(number++),
               "ip=" + replica.ip + ",port=" + std::to_string(replica.port) +
                   ",state=" + replica.state + ",offset=" + std::to_string(replica.acknowledged) +
                   ",lag=" + std::to_string(replica.online ? replica.lag_seconds : 0));
  }
  lines.Text("master_failover_state", NameOf(replication.failover_state()));
  lines.Text("master_replid", replication.id());
  lines.Text("master_replid2", replication.second_id());
  lines.Unsigned("master_repl_offset", replication.offset());
  lines.Number("second_repl_offset", replication.second_offset());
  const auto backlog = replication.backlog();
  lines.Number("repl_backlog_active", backlog.active ? 1 : 0);
  lines.Number("repl_backlog_size", config.repl_backlog_size);
  lines.Unsigned("repl_backlog_first_byte_offset", backlog.active ? backlog.first_offset : 0);
  lines.Unsigned("repl_backlog_histlen", backlog.bytes);
}

}  // namespace keyway::shard::info
