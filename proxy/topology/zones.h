// Where nodes stand: the zone (rack, data centre) of each, as flags or the hostnames that the nodes
// announce say.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "proxy/topology/slot_map.h"

namespace keyway::proxy::topology {

struct Zones {
  std::string own;  // the proxy's; empty: no node is preferred
  // By "host:port" or "host", of the address or of the announced hostname; the former counts first.
  std::map<std::string, std::string, std::less<>> of_nodes;
  // Which label of the announced hostname is the zone, from 1: 2 in "redis-1.eu-west-1a.example"; 0:
  // none. `of_nodes` counts first.
  int hostname_label = 0;

  // Empty: unknown. Valid as long as this and `node`.
  std::string_view Of(const Node& node) const;
  bool IsOwn(const Node& node) const { return !own.empty() && Of(node) == own; }
};

// "127.0.0.1:7001=a,10.0.0.7=b,[::1]:7003=a" for Zones::of_nodes. Error: an item without a host or a
// zone.
Expected<std::map<std::string, std::string, std::less<>>> ParseNodeZones(std::string_view text);

}  // namespace keyway::proxy::topology
