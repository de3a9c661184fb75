// What a feature keeps about one client: a transaction, a wait, subscriptions, tracking. A client
// that does not use the feature has none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyway::shard {

// What CLIENT LIST tells about a client's states.
struct ClientDescription {
  bool monitor = false;          // flag O
  bool replica = false;          // S
  bool primary = false;          // M
  bool pubsub = false;           // P
  bool multi = false;            // x
  bool blocked = false;          // b
  bool tracking = false;         // t
  bool tracking_broken = false;  // R: the client to redirect to is gone
  bool tracking_bcast = false;   // B
  bool dirty_cas = false;        // d: a watched key has changed
  size_t channels = 0;           // sub=
  size_t patterns = 0;           // psub=
  size_t shard_channels = 0;     // ssub=
  int64_t queued_commands = -1;  // multi=
  size_t queued_bytes = 0;       // multi-mem=
  int64_t redirect = -1;         // redir=
};

// Destroyed when the client closes (before the client itself is), on RESET, or by its feature. The
// destructor takes the client out of whatever its feature keeps.
class ClientState {
 public:
  ClientState() = default;
  virtual ~ClientState() = default;
  ClientState(const ClientState&) = delete;
  ClientState& operator=(const ClientState&) = delete;

  virtual void Describe(ClientDescription& description) const = 0;
  // Bytes of memory.
  virtual size_t Memory() const = 0;
};

// The link to the primary that this server replicates.
class PrimaryState : public ClientState {
 public:
  // These bytes of the primary's stream are done with: a request that was executed (or queued, in a
  // transaction), or empty lines.
  virtual void OnExecuted(std::string_view bytes) = 0;
  // What comes makes no sense: the client is about to be closed, and its history is worth nothing.
  virtual void OnProtocolError() {}
};

enum class StateKind : uint8_t {
  kTransaction,
  kWait,
  kSubscriptions,
  kTracking,
  kMonitor,
  kReplica,  // it replicates this server, or is about to
  kPrimary,  // PrimaryState
};
inline constexpr size_t kStateKinds = 7;

}  // namespace keyway::shard
