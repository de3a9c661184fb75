// REPLCONF: what a server that is about to be a replica says of itself, and what both ends say to each
// other while the stream runs. Source: redis-server 7.0.15.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shard/replication/replica.h"

namespace keyway::shard::replication {

// Whether they are the same in any case of letters.
bool IsWord(std::string_view text, std::string_view word);

struct ReplconfResult {
  enum class Kind : uint8_t {
    kOk,                  // to be answered so
    kError,               // `text`: the reply
    kAcknowledgement,     // `text`: the offset; there is no reply
    kGetAcknowledgement,  // the sender wants one; there is no reply
  };
  Kind kind = Kind::kOk;
  std::string text;
};

// `args`: the request. Options up to the first error, or the first that has no reply, are written to
// `traits`.
ReplconfResult ReadReplconf(std::span<const std::string_view> args, ReplicaTraits* traits);

}  // namespace keyway::shard::replication
