// How a command that finds nothing waits for it: BLPOP and its relatives, XREAD BLOCK, WAIT.
//
// A handler of a command that may wait looks at its keys first. When none has what it wants it calls
// Block instead of writing a reply. When one of the keys has changed, the engine calls the same
// handler again with the same arguments, with context.ready_key set to that key: the handler looks
// at no other key (context.MayServe), and either replies, which ends the wait, or calls Block again,
// which keeps the client's place. Clients that wait for one key are served in the order in which
// they began to wait, as by Redis.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "shard/keyspace/value.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

class Blocking {
 public:
  // The reply when the command may not wait (in MULTI): the last two do not call Block then. When the
  // time is over it is the same, except for kNull: a null array, as by Redis 7.0.
  enum class OnTimeout : uint8_t {
    kNullArray,     // BLPOP, BZPOPMIN, XREAD
    kNull,          // BLMOVE, BRPOPLPUSH
    kAcknowledged,  // WAIT: how many replicas have acknowledged so far
    kShutdown,      // SHUTDOWN: the error of one that has failed
  };
  struct Wait {
    std::span<const std::string_view> keys;  // in any order, of the client's database; WAIT has none
    // A key is looked at again when it holds this type. A stream is so only after kXAdd,
    // kXGroupDestroy and what makes or replaces the key, not after kXSetId or the like.
    keyspace::Type type = keyspace::Type::kList;
    int64_t timeout_ms = 0;  // from now; 0: for ever
    OnTimeout on_timeout = OnTimeout::kNullArray;
    // WAIT: until so many replicas have acknowledged the offset; 0: another command.
    size_t replicas = 0;
    uint64_t replicas_offset = 0;
    // Look again, too, when the key has been deleted or holds another type (XREADGROUP).
    bool even_if_gone = false;
    // When not empty, the handler is called again with these instead of its arguments: XREAD's "$"
    // has become an ID. Copied.
    std::span<const std::string_view> replacement_args = {};
  };

  virtual ~Blocking() = default;
  // Writes the reply of on_timeout at once when context.may_block is false. Else the client waits:
  // nothing may be written to context.reply. With context.ready_key set `wait` is not looked at.
  virtual void Block(CommandContext& context, const Wait& wait) = 0;

  // The call in which `client` began to wait has ended, after so long.
  virtual void BeganToWait(Client& /*client*/, int64_t /*call_micros*/) {}

  // CLIENT UNBLOCK: ends the client's wait with the reply as after its time, or with an error.
  // Returns false, and does nothing, when the client does not wait in this way.
  enum class UnblockReply : uint8_t { kTimeout, kError };
  virtual bool Unblock(Client& /*client*/, UnblockReply /*reply*/) { return false; }
  // Replicas have acknowledged: WAITs that have enough end.
  virtual void ServeAcknowledged() {}
  // The server does not end after all: clients that wait for it get an error.
  virtual void EndShutdownWaits() {}
  // The server has begun to follow a primary: all waits end with an error, and the clients' connections
  // with them.
  virtual void UnblockAll() {}
  // How many clients wait with a timeout, for INFO.
  virtual size_t timeouts() const { return 0; }
  // Once a second: in a cluster, clients that wait for keys of slots that are no longer served here
  // are redirected.
  virtual void Cron() {}

  // Whether keys have changed for which clients wait, who are served by ServeReady: after each
  // command of a client, or after the whole of an EXEC.
  bool has_ready() const { return has_ready_; }
  virtual void ServeReady() {}

 protected:
  bool has_ready_ = false;
};

}  // namespace keyway::shard
