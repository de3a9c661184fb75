// What one node says of the cluster: CLUSTER NODES, which has every node with its config epoch,
// joined with CLUSTER SHARDS (or SLOTS), which have the addresses that clients are to use. Private
// to proxy/topology.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/base/expected.h"
#include "common/net/address.h"
#include "proxy/topology/slot_map.h"

namespace keyway::proxy::topology {

// One line of CLUSTER NODES.
struct NodeLine {
  Node node;  // `online` is unknown here: not failed
  bool myself = false;
  bool usable_address = false;      // neither "noaddr" nor port 0
  std::string primary_id;           // of a replica, when it has one
  std::vector<SlotRange> slots;     // of a primary
  std::vector<SlotMove> migrating;  // only in the line of the node itself
  std::vector<SlotMove> importing;
};

// Nodes in handshake are left out: their ids are not theirs. `asked`: as for ParseClusterShards.
// Understands what every version since Redis 3.0 writes. Error: the reply is an error or malformed.
Expected<std::vector<NodeLine>> ParseClusterNodes(std::string_view reply,
                                                  const net::Endpoint& asked);

struct Report {
  net::Endpoint asked;
  std::vector<Shard> shards;                 // that own slots
  uint64_t cluster_epoch = 0;                // 0: unknown
  std::unordered_set<std::string> node_ids;  // of all nodes that it knows, itself included
  bool has_epochs = false;                   // false without CLUSTER NODES; then the rest is empty
  std::string reporter;                      // id of the node that was asked
  uint64_t reporter_epoch = 0;               // its config epoch
};

// Of a node that has no CLUSTER NODES.
Report PlainReport(const net::Endpoint& asked, std::vector<Shard> shards);

// `addresses`: what CLUSTER SHARDS or SLOTS of the same node says. A node that is in `lines` only
// keeps the address that it has there.
Report JoinReport(const net::Endpoint& asked, std::vector<NodeLine> lines,
                  const std::vector<Shard>& addresses);

}  // namespace keyway::proxy::topology
