#include "shard/cluster/gossip/slot_claims.h"

#include "common/log/log.h"

namespace keyway::shard::cluster::gossip {

void SlotClaims::Apply(Node& claimant, uint64_t config_epoch, const SlotSet& slots) {
  Node& me = table_.myself();
  if (&claimant == &me) {
    KEYWAY_WARNING() << "Discarding UPDATE message about myself.";
    return;
  }
  // Whose slots this node serves.
  Node* const served = NodeTable::PrimaryOf(me);
  bool changed = false;
  size_t taken_from_served = 0;
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
    if (owner != nullptr && owner == served) ++taken_from_served;
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

  const bool may_follow = options_.allow_replica_migration || taken_from_served == slots.count();
  if (taken_from_served > 0 && served->slot_count == 0 && may_follow) {
    KEYWAY_WARNING() << "Configuration change detected. Reconfiguring myself as a replica of "
                     << claimant.id;
    roles_.Replicate(claimant);
    return;
  }
  // The primary of this replica has become a replica itself, and its last slot nobody's. Two that
  // replicate each other are left to the operator.
  Node* const above = me.primary != nullptr ? me.primary->primary : nullptr;
  if (above != nullptr && above != &me) {
    KEYWAY_WARNING() << "I'm a sub-replica! Reconfiguring myself as a replica of grandmaster "
                     << above->id;
    roles_.Replicate(*above);
    return;
  }
  if (lost_with_keys.any()) DropKeys(claimant, lost_with_keys);
}

void SlotClaims::DropKeys(const Node& winner, const SlotSet& slots) {
  for (size_t slot = slots._Find_first(); slot < kSlotCount; slot = slots._Find_next(slot)) {
    keys_.DropSlot(static_cast<Slot>(slot));
  }
  KEYWAY_WARNING() << "Configuration change detected: node " << winner.id << " now owns "
                   << slots.count() << " slots of this node; their keys are deleted.";
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
