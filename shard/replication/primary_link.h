// As a replica: the link to the primary. Connects, shakes hands (PING, AUTH, REPLCONF, PSYNC), takes
// the data set of a full sync, then executes the stream, and begins again when any of it breaks, with
// a partial sync if the primary allows it.
//
// Once in sync the connection is a Client of the registry (flag M in CLIENT LIST) whose requests the
// dispatcher executes as the primary's word: see Client::from_primary.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "shard/persistence/engine/engine.h"
#include "shard/replication/replicas.h"
#include "shard/replication/stream.h"
#include "shard/server/command_context.h"
#include "shard/server/replication.h"

namespace keyway::shard::replication {

class PrimaryLink {
 public:
  // All outlive the object. `status` is written here only.
  PrimaryLink(Services& services, ReplicationStream& stream, Replicas& replicas,
              persistence::Engine& persistence, PrimaryStatus& status);
  ~PrimaryLink();
  PrimaryLink(const PrimaryLink&) = delete;
  PrimaryLink& operator=(const PrimaryLink&) = delete;

  // The data set is loaded, what its file says of replication is known: a replica that starts again
  // goes on from there; a primary takes that history for its own up to there. Before all that follows.
  void OnDatasetLoaded();
  // As Follow, of a server that has followed it before it was started.
  void FollowAtStart(const std::string& host, uint16_t port);
  // Follows that server from now on; nothing else of the old link is left than what a partial sync
  // needs. A primary that becomes a replica offers its own history.
  void Follow(const std::string& host, uint16_t port);
  // Follows nobody. Status says so when this returns; ids are the caller's business.
  void Stop();
  // FAILOVER: the next handshake says PSYNC ... FAILOVER (one attempt after the other until it is
  // taken or Follow or Stop is called). An error in reply to it sets status.failover_refused, which
  // Follow and Stop reset.
  void set_failover_handshake(bool on);

  // That the stream has selected up to where a partial sync would go on; none: there is no link in
  // sync to ask instead, and no history.
  std::optional<int> HistoryDatabase() const;
  // REPLCONF GETACK has come: REPLCONF ACK goes out at once.
  void SendAcknowledgement();
  // Ten times a second: connects, times out, acknowledges once a second.
  void Cron();
  void OnConfigChanged();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keyway::shard::replication
