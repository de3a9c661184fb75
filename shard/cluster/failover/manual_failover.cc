#include "shard/cluster/failover/manual_failover.h"

namespace keyway::shard::cluster::failover {

ManualFailover::ManualFailover(gossip::NodeTable& table, gossip::Messenger& messenger,
                               gossip::PendingWork& pending, gossip::Roles& roles,
                               gossip::Host& host, const Clock& clock)
    : table_(table),
      messenger_(messenger),
      pending_(pending),
      roles_(roles),
      host_(host),
      clock_(clock) {}

void ManualFailover::Start(Mode) {}
void ManualFailover::Tick() {}
void ManualFailover::OnPrimaryPaused(uint64_t) {}
void ManualFailover::OnRequest(gossip::Node&) {}
bool ManualFailover::pauses_clients() const {
  return false;
}
void ManualFailover::Reset() {}

}  // namespace keyway::shard::cluster::failover
