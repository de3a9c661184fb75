// What the protocol needs of the shard that it runs in.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "common/base/expected.h"
#include "common/slot/slot.h"

namespace keyway::shard::cluster::gossip {

// The keys, by slot, over all databases.
class SlotKeys {
 public:
  virtual ~SlotKeys() = default;
  virtual size_t KeyCount() const = 0;
  virtual size_t CountInSlot(Slot slot) const = 0;
  virtual void VisitSlot(Slot slot, size_t limit,
                         const std::function<void(std::string_view)>& visit) const = 0;
  virtual bool Contains(std::string_view key, int database) const = 0;
  // The slot belongs to another node now: its keys here are of no use to anyone.
  virtual void DropSlot(Slot slot) = 0;
};

class Host {
 public:
  virtual ~Host() = default;
  // Work has become due: call Engine::FinishPass at the end of this pass, before anything is sent.
  virtual void WorkIsDue() = 0;
  // Writes nodes.conf, to the disk. Called by FinishPass; again at the next one if it fails.
  virtual Status SaveConfig() = 0;
  // Another node has published a message; `shard`: to a channel of a slot. The views are valid
  // during the call.
  virtual void OnPublished(std::string_view /*channel*/, std::string_view /*message*/,
                           bool /*shard*/) {}
  // Slots that this node has served, as a primary or a replica, are not its own any more. Called by
  // FinishPass.
  virtual void OnSlotsLost(const SlotSet& /*slots*/) {}
};

}  // namespace keyway::shard::cluster::gossip
