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
    kTryAgain,  // some of the keys are here, others at another node, while their slot moves
    // The cluster is not able to answer for the moment; for the client too. CLUSTERDOWN, MASTERDOWN,
    // LOADING.
    kUnsettled,
  };
  Kind kind = Kind::kNone;
  Slot slot = 0;
  net::Endpoint node;
};

// `reply`: a complete reply whose first byte is '-'. `asked`: the node that gave it, meant when a
// redirect names no host. A MOVED or ASK that is malformed is kNone.
Redirect ReadRedirect(std::string_view reply, const net::Endpoint& asked);

// Whether `reply` is the error TRYAGAIN: nothing was executed.
inline bool IsTryAgain(std::string_view reply) {
  return reply.starts_with("-TRYAGAIN");
}

}  // namespace keyway::proxy::execution
