// What the cluster needs to know of the configuration. Read from ShardConfig in one place,
// options_from_config.cc; everything else, tests and simulation included, sees only this.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keyway::shard {
struct ShardConfig;
}

namespace keyway::shard::cluster {

// What redirects and CLUSTER SLOTS name as a node's address.
enum class PreferredEndpoint : uint8_t { kIp, kHostname, kUnknown };

struct ClusterOptions {
  std::string config_file = "nodes.conf";
  int64_t node_timeout_ms = 15000;

  uint16_t port = 0;              // for clients
  uint16_t bus_port = 0;          // to listen on
  std::vector<std::string> bind;  // as the directive: a leading '-' allows failure, '*' is any
  std::string source_ip;          // to connect from; empty: the system's choice
  int backlog = 511;

  std::string announce_ip;  // empty: what peers see
  std::string announce_hostname;
  uint16_t announce_port = 0;      // 0: `port`
  uint16_t announce_bus_port = 0;  // 0: `bus_port`

  PreferredEndpoint preferred_endpoint = PreferredEndpoint::kIp;
  bool require_full_coverage = true;
  bool allow_reads_when_down = false;
  bool allow_pubsubshard_when_down = true;
  bool no_failover = false;         // as a replica
  // A replica whose link to its primary was down for longer than this many node-timeouts (and a
  // ping's interval) is too far behind to take over; 0: it never is.
  int64_t replica_validity_factor = 10;
  // How many replicas a primary keeps before one of them may move to another.
  int64_t migration_barrier = 1;
  // Whether a replica moves to a primary without one, and a primary that has lost its last slot
  // becomes a replica.
  bool allow_replica_migration = true;
  // How often a primary pings its replicas; seconds.
  int64_t ping_replica_period = 10;
  uint64_t link_sendbuf_limit = 0;  // bytes; 0: only the built-in bound

  uint16_t AnnouncedPort() const { return announce_port != 0 ? announce_port : port; }
  uint16_t AnnouncedBusPort() const {
    return announce_bus_port != 0 ? announce_bus_port : bus_port;
  }
};

ClusterOptions OptionsFromConfig(const ShardConfig& config);

}  // namespace keyway::shard::cluster
