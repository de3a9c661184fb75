#include "shard/cluster/failover/replica_migration.h"

namespace keyway::shard::cluster::failover {

void ReplicaMigration::Tick() {
  (void)table_;
  (void)roles_;
  (void)options_;
  (void)clock_;
}

}  // namespace keyway::shard::cluster::failover
