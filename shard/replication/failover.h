// FAILOVER: this primary hands its role to one of its replicas without losing a write: clients that
// write are paused, the replica is waited for, then told to take over (PSYNC ... FAILOVER), and this
// server becomes its replica. Source: redis-server 7.0.15, "FAILOVER".
#pragma once

#include <memory>

#include "common/base/expected.h"
#include "shard/server/command_context.h"
#include "shard/server/replication.h"

namespace keyway::shard::replication {

class PrimaryLink;
class Replicas;

class Failover {
 public:
  // All outlive the object. `replication`: whose roles are changed.
  Failover(Services& services, Replication& replication, Replicas& replicas, PrimaryLink& link);
  ~Failover();

  Replication::FailoverState state() const;
  Status Start(const Replication::FailoverOptions& options);
  Status Abort();

  // At the end of every pass: goes on as soon as a replica has everything, or the time is over, and
  // ends when the new primary has taken over.
  void Check();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keyway::shard::replication
