#include "shard/cluster/gossip/roles.h"

#include <glog/logging.h>

#include "common/slot/slot.h"

namespace keyway::shard::cluster::gossip {

void Roles::Replicate(Node& primary) {
  Node& me = table_.myself();
  CHECK(&primary != &me);
  CHECK_EQ(me.slot_count, 0);
  table_.CloseAllMigrations();
  table_.MakeReplica(me, &primary);
  host_.data().Replicate(primary.ip, primary.port);
  pending_.SaveAndUpdateState();
}

void Roles::TakeOver(uint64_t config_epoch) {
  Node& me = table_.myself();
  Node* const old = me.primary;
  if (!me.is_replica() || old == nullptr) return;
  table_.MakePrimary(me);
  me.config_epoch = config_epoch;
  const SlotSet slots = old->slots;
  for (size_t slot = slots._Find_first(); slot < kSlotCount; slot = slots._Find_next(slot)) {
    table_.RemoveSlot(static_cast<int>(slot));
    table_.AddSlot(me, static_cast<int>(slot));
  }
  host_.data().BecomePrimary();
  pending_.SaveAndUpdateState();
  messenger_.BroadcastPong();
}

void Roles::BecomePrimary() {
  if (!table_.MakePrimary(table_.myself())) return;
  host_.data().BecomePrimary();
  pending_.SaveAndUpdateState();
}

}  // namespace keyway::shard::cluster::gossip
