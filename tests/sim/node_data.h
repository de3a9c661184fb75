// The data of a simulated node, as its engine sees them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/slot/slot.h"
#include "shard/cluster/gossip/host.h"

namespace keyway::sim {

class NodeData : public shard::cluster::gossip::DataNode, public shard::cluster::gossip::SlotKeys {
 public:
  // The process starts, before it has an engine.
  virtual void OnStart() {}
  // The process is gone; `silent`: its peers cannot know.
  virtual void OnStop(bool /*silent*/) {}
  // Every Heartbeat::kTickMs while the process runs.
  virtual void Tick() {}
};

// Keys by slot and nothing behind them: for tests of who owns what.
class SlotBits final : public NodeData {
 public:
  SlotSet with_keys;
  SlotSet dropped;

  shard::cluster::gossip::ReplicationView replication() const override { return {}; }
  void Replicate(const std::string&, uint16_t) override {}
  void BecomePrimary() override {}
  void Empty() override { with_keys.reset(); }
  void PauseWrites(int64_t) override {}
  void UnpauseWrites() override {}

  size_t KeyCount() const override { return with_keys.count(); }
  size_t CountInSlot(Slot slot) const override { return with_keys.test(slot) ? 1 : 0; }
  void VisitSlot(Slot, size_t, const std::function<void(std::string_view)>&) const override {}
  bool Contains(std::string_view, int) const override { return false; }
  void DropSlot(Slot slot) override {
    with_keys.reset(slot);
    dropped.set(slot);
  }
};

}  // namespace keyway::sim
