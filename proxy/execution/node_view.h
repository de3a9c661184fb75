// What one node says about the cluster, in the reply of CLUSTER NODES
// (https://redis.io/commands/cluster-nodes). About its own slots it is the authority.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"
#include "common/slot/slot.h"

namespace keyway::proxy::execution {

struct NodeView {
  // Of the node itself.
  uint64_t epoch = 0;                  // its configEpoch; rises when a slot comes back to it
  SlotSet own;                         // that it serves, those included that are on their way
  std::map<Slot, std::string> leaving;  // on their way: to the node with this id
  // Of all.
  std::map<std::string, net::Endpoint> endpoints;  // by id
  std::vector<Slot> lowest;  // the lowest slot of each primary that has some, rising
  // A hash of who serves what at which epoch. As long as no slot changes hands it stays the same, on
  // all nodes.
  uint32_t print = 0;
};

// `reply`: one complete reply, RESP2 or RESP3. `asked`: the node, meant where it does not know its
// own address. nullopt: this is no such reply.
std::optional<NodeView> ParseNodeView(std::string_view reply, const net::Endpoint& asked);

}  // namespace keyway::proxy::execution
