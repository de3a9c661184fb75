// A model of a shard's data and their replication (PSYNC2), over the simulated network: what the
// cluster's decisions are worth to a client shows in it.
//
// A key's value is the list of the numbers of the writes to it. Each change goes into a stream that
// replicas follow; its offset counts changes. Connections are TCP's: in order, nothing lost unless
// they break; what is sent into a partition arrives after it is healed, if neither side has given
// up.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/cluster_simulation.h"
#include "tests/sim/keys.h"
#include "tests/sim/node_data.h"

namespace keyway::sim {

using WriteLog = std::vector<uint64_t>;
using Dataset = std::vector<WriteLog>;  // by key; an empty log: the key does not exist

struct ReplicationOptions {
  int64_t timeout_ms = 10'000;      // repl-timeout
  int64_t ping_period_ms = 5'000;   // repl-ping-replica-period
  int64_t max_transfer_ms = 1'000;  // of a full sync
  size_t backlog = 2'000;           // changes
  bool persistent = true;           // a restarted node has its data
};

class ReplicatedData final : public NodeData {
 public:
  // All data of a simulation; a node's index finds them.
  using Group = std::vector<ReplicatedData*>;

  ReplicatedData(ClusterSimulation& simulation, int node, const ReplicationOptions& options,
                 Group& group);
  ~ReplicatedData() override;

  const Dataset& data() const { return data_; }
  bool is_replica() const { return !primary_ip_.empty(); }
  // As a replica: follows its primary, without a gap.
  bool online() const { return upstream_ != nullptr && online_; }
  uint64_t offset() const { return offset_; }
  bool writes_paused() const;
  // As a primary.
  void Append(int key, uint64_t write);
  void Restore(int key, const WriteLog& value);
  void Delete(int key);

  // Of the last BecomePrimary: what replication() said before it.
  const gossip::ReplicationView& view_at_promotion() const { return view_at_promotion_; }
  const std::string& primary_ip_at_promotion() const { return primary_ip_at_promotion_; }

  // DataNode
  gossip::ReplicationView replication() const override;
  void Replicate(const std::string& ip, uint16_t port) override;
  void BecomePrimary() override;
  void Empty() override;
  void PauseWrites(int64_t until_ms) override;
  void UnpauseWrites() override { paused_until_ms_ = 0; }

  // SlotKeys
  size_t KeyCount() const override;
  size_t CountInSlot(Slot slot) const override;
  void VisitSlot(Slot slot, size_t limit,
                 const std::function<void(std::string_view)>& visit) const override;
  bool Contains(std::string_view key, int database) const override;
  void DropSlot(Slot slot) override;

  // NodeData
  void OnStart() override;
  void OnStop(bool silent) override;
  void Tick() override;

 private:
  struct Change {
    enum class Kind { kAppend, kRestore, kDelete, kPing };
    Kind kind;
    int key = 0;
    uint64_t write = 0;
    std::shared_ptr<const WriteLog> value = nullptr;
  };
  struct Snapshot {
    Dataset data;
    std::string id;
    uint64_t offset;
  };
  struct Connection;
  using ConnectionPtr = std::shared_ptr<Connection>;
  enum Side { kReplicaSide, kPrimarySide };

  // --- Transport.
  void Connect();
  void FinishConnect(const ConnectionPtr& connection, int64_t give_up_us);
  // What `side` sends: `action` runs at the other one.
  void Transmit(const ConnectionPtr& connection, Side side, int64_t extra_us,
                std::function<void()> action);
  void Pump(const ConnectionPtr& connection, Side from);
  void Close(const ConnectionPtr& connection, Side side, bool silent = false);
  void TellClosed(const ConnectionPtr& connection, Side side);
  void OnClosed(const ConnectionPtr& connection, Side side);
  bool IsUp(const ConnectionPtr& connection, Side side) const;
  ReplicatedData& At(const ConnectionPtr& connection, Side side) const;

  // --- As a primary.
  void OnHandshake(const ConnectionPtr& connection, const std::string& id, uint64_t offset);
  bool CanContinue(const std::string& id, uint64_t offset) const;
  void Publish(Change change);
  void SendChanges(const ConnectionPtr& connection, std::vector<Change> changes);
  void DropReplicas();

  // --- As a replica.
  void OnContinue(const std::string& id);
  void OnSnapshot(const Snapshot& snapshot);
  void OnChanges(const std::vector<Change>& changes);
  void LoseLink(bool silent = false);

  void Apply(const Change& change);
  void Keep(const Change& change);
  std::string NewId() { return simulation_.random().Hex(40); }
  int64_t now_us() const { return simulation_.now_us(); }

  ClusterSimulation& simulation_;
  const int node_;
  const ReplicationOptions& options_;
  Group& group_;

  Dataset data_ = Dataset(kKeys);
  std::string id_;
  uint64_t offset_ = 0;
  std::string second_id_;
  uint64_t second_offset_ = 0;
  std::deque<Change> backlog_;  // the last one has made the offset what it is
  int64_t paused_until_ms_ = 0;
  int64_t last_ping_us_ = 0;
  std::vector<ConnectionPtr> replicas_;

  std::string primary_ip_;  // empty: a primary
  ConnectionPtr upstream_;
  bool online_ = false;
  int64_t heard_us_ = 0;
  int64_t down_since_us_ = -1;  // -1: never in sync
  int64_t tried_us_ = 0;
  int64_t acknowledged_us_ = 0;
  gossip::ReplicationView view_at_promotion_;
  std::string primary_ip_at_promotion_;
};

}  // namespace keyway::sim
