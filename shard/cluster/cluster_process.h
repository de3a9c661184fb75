// A node of the cluster in a process: the gossip engine on a net::EventLoop, its links as TCP
// connections, nodes.conf on the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/expected.h"
#include "common/base/random.h"
#include "common/net/event_loop.h"
#include "shard/cluster/bus/links.h"
#include "shard/cluster/cluster.h"
#include "shard/cluster/gossip/engine.h"
#include "shard/cluster/gossip/host.h"
#include "shard/cluster/nodes_file.h"
#include "shard/cluster/options.h"
#include "shard/cluster/redirects.h"

namespace keyway::shard::cluster {

class ClusterProcess final : public Cluster, private gossip::Host, private bus::LinkEvents {
 public:
  // What Cluster::Start does, without the shard's types. References must outlive the object.
  static Expected<std::unique_ptr<ClusterProcess>> Start(net::EventLoop& loop, const Clock& clock,
                                                         Random& random,
                                                         const ClusterOptions& options,
                                                         gossip::SlotKeys& keys);
  ~ClusterProcess() override;

  bool Admit(const command::Command& command, std::span<const std::string_view> args,
             std::span<const command::KeyPosition> keys, bool asking, bool readonly_client,
             resp::ReplyWriter& reply, int database) override {
    return redirects_.Admit({command, args, keys, asking, readonly_client, database}, reply);
  }
  ClusterSummary Summary() const override;
  const SlotSet& OwnSlots() const override { return engine_.table().myself().slots; }
  const std::string& MyId() const override;
  gossip::Engine& engine() override { return engine_; }
  gossip::SlotKeys& keys() override { return keys_; }
  Status SaveConfig() override;
  void ClaimSlotsWithKeys() override;
  void set_data(gossip::DataNode* data) override {
    data_ = data != nullptr ? data : &no_data_;
    engine_.roles().OnNewData();
  }
  void set_subscribers(Subscribers* subscribers) override { subscribers_ = subscribers; }
  void Publish(std::string_view channel, std::string_view message, bool shard) override {
    engine_.Publish(channel, message, shard);
  }
  void OnConfigChanged() override { SetOptions(options_); }
  void Shutdown() override;

  void SetOptions(const ClusterOptions& options);

 private:
  ClusterProcess(net::EventLoop& loop, const Clock& clock, Random& random,
                 const ClusterOptions& options, gossip::SlotKeys& keys, gossip::NodeTable table,
                 std::unique_ptr<NodesFile> file);

  void WorkIsDue() override;
  void WakeAt(int64_t time_ms) override;
  gossip::DataNode& data() override { return *data_; }
  void OnPublished(std::string_view channel, std::string_view message, bool shard) override {
    if (subscribers_ != nullptr) subscribers_->OnPublished(channel, message, shard);
  }
  void OnSlotsLost(const SlotSet& slots) override {
    if (subscribers_ != nullptr) subscribers_->OnSlotsLost(slots);
  }

  void OnAccepted(gossip::LinkId link) override { engine_.OnAccepted(link); }
  void OnConnected(gossip::LinkId link) override { engine_.OnConnected(link); }
  void OnMessage(gossip::LinkId link, const bus::Message& message) override {
    engine_.OnMessage(link, message);
  }
  void OnDropped(gossip::LinkId link, bus::DropCause cause) override;
  void OnClosed(gossip::LinkId link, std::string_view why) override;

  void OnTimer();
  // Calls `method` at the end of this pass, if this object still lives.
  void AtEndOfPass(void (ClusterProcess::*method)());
  void TickAndFinish();
  void MeetDeadlineAndFinish();
  void SyncConfigIfDue();
  void Finish();

  net::EventLoop& loop_;
  const Clock& clock_;
  gossip::SlotKeys& keys_;
  ClusterOptions options_;
  Subscribers* subscribers_ = nullptr;
  gossip::NoData no_data_;
  gossip::DataNode* data_ = &no_data_;
  std::unique_ptr<NodesFile> file_;
  // What the file on the disk says for sure, of that which must not be forgotten: a vote, an epoch.
  struct Promises {
    uint64_t current_epoch = 0;
    uint64_t last_vote_epoch = 0;
    uint64_t my_epoch = 0;

    bool operator==(const Promises&) const = default;
  };
  std::optional<Promises> synced_;
  int64_t written_ms_ = 0;  // since when the file has something that is not synced; 0: it has not
  bus::Links links_;
  bool finish_scheduled_ = false;
  bool tick_scheduled_ = false;
  bool shut_down_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  gossip::Engine engine_;
  Redirects redirects_;
  net::Timer timer_;
  net::Timer deadline_;
  mutable std::string my_id_;  // the engine's, as a string
};

}  // namespace keyway::shard::cluster
