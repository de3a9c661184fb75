// What a message from another node changes. Messages that need a known sender are dropped without.
// Source: Redis Cluster specification, "Nodes handshake", "Heartbeat packet content", "Gossip
// section", "UPDATE messages"; where it is silent, what redis-server 7.0.15 does.
#pragma once

#include <cstdint>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/cluster/bus/message.h"
#include "shard/cluster/failover/election.h"
#include "shard/cluster/failover/manual_failover.h"
#include "shard/cluster/failover/voter.h"
#include "shard/cluster/gossip/blacklist.h"
#include "shard/cluster/gossip/failure_detector.h"
#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/link_table.h"
#include "shard/cluster/gossip/messenger.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/pending_work.h"
#include "shard/cluster/gossip/slot_claims.h"
#include "shard/cluster/gossip/stats.h"
#include "shard/cluster/options.h"

namespace keyway::shard::cluster::gossip {

class MessageHandler {
 public:
  // Handshakes that strangers can make this node try at a time.
  static constexpr size_t kMaxHandshakes = 256;

  MessageHandler(NodeTable& table, LinkTable& links, Messenger& messenger,
                 FailureDetector& failures, SlotClaims& claims, failover::Voter& voter,
                 failover::Election& election, failover::ManualFailover& manual,
                 Blacklist& blacklist, PendingWork& pending, Host& host,
                 const ClusterOptions& options, BusStats& stats, const Clock& clock, Random& random)
      : table_(table),
        links_(links),
        messenger_(messenger),
        failures_(failures),
        claims_(claims),
        voter_(voter),
        election_(election),
        manual_(manual),
        blacklist_(blacklist),
        pending_(pending),
        host_(host),
        options_(options),
        stats_(stats),
        clock_(clock),
        random_(random) {}

  void OnMessage(LinkId link, const bus::Message& message);

 private:
  // One message on its way through the steps below.
  struct Arrival {
    LinkId link;
    bool inbound;
    Node* peer;    // of an outbound link: the node it was opened to
    Node* sender;  // nullptr: not a node this one knows
    const bus::Message& message;
  };

  Node* IdentifySender(LinkId link, const bus::Message& message);
  void LearnEpochs(Node& sender, const bus::Message& message);

  void OnHeartbeat(Arrival& arrival);
  void LearnMyAddress(const Arrival& arrival);
  void AcceptMeet(const Arrival& arrival);
  // False when the link is closed and the message is of no more use.
  bool CheckPeer(Arrival& arrival);
  bool FinishHandshake(Arrival& arrival);
  void OnPong(Node& peer);
  bool UpdateAddress(Node& node, const Arrival& arrival);
  void UpdateRole(Node& sender, const bus::Message& message);
  void UpdateSlots(Node& sender, const bus::Message& message);
  void UpdateHostname(Node& sender, const bus::GossipBody& body);

  void ReadGossip(const bus::GossipBody& body, Node* sender);
  void ReadGossipAbout(Node& node, const bus::GossipEntry& entry, Node* sender);
  void AddFromGossip(const bus::GossipEntry& entry);

  void OnFail(Node& sender, const bus::FailBody& body);
  void OnUpdate(const bus::UpdateBody& body);

  std::string AnnouncedIp(const Arrival& arrival) const;

  NodeTable& table_;
  LinkTable& links_;
  Messenger& messenger_;
  FailureDetector& failures_;
  SlotClaims& claims_;
  failover::Voter& voter_;
  failover::Election& election_;
  failover::ManualFailover& manual_;
  Blacklist& blacklist_;
  PendingWork& pending_;
  Host& host_;
  const ClusterOptions& options_;
  BusStats& stats_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace keyway::shard::cluster::gossip
