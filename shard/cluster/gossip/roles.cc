#include "shard/cluster/gossip/roles.h"

#include <glog/logging.h>

#include "common/slot/slot.h"

namespace keyway::shard::cluster::gossip {

void Roles::Replicate(Node& primary) {
  Node& me = table_.myself();
  CHECK(&primary != &me);
  // A primary that still owns slots must not come here; a replica may have been given some.
  CHECK(me.slot_count == 0 || me.is_replica());
  table_.RemoveAllSlots(me);
  table_.CloseAllMigrations();
  table_.MakeReplica(me, &primary);
  followed_ip_.clear();
  Follow();
  OnChange();
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
  followed_ip_.clear();
  host_.data().BecomePrimary();
  OnChange();
  messenger_.BroadcastPong();
}

void Roles::BecomePrimary() {
  if (!table_.MakePrimary(table_.myself())) return;
  followed_ip_.clear();
  host_.data().BecomePrimary();
  host_.data().Empty();
  OnChange();
}

void Roles::OnNewData() {
  followed_ip_.clear();
  Follow();
}

void Roles::Follow() {
  const Node& me = table_.myself();
  if (!me.is_replica() || me.primary == nullptr) return;
  const Node& primary = *me.primary;
  if (primary.is(kHandshake | kNoAddr) || primary.ip.empty()) return;
  if (primary.ip == followed_ip_ && primary.port == followed_port_) return;
  followed_ip_ = primary.ip;
  followed_port_ = primary.port;
  host_.data().Replicate(primary.ip, primary.port);
}

void Roles::OnChange() {
  pending_.SaveAndUpdateState();
  if (on_change_) on_change_();
}

}  // namespace keyway::shard::cluster::gossip
