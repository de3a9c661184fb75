// What this process knows of the listeners to channels that a shard does not: a shard counts one
// for each of our worker threads, however many clients stand behind it.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/net/address.h"

namespace keyway::proxy::execution {

class Audience {
 public:
  // Waits for messages that are on their way.
  class Fence {
   public:
    virtual ~Fence() = default;
    virtual void OnDelivered() = 0;
  };

  virtual ~Audience() = default;

  // From what a node said to PUBLISH (`shard`: SPUBLISH) to the number of clients that were sent the
  // message; and from what it said to PUBSUB NUMSUB (SHARDNUMSUB) to the number of subscribers.
  virtual int64_t Receivers(bool shard, std::string_view channel, int64_t counted) const = 0;
  virtual int64_t Subscribers(bool shard, std::string_view channel, int64_t counted) const = 0;

  // Calls `fence`, not inside, when the messages that `node` has sent until now are with their
  // subscribers. False: nothing is awaited from it. Forget: it is not to be called any more.
  virtual bool Await(const net::Endpoint& node, Fence* fence) = 0;
  virtual void Forget(Fence* fence) = 0;
};

}  // namespace keyway::proxy::execution
