// Builds and sends this node's messages: the header that says who it is and what it owns, and the
// gossip about others.
// Source: Redis Cluster specification, "Heartbeat packet content" and "Gossip section".
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/cluster/bus/message.h"
#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/link_table.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/stats.h"
#include "shard/cluster/options.h"
#include "shard/cluster/state.h"

namespace keyway::shard::cluster::gossip {

class Messenger {
 public:
  // Each heartbeat tells of a tenth of the nodes, and at least of three: enough for a failure to be
  // reported by a majority within the time for which reports are valid.
  static constexpr size_t kMinGossip = 3;

  Messenger(NodeTable& table, LinkTable& links, const ClusterOptions& options, const State& state,
            BusStats& stats, Host& host, const Clock& clock, Random& random)
      : table_(table),
        links_(links),
        options_(options),
        state_(state),
        stats_(stats),
        host_(host),
        clock_(clock),
        random_(random) {}

  // To `node` over its outbound link, which it must have; starts the wait for its pong.
  void SendPing(Node& node) { SendHeartbeat(node, bus::MessageType::kPing); }
  // A ping that asks a node to take this one into its cluster.
  void SendMeet(Node& node) { SendHeartbeat(node, bus::MessageType::kMeet); }
  // The answer to a ping or meet that came over `link`.
  void SendPong(LinkId link);
  // Tells every node that can be reached that `failed` has failed.
  void BroadcastFail(const Node& failed);
  // Tells every node that can be reached who this node is now.
  void BroadcastPong();
  // Tells the replicas of `primary` that can be reached, this node excepted: how far it is itself,
  // and whom it cannot reach.
  void TellReplicas(const Node& primary);
  // Asks every node that can be reached for its vote in the current epoch; `force`: also those that
  // think that the primary is well.
  void BroadcastFailoverRequest(bool force);
  // This node's vote for `candidate`.
  void SendFailoverAck(const Node& candidate);
  // Asks the primary of this replica to pause its clients.
  void SendMfstart(const Node& primary);
  // A ping over a link that the other node has opened, whose pong nobody waits for.
  void SendPingOver(LinkId link);
  // From now on all headers say that the clients of this primary are paused, or do not.
  void AnnouncePause(bool paused) { paused_ = paused; }
  // To every node that can be reached; `shard`: to those that serve the slots of this one.
  void Publish(std::string_view channel, std::string_view message, bool shard);
  // Tells `to` what `owner` owns, and since which epoch.
  void SendUpdate(const Node& to, const Node& owner);

 private:
  bus::Message Header(bus::MessageType type) const;
  bus::Message Heartbeat(bus::MessageType type);
  void SendHeartbeat(Node& node, bus::MessageType type);
  bool AddGossip(bus::GossipBody& body, Node& node) const;
  void Send(LinkId link, const bus::Message& message);
  void Broadcast(const bus::Message& message);
  void SendPublished(const Node& node, bus::MessageType type, std::string_view bytes);

  NodeTable& table_;
  LinkTable& links_;
  const ClusterOptions& options_;
  const State& state_;
  BusStats& stats_;
  Host& host_;
  const Clock& clock_;
  Random& random_;
  uint64_t gossip_stamp_ = 0;
  bool paused_ = false;
};

}  // namespace keyway::shard::cluster::gossip
