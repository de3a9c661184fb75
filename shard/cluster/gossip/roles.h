// The one place where this node's role changes: it becomes a replica of another node, or a primary,
// alone or in its primary's stead. The node table, the data (DataNode) and the other nodes are told
// together.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/pending_work.h"

namespace keyway::shard::cluster::gossip {

class Roles {
 public:
  // All outlive the object.
  Roles(NodeTable& table, Messenger& messenger, PendingWork& pending, Host& host)
      : table_(table), messenger_(messenger), pending_(pending), host_(host) {}

  // `listener` is called after each change: whatever was under way with another primary is over.
  void set_on_change(std::function<void()> listener) { on_change_ = std::move(listener); }

  // This node, which owns no slots (or is a replica), replicates `primary`, another one, from now
  // on: CLUSTER REPLICATE, the end of a primary that has lost its last slot, a replica's move.
  void Replicate(Node& primary);
  // This replica takes the place of its primary, which it has: a primary with all of its slots,
  // since `config_epoch`. Every node is told at once.
  void TakeOver(uint64_t config_epoch);
  // This replica becomes a primary without slots, and without data: CLUSTER RESET.
  void BecomePrimary();

  // Every Heartbeat::kTickMs: the data follow the primary to where it is, as soon as that is known.
  void Tick() { Follow(); }
  // Host::data() is not what it was: it has to be told whom to follow.
  void OnNewData();

 private:
  void Follow();
  void OnChange();

  NodeTable& table_;
  Messenger& messenger_;
  PendingWork& pending_;
  Host& host_;
  std::function<void()> on_change_;
  // The address that the data follow; empty: none.
  std::string followed_ip_;
  uint16_t followed_port_ = 0;
};

}  // namespace keyway::shard::cluster::gossip
