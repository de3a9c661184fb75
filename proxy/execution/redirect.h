// What an error reply of a shard asks the proxy to do.
// Source: Redis Cluster specification, "Redirection and resharding".
#pragma once

#include <cstdint>
#include <string_view>

#include "common/net/address.h"
#include "common/slot/slot.h"

namespace keyway::proxy::execution {

struct Redirect {
  enum class Kind : uint8_t {
    kNone,   // an answer for the client
    kMoved,  // ask `node`, from now on
    kAsk,    // ask `node` this once, after ASKING
    // The cluster is not able to answer for the moment; for the client too, as yet. TRYAGAIN,
    // CLUSTERDOWN, MASTERDOWN, LOADING: where waiting instead of answering will begin.
    kUnsettled,
  };
  Kind kind = Kind::kNone;
  Slot slot = 0;
  net::Endpoint node;
};

// `reply`: a complete reply whose first byte is '-'. `asked`: the node that gave it, meant when a
// redirect names no host. A MOVED or ASK that is malformed is kNone.
Redirect ReadRedirect(std::string_view reply, const net::Endpoint& asked);

}  // namespace keyway::proxy::execution
