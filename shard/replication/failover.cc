#include "shard/replication/failover.h"

namespace keyway::shard::replication {

struct Failover::Impl {};

Failover::Failover(Services&, Replication&, Replicas&, PrimaryLink&) {}
Failover::~Failover() = default;

Replication::FailoverState Failover::state() const {
  return Replication::FailoverState::kNone;
}
Status Failover::Start(const Replication::FailoverOptions&) {
  return Error{"ERR FAILOVER requires connected replicas."};
}
Status Failover::Abort() {
  return Error{"ERR No failover in progress."};
}
void Failover::OnAcknowledged() {}
void Failover::OnTakenOver() {}
void Failover::Cron() {}

}  // namespace keyway::shard::replication
