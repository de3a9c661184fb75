#include "shard/server/cluster_data.h"

#include <algorithm>

#include "shard/keyspace/keyspace.h"
#include "shard/server/client_registry.h"
#include "shard/server/persistence.h"
#include "shard/server/replication.h"
#include "shard/server/scripts.h"

namespace keyway::shard {
namespace {

constexpr int64_t kMicrosPerMilli = 1000;

}  // namespace

cluster::gossip::ReplicationView ClusterData::replication() const {
  const Replication& replication = *services_.replication;
  cluster::gossip::ReplicationView view;
  view.offset = replication.offset();
  if (!replication.is_replica()) return view;
  const PrimaryStatus& primary = replication.primary();
  // What is there is about to be replaced.
  if (primary.state == PrimaryLinkState::kTransfer) view.offset = 0;
  view.link_up = replication.link_up();
  const int64_t since = view.link_up ? primary.last_io_micros : primary.down_since_micros;
  // What is half loaded is nobody's data.
  if (since == 0 || services_.persistence->loading()) return view;
  const int64_t age = services_.clock.MonotonicMicros() - since;
  view.data_age_ms = std::max<int64_t>(age, 0) / kMicrosPerMilli;
  return view;
}

void ClusterData::Replicate(const std::string& ip, uint16_t port) {
  services_.replication->Replicate(ip, port);
}

void ClusterData::BecomePrimary() {
  services_.replication->BecomePrimary();
}

void ClusterData::Empty() {
  services_.keyspace.FlushAll(false);
  services_.scripts->ClearLibraries();
  // What the files hold must not come back at the next start.
  Persistence& persistence = *services_.persistence;
  persistence.AfterFlushAll();
  if (persistence.status().aof_on) (void)persistence.RewriteInBackground();
}

void ClusterData::PauseWrites(int64_t until_ms) {
  services_.clients.Pause(PauseMode::kWrite, until_ms * kMicrosPerMilli, PausePurpose::kFailover);
}

void ClusterData::UnpauseWrites() {
  services_.clients.Unpause(PausePurpose::kFailover);
}

}  // namespace keyway::shard
