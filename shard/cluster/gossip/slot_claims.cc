#include "shard/cluster/gossip/slot_claims.h"

#include "common/log/log.h"

namespace keyway::shard::cluster::gossip {

void SlotClaims::Apply(Node& claimant, uint64_t config_epoch, const SlotSet& slots) {
  Node& me = table_.myself();
  if (&claimant == &me) {
    KEYWAY_WARNING() << "Discarding UPDATE message about myself.";
    return;
  }
  bool changed = false;
  SlotSet lost_with_keys;
  for (size_t index = slots._Find_first(); index < kSlotCount; index = slots._Find_next(index)) {
    const int slot = static_cast<int>(index);
    Node* owner = table_.Owner(slot);
    if (owner == &claimant) {
      table_.MarkClaimed(slot);
      continue;
    }
    // An importing slot is taken by the operator's word only, which comes with a new epoch.
    if (table_.ImportingFrom(slot) != nullptr) continue;
    if (owner != nullptr && !table_.Unclaimed(slot) && owner->config_epoch >= config_epoch) {
      continue;
    }
    if (owner == &me && keys_.CountInSlot(static_cast<Slot>(slot)) > 0) lost_with_keys.set(index);
    table_.RemoveSlot(slot);
    table_.AddSlot(claimant, slot);
    changed = true;
  }
  // What the claimant owned and does not claim any more stays with it, for there is nobody else to
  // ask, until somebody claims it.
  const SlotSet unclaimed = claimant.slots & ~slots;
  for (size_t slot = unclaimed._Find_first(); slot < kSlotCount;
       slot = unclaimed._Find_next(slot)) {
    table_.MarkUnclaimed(static_cast<int>(slot));
  }
  if (changed) pending_.SaveAndUpdateState();

  for (size_t slot = lost_with_keys._Find_first(); slot < kSlotCount;
       slot = lost_with_keys._Find_next(slot)) {
    keys_.DropSlot(static_cast<Slot>(slot));
  }
  if (lost_with_keys.any()) {
    KEYWAY_WARNING() << "Configuration change detected: node " << claimant.id << " now owns "
                     << lost_with_keys.count() << " slots of this node; their keys are deleted.";
  }
}

void SlotClaims::CorrectIfStale(const Node& sender, uint64_t config_epoch, const SlotSet& slots) {
  for (size_t slot = slots._Find_first(); slot < kSlotCount; slot = slots._Find_next(slot)) {
    const Node* owner = table_.Owner(static_cast<int>(slot));
    if (owner == nullptr || owner == &sender || owner->config_epoch <= config_epoch) continue;
    if (table_.Unclaimed(static_cast<int>(slot))) continue;
    KEYWAY_VERBOSE() << "Node " << sender.id
                     << " has old slots configuration, sending an UPDATE message about "
                     << owner->id;
    messenger_.SendUpdate(sender, *owner);
    return;  // its other stale slots are corrected at its next heartbeat
  }
}

void SlotClaims::ResolveCollision(const Node& sender) {
  Node& me = table_.myself();
  if (sender.config_epoch != me.config_epoch || !sender.is_primary() || !me.is_primary()) return;
  if (sender.id <= me.id) return;
  me.config_epoch = ++table_.current_epoch;
  pending_.Save();
  KEYWAY_VERBOSE() << "WARNING: configEpoch collision with node " << sender.id
                   << ". configEpoch set to " << me.config_epoch;
}

}  // namespace keyway::shard::cluster::gossip
