// The cluster that cluster-aware clients see through the proxy: proxies in place of shards. Every
// proxy serves every slot; the slots are divided evenly among those that are advertised, so that
// such clients spread their load.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "common/net/address.h"
#include "common/slot/slot.h"

namespace keyway::proxy::session {

struct ClusterMember {
  net::Endpoint endpoint;
  std::string id;  // 40 hexadecimal digits, made of the endpoint
  SlotRange slots;
};

struct ClusterView {
  std::vector<ClusterMember> members;
  size_t self = 0;  // which of them the client talks to

  // The member with the given id; nullptr when there is none.
  const ClusterMember* Find(std::string_view id) const;
};

// `advertised`: all proxies, the same list in the same order at each of them; empty: `local` alone.
// `local`: where the client has reached this one. It is the advertised endpoint that equals `local`;
// else the first one with its port; else the first. At most kSlotCount are shown.
ClusterView MakeClusterView(std::span<const net::Endpoint> advertised, const net::Endpoint& local);

// 40 hexadecimal digits that are always the same for an endpoint.
std::string NodeId(const net::Endpoint& endpoint);

}  // namespace keyway::proxy::session
