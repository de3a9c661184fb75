// What the server around it has to know of replication: whom this server replicates, who replicates
// it, how far they are, and what commands and the cluster ask for. How it is done is in
// shard/replication. Source: redis-server 7.0.15 (PSYNC2);
// https://redis.io/docs/reference/replication.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

// The replica's end of its link, as ROLE names it.
enum class PrimaryLinkState : uint8_t {
  kNone,        // "none"
  kConnect,     // "connect": tries again at the next cron
  kConnecting,  // "connecting"
  kHandshake,   // "handshake"
  kTransfer,    // "sync": a full sync is under way
  kConnected,   // "connected"
};

// As a replica: whom it follows. Written by shard/replication/primary_link.
struct PrimaryStatus {
  std::string host;  // empty: this server is a primary
  uint16_t port = 0;
  PrimaryLinkState state = PrimaryLinkState::kNone;
  int64_t last_io_micros = 0;    // monotonic: when anything came from it; 0: never
  int64_t down_since_micros = 0;  // monotonic: since when the link is down; 0: it is up, or never was
  uint64_t read_offset = 0;      // what has been read of its stream, applied or not
  int64_t sync_total_bytes = -1;  // of the full sync; -1: not known (yet)
  int64_t sync_read_bytes = 0;
  int64_t sync_left_bytes = 0;
  int64_t sync_last_io_micros = 0;
  bool failover_refused = false;  // it has answered PSYNC ... FAILOVER with an error
};

// As a primary: one that follows it. Made by shard/replication/replicas.
struct ReplicaStatus {
  std::string ip;  // announced, or where it connects from
  uint16_t port = 0;
  std::string state;  // "wait_bgsave", "send_bulk", "online"
  bool online = false;
  uint64_t acknowledged = 0;   // offset
  int64_t lag_seconds = 0;     // since it acknowledged last; INFO shows 0 unless it is online
  bool announced = true;       // replica-announced: INFO shows it
};

class Replication {
 public:
  virtual ~Replication() = default;

  // --- The stream.
  // 40 hexadecimal digits each; second_offset is -1 when there is no second id.
  virtual const std::string& id() const = 0;
  virtual const std::string& second_id() const = 0;
  virtual int64_t second_offset() const = 0;
  // Of the last byte of the stream; of a replica: of what it has applied.
  virtual uint64_t offset() const = 0;
  struct BacklogStatus {
    bool active = false;
    uint64_t first_offset = 0;
    uint64_t bytes = 0;   // histlen
    size_t memory = 0;    // allocated
  };
  virtual BacklogStatus backlog() const = 0;
  // DEBUG CHANGE-REPL-ID.
  virtual void ChangeId() = 0;
  // A command for the replicas beside the effects; no SELECT goes before it (DEBUG REPLICATE).
  virtual void Append(std::span<const std::string_view> args) = 0;

  // --- As a replica.
  bool is_replica() const { return !primary_.host.empty(); }
  bool link_up() const { return primary_.state == PrimaryLinkState::kConnected; }
  const PrimaryStatus& primary() const { return primary_; }
  // REPLICAOF, CLUSTER REPLICATE, a failover: from now on follows that server. What it knows of the
  // stream is kept for a partial sync.
  virtual void Replicate(const std::string& host, uint16_t port) = 0;
  // REPLICAOF NO ONE: keeps the data set, and its history as the second id.
  virtual void BecomePrimary() = 0;

  // Called whenever this server has begun to follow a primary, another one than before included, and
  // when it has become a primary: is_replica() and primary() are those from now on.
  void OnRoleChanged(std::function<void()> listener) {
    on_role_changed_.push_back(std::move(listener));
  }

  // --- As a primary.
  virtual size_t replica_count() const = 0;
  virtual std::vector<ReplicaStatus> replicas() const = 0;
  // How many replicas are online and have acknowledged `offset`.
  virtual size_t CountAcknowledged(uint64_t offset) const = 0;
  // Asks all of them for an acknowledgement (REPLCONF GETACK), at the end of the pass.
  virtual void RequestAcknowledgements() = 0;
  // Online replicas that have acknowledged within min-replicas-max-lag seconds.
  size_t good_replicas() const { return good_replicas_; }
  // Called after an acknowledgement has come, never from within a command of another client. WAIT
  // and failovers look then.
  void OnAcknowledged(std::function<void()> listener) {
    on_acknowledged_.push_back(std::move(listener));
  }
  // For the handlers of REPLCONF, PSYNC and SYNC: everything they do, the reply included.
  virtual void HandleReplconf(CommandContext& context) = 0;
  virtual void HandleSync(CommandContext& context) = 0;

  // --- FAILOVER.
  enum class FailoverState : uint8_t {
    kNone,         // "no-failover"
    kWaitForSync,  // "waiting-for-sync"
    kInProgress,   // "failover-in-progress"
  };
  struct FailoverOptions {
    bool any = true;   // no TO
    std::string host;  // TO
    int64_t port = 0;  // any number
    bool force = false;
    int64_t timeout_ms = 0;  // 0: none
  };
  virtual FailoverState failover_state() const = 0;
  // The errors are what the client gets.
  virtual Status StartFailover(const FailoverOptions& options) = 0;
  virtual Status AbortFailover() = 0;

  // CONFIG SET of a repl-* or replica-* directive.
  virtual void OnConfigChanged() = 0;
  // The process ends: connections to replicas get what is written so far, without waiting.
  virtual void End() = 0;

 protected:
  PrimaryStatus primary_;
  size_t good_replicas_ = 0;
  std::vector<std::function<void()>> on_acknowledged_;
  std::vector<std::function<void()>> on_role_changed_;

  void TellRoleChanged() {
    for (const auto& listener : on_role_changed_) listener();
  }
};

}  // namespace keyway::shard
