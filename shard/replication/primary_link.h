// As a replica: the link to the primary. Connects, shakes hands (PING, AUTH, REPLCONF, PSYNC), takes
// the data set of a full sync, then executes the stream, and begins again when any of it breaks, with
// a partial sync if the primary allows it.
//
// Once in sync the connection is a Client of the registry (flag M in CLIENT LIST) whose requests the
// dispatcher executes as the primary's word: see Client::from_primary.
#pragma once

#include <cstdint>
#include <memory>
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

  // Follows that server from now on; nothing else of the old link is left than what a partial sync
  // needs. A primary that becomes a replica offers its own history.
  void Follow(const std::string& host, uint16_t port);
  // Follows nobody. Status says so when this returns; ids are the caller's business.
  void Stop();
  // FAILOVER: the next handshake says PSYNC ... FAILOVER (one attempt after the other until it is
  // taken or Follow or Stop is called).
  void set_failover_handshake(bool on);

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
