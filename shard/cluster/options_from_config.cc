#include <algorithm>

#include "shard/cluster/options.h"
#include "shard/config/shard_config.h"

namespace keyway::shard::cluster {
namespace {

constexpr int64_t kBusPortOffset = 10000;

// A century: multiples of it, and times that far away, can still be computed with.
constexpr int64_t kMaxNodeTimeoutMs = int64_t{100} * 365 * 24 * 3600 * 1000;

uint16_t Port(int64_t value) {
  return static_cast<uint16_t>(std::clamp<int64_t>(value, 0, 65535));
}

}  // namespace

ClusterOptions OptionsFromConfig(const ShardConfig& config) {
  ClusterOptions options;
  options.config_file = config.cluster_config_file;
  options.node_timeout_ms = std::min(config.cluster_node_timeout, kMaxNodeTimeoutMs);
  options.port = Port(config.port);
  options.bus_port =
      Port(config.cluster_port != 0 ? config.cluster_port : config.port + kBusPortOffset);
  options.bind = config.bind;
  options.source_ip = config.bind_source_addr;
  options.backlog = static_cast<int>(config.tcp_backlog);
  options.announce_ip = config.cluster_announce_ip;
  options.announce_hostname = config.cluster_announce_hostname;
  options.announce_port = Port(config.cluster_announce_port);
  options.announce_bus_port = Port(config.cluster_announce_bus_port);
  switch (config.cluster_preferred_endpoint_type) {
    case EndpointType::kIp:
      options.preferred_endpoint = PreferredEndpoint::kIp;
      break;
    case EndpointType::kHostname:
      options.preferred_endpoint = PreferredEndpoint::kHostname;
      break;
    case EndpointType::kUnknownEndpoint:
      options.preferred_endpoint = PreferredEndpoint::kUnknown;
      break;
  }
  options.require_full_coverage = config.cluster_require_full_coverage;
  options.allow_reads_when_down = config.cluster_allow_reads_when_down;
  options.allow_pubsubshard_when_down = config.cluster_allow_pubsubshard_when_down;
  options.no_failover = config.cluster_replica_no_failover;
  options.replica_validity_factor = config.cluster_replica_validity_factor;
  options.migration_barrier = config.cluster_migration_barrier;
  options.allow_replica_migration = config.cluster_allow_replica_migration;
  options.ping_replica_period = config.repl_ping_replica_period;
  options.link_sendbuf_limit = config.cluster_link_sendbuf_limit;
  return options;
}

}  // namespace keyway::shard::cluster
