// Rows: cluster.
#include <cctype>

#include "common/config/section.h"
#include "shard/config/rows.h"

namespace keyway::shard {

using namespace config;  // NOLINT: the flags and kinds of the rows

namespace {

Status CheckHostname(const std::string& name) {
  constexpr size_t kLongest = 255;
  if (name.size() > kLongest) return Error{"Hostnames must be less than 256 characters"};
  for (char c : name) {
    bool fits = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.';
    if (!fits) return Error{"Hostnames may only contain alphanumeric characters, hyphens or dots"};
  }
  return {};
}

}  // namespace

void AddCluster(Registry& registry, ShardConfig& c) {
  Section rows(registry, "cluster");
  rows.Bool("cluster-enabled", c.cluster_enabled, kImmutable, "Be a node of a cluster");
  rows.Text("cluster-config-file", c.cluster_config_file, kImmutable,
            "File with the node's view of the cluster, written by the node itself");
  rows.Integer("cluster-node-timeout", c.cluster_node_timeout, {}, kNone,
               "Milliseconds without an answer after which a node is held to be failing");
  rows.Integer("cluster-port", c.cluster_port, {0, 65535}, kImmutable,
               "Port of the cluster bus; 0: port + 10000");
  rows.Int32("cluster-databases", c.cluster_databases, 1, kImmutable,
             "Number of databases when cluster-enabled is on");
  rows.Text("cluster-announce-ip", c.cluster_announce_ip, kNone, "Address told to other nodes");
  rows.Integer("cluster-announce-port", c.cluster_announce_port, {0, 65535}, kNone,
               "Client port told to other nodes; 0: port");
  rows.Integer("cluster-announce-tls-port", c.cluster_announce_tls_port, {0, 65535}, kNoEffectYet,
               "TLS client port told to other nodes; 0: tls-port");
  rows.Integer("cluster-announce-bus-port", c.cluster_announce_bus_port, {0, 65535}, kNone,
               "Bus port told to other nodes; 0: the one in use");
  rows.Text("cluster-announce-hostname", c.cluster_announce_hostname, kNone,
            "Hostname told to other nodes and to clients", CheckHostname);
  rows.Enum("cluster-preferred-endpoint-type", c.cluster_preferred_endpoint_type,
            {{"ip", EndpointType::kIp},
             {"hostname", EndpointType::kHostname},
             {"unknown-endpoint", EndpointType::kUnknownEndpoint}},
            kNone, "What clients are told to connect to");
  rows.Bool("cluster-require-full-coverage", c.cluster_require_full_coverage, kNone,
            "Serve only while every slot is served by some node");
  rows.Bool("cluster-allow-reads-when-down", c.cluster_allow_reads_when_down, kNone,
            "Serve reads of own slots while the cluster is down");
  rows.Bool("cluster-allow-pubsubshard-when-down", c.cluster_allow_pubsubshard_when_down,
            kNone, "Serve sharded publish and subscribe while the cluster is down");
  rows.Memory("cluster-link-sendbuf-limit", c.cluster_link_sendbuf_limit, kNone,
              "Most unsent bytes of a bus link before it is closed; 0: no limit");
  rows.Int32("cluster-migration-barrier", c.cluster_migration_barrier, 0, kNone,
             "Replicas a primary keeps before one moves to another primary");
  rows.Bool("cluster-allow-replica-migration", c.cluster_allow_replica_migration, kNone,
            "Let replicas move to primaries that have none");
  rows.Int32({"cluster-replica-validity-factor", "cluster-slave-validity-factor"},
             c.cluster_replica_validity_factor, 0, kNone,
             "Node timeouts without its primary after which a replica is too old for failover");
  rows.Bool({"cluster-replica-no-failover", "cluster-slave-no-failover"},
            c.cluster_replica_no_failover, kNone,
            "Never fail over to this replica by itself");
}

}  // namespace keyway::shard
