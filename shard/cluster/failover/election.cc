#include "shard/cluster/failover/election.h"

namespace keyway::shard::cluster::failover {

Election::Election(gossip::NodeTable& table, gossip::Messenger& messenger,
                   gossip::PendingWork& pending, gossip::Roles& roles, gossip::Host& host,
                   ManualFailover& manual, const ClusterOptions& options, const State& state,
                   const Clock& clock, Random& random)
    : table_(table),
      messenger_(messenger),
      pending_(pending),
      roles_(roles),
      host_(host),
      manual_(manual),
      options_(options),
      state_(state),
      clock_(clock),
      random_(random) {}

void Election::Tick() {}
void Election::OnVote(const gossip::Node&, const bus::Message&) {}
void Election::OnOffset(const gossip::Node&) {}
void Election::Forget() {}

}  // namespace keyway::shard::cluster::failover
