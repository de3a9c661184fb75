// Which node of a shard a read goes to: what topology::ReplicaWatch has found, and what this worker's
// own requests have met since, put together.
//
// Nodes of the proxy's own zone come first within any policy. Among equals a client keeps to one node
// for as long as that stays among them, so that it does not see time go back and forth; clients are
// spread over them. A node that has failed a request counts as unfit until a round of looking that
// began afterwards says otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/net/address.h"
#include "proxy/execution/read_from.h"
#include "proxy/topology/node_table.h"
#include "proxy/topology/slot_map.h"

namespace keyway::proxy::execution {

class NodeChoice {
 public:
  struct Node {
    const net::Endpoint* endpoint;  // of the map
    bool replica;                   // it is to be asked in READONLY mode
  };

  // `table`: nullptr at first, when no replica is fit yet.
  void SetTable(topology::NodeTablePtr table);
  // `node` has failed a request, or has refused it in a way that goes for all requests.
  void MarkUnfit(const net::Endpoint& node);

  // For a read of `shard`, which is one of `map`, by `client`. nullopt: no node that the policy allows
  // is fit, which kReplica alone can say; others then choose the primary.
  std::optional<Node> Choose(const topology::SlotMap& map, const topology::Shard& shard,
                             ReadFrom policy, uint64_t client);

 private:
  // The equals among which clients are spread; empty: there is none.
  struct Choices {
    bool known = false;
    std::vector<Node> nodes;
  };

  Choices FindChoices(const topology::Shard& shard, ReadFrom policy) const;
  // Fit, and not marked; nullptr: it is not.
  const topology::NodeState* FitState(const topology::Node& node) const;
  void Forget();

  topology::NodeTablePtr table_;
  // Until the table of which round.
  std::map<net::Endpoint, uint64_t> marked_;
  // By policy and the place of the shard in the map; made when they are asked for.
  std::array<std::vector<Choices>, kReadFromNames.size()> choices_;
  uint64_t map_version_ = 0;
};

}  // namespace keyway::proxy::execution
