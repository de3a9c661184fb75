// What the protocol needs of the shard that it runs in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
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

// How far the replication of this node's data is.
struct ReplicationView {
  uint64_t offset = 0;  // of the stream; of a replica: what it has applied
  // Of a replica:
  bool link_up = false;  // in sync with its primary
  // Milliseconds since it heard of its primary; while the link is down: since that went down;
  // kNeverInSync: it has no data of its primary's.
  static constexpr int64_t kNeverInSync = INT64_MAX;
  int64_t data_age_ms = kNeverInSync;
};

// The data of this node, whose role the cluster decides.
class DataNode {
 public:
  virtual ~DataNode() = default;
  virtual ReplicationView replication() const = 0;
  // From now on replicates the server at that address; what it has is replaced, or goes on.
  virtual void Replicate(const std::string& ip, uint16_t port) = 0;
  virtual void BecomePrimary() = 0;
  // All keys are dropped.
  virtual void Empty() = 0;
  // Until then (monotonic milliseconds) clients that write wait; a pause that lasts longer stays.
  virtual void PauseWrites(int64_t until_ms) = 0;
  virtual void UnpauseWrites() = 0;
};

// Of a node without any data, as in tests of the protocol.
class NoData final : public DataNode {
 public:
  ReplicationView replication() const override { return {}; }
  void Replicate(const std::string&, uint16_t) override {}
  void BecomePrimary() override {}
  void Empty() override {}
  void PauseWrites(int64_t) override {}
  void UnpauseWrites() override {}
};

class Host {
 public:
  virtual ~Host() = default;
  virtual DataNode& data() = 0;
  // Work has become due: call Engine::FinishPass at the end of this pass, before anything is sent.
  virtual void WorkIsDue() = 0;
  // Call Engine::OnDeadline at that time (monotonic milliseconds), which is before the next Tick;
  // only the last wish counts. Who ignores it is a little late.
  virtual void WakeAt(int64_t /*time_ms*/) {}
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
