#include "shard/cluster/gossip/epochs.h"

#include "common/log/log.h"

namespace keyway::shard::cluster::gossip {

bool BumpEpoch(NodeTable& table, PendingWork& pending) {
  Node& me = table.myself();
  if (me.config_epoch != 0 && me.config_epoch == table.MaxEpoch()) return false;
  me.config_epoch = table.current_epoch = table.MaxEpoch() + 1;
  pending.Save();
  KEYWAY_WARNING() << "New configEpoch set to " << me.config_epoch;
  return true;
}

}  // namespace keyway::shard::cluster::gossip
