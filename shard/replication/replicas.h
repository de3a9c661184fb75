// As a primary: the replicas that are connected, from PSYNC on. Each is a Client of the registry
// with a state of the kind kReplica; what it is to get is a Backlog::Reader, from which its output is
// filled at the end of every pass, a bounded part at a time.
//
// A full sync (full_sync.h) may serve several replicas at once. A replica may itself be a replica's:
// then all of this works on the stream as it comes from the primary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "shard/persistence/engine/engine.h"
#include "shard/replication/stream.h"
#include "shard/server/command_context.h"
#include "shard/server/replication.h"

namespace keyway::shard::replication {

class Replicas {
 public:
  // All outlive the object. `on_acknowledged`: an acknowledgement has come.
  Replicas(Services& services, ReplicationStream& stream, persistence::Engine& persistence,
           std::function<void()> on_acknowledged);
  ~Replicas();
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;

  // Handlers of REPLCONF (its GETACK, which a primary sends to this server, included) and of PSYNC
  // and SYNC.
  void HandleReplconf(CommandContext& context);
  void HandleSync(CommandContext& context);

  // REPLCONF GETACK has come.
  void set_on_get_acknowledgement(std::function<void()> callback);

  size_t count() const;
  std::vector<ReplicaStatus> Describe() const;
  size_t CountAcknowledged(uint64_t offset) const;
  size_t CountGood() const;
  // REPLCONF GETACK * at the end of the pass.
  void RequestAcknowledgements();

  // The history that they follow is over (this server begins a full sync with another primary, or its
  // id has changed in a way they cannot follow): all are disconnected, and ask again.
  void DisconnectAll();
  // Fills outputs. At the end of every pass.
  void Pump();
  // Ten times a second: pings, timeouts, output limits, delayed full syncs, the backlog's time.
  void Cron();
  void OnConfigChanged();
  // The end of the process: what is in the stream goes into the sockets, as far as they take it.
  void End();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keyway::shard::replication
