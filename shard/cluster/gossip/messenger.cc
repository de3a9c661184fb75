#include "shard/cluster/gossip/messenger.h"

#include <algorithm>
#include <string>

#include "common/log/log.h"
#include "shard/cluster/gossip/wall_time.h"

namespace keyway::shard::cluster::gossip {

bus::Message Messenger::Header(bus::MessageType type) const {
  const Node& me = table_.myself();
  const Node& owner = me.is_replica() && me.primary != nullptr ? *me.primary : me;
  bus::Message message;
  message.type = type;
  message.port = options_.AnnouncedPort();
  message.bus_port = options_.AnnouncedBusPort();
  message.current_epoch = table_.current_epoch;
  message.config_epoch = owner.config_epoch;
  message.offset = host_.data().replication().offset;
  message.sender = me.id;
  message.slots = owner.slots;
  if (me.is_replica() && me.primary != nullptr) message.replica_of = me.primary->id;
  message.ip = options_.announce_ip;
  message.flags = me.flags;
  message.state_ok = state_.ok();
  if (paused_ && me.is_primary()) message.message_flags = bus::kMessagePaused;
  return message;
}

bool Messenger::AddGossip(bus::GossipBody& body, Node& node) const {
  if (node.gossip_stamp == gossip_stamp_) return false;
  node.gossip_stamp = gossip_stamp_;
  bus::GossipEntry entry;
  entry.id = node.id;
  entry.ping_sent = static_cast<uint32_t>(ToWallMillis(clock_, node.ping_sent_ms) / 1000);
  entry.pong_received = static_cast<uint32_t>(ToWallMillis(clock_, node.pong_received_ms) / 1000);
  entry.ip = node.ip;
  entry.port = node.port;
  entry.bus_port = node.bus_port;
  entry.plain_port = node.plain_port;
  entry.flags = node.flags;
  body.entries.push_back(std::move(entry));
  return true;
}

bus::Message Messenger::Heartbeat(bus::MessageType type) {
  bus::Message message = Header(type);
  bus::GossipBody body;
  body.hostname = options_.announce_hostname;
  ++gossip_stamp_;

  // All but this node and the receiver can be told of.
  size_t candidates = table_.size() > 2 ? table_.size() - 2 : 0;
  const size_t wanted = std::min(std::max(kMinGossip, table_.size() / 10), candidates);
  for (size_t tries = wanted * 3; tries > 0 && candidates > 0 && body.entries.size() < wanted;
       --tries) {
    Node& node = table_.RandomNode(random_);
    if (&node == &table_.myself() || node.is(kPfail)) continue;
    if (node.is(kHandshake | kNoAddr) || (node.outbound == kNoLink && node.slot_count == 0)) {
      --candidates;
      continue;
    }
    if (AddGossip(body, node)) --candidates;
  }
  // Those that this node cannot reach are always told of, so that the others can agree soon.
  for (Node* node : table_.nodes()) {
    if (node->is(kPfail) && !node->is(kHandshake | kNoAddr)) AddGossip(body, *node);
  }
  message.body = std::move(body);
  return message;
}

void Messenger::SendHeartbeat(Node& node, bus::MessageType type) {
  node.ping_sent_ms = clock_.MonotonicMillis();
  Send(node.outbound, Heartbeat(type));
}

void Messenger::SendPong(LinkId link) {
  Send(link, Heartbeat(bus::MessageType::kPong));
}

void Messenger::SendPingOver(LinkId link) {
  Send(link, Heartbeat(bus::MessageType::kPing));
}

void Messenger::BroadcastPong() {
  for (Node* node : table_.nodes()) {
    if (node->outbound == kNoLink || node->is(kMyself | kHandshake)) continue;
    Send(node->outbound, Heartbeat(bus::MessageType::kPong));
  }
}

void Messenger::TellReplicas(const Node& primary) {
  for (Node* node : primary.replicas) {
    if (node->outbound == kNoLink || node->is(kMyself | kHandshake)) continue;
    Send(node->outbound, Heartbeat(bus::MessageType::kPong));
  }
}

void Messenger::BroadcastFail(const Node& failed) {
  bus::Message message = Header(bus::MessageType::kFail);
  message.body = bus::FailBody{failed.id};
  Broadcast(message);
}

void Messenger::BroadcastFailoverRequest(bool force) {
  bus::Message message = Header(bus::MessageType::kFailoverAuthRequest);
  if (force) message.message_flags |= bus::kMessageForceAck;
  Broadcast(message);
}

void Messenger::Broadcast(const bus::Message& message) {
  const std::string bytes = bus::Encode(message);
  for (const Node* node : table_.nodes()) {
    if (node->outbound == kNoLink || node->is(kMyself | kHandshake)) continue;
    links_.transport().Send(node->outbound, bytes);
    stats_.CountSent(message.type);
  }
}

void Messenger::SendFailoverAck(const Node& candidate) {
  if (candidate.outbound == kNoLink) return;
  Send(candidate.outbound, Header(bus::MessageType::kFailoverAuthAck));
}

void Messenger::SendMfstart(const Node& primary) {
  if (primary.outbound == kNoLink) return;
  Send(primary.outbound, Header(bus::MessageType::kMfstart));
}

void Messenger::Publish(std::string_view channel, std::string_view message, bool shard) {
  const Node& me = table_.myself();
  const Node* primary = NodeTable::PrimaryOf(table_.myself());
  const bool to_some = shard ? primary != nullptr && (primary != &me || !me.replicas.empty())
                             : table_.size() > 1;
  if (!to_some) return;
  bus::Message header =
      Header(shard ? bus::MessageType::kPublishShard : bus::MessageType::kPublish);
  header.body = bus::PublishBody{channel, message};
  const std::string bytes = bus::Encode(header);
  if (bytes.size() > bus::kMaxPublishBytes) {
    KEYWAY_VERBOSE() << "A published message of " << message.size()
                     << " bytes is too long for the other nodes of the cluster.";
    return;
  }
  if (shard) {
    SendPublished(*primary, header.type, bytes);
    for (const Node* node : primary->replicas) SendPublished(*node, header.type, bytes);
  } else {
    for (const Node* node : table_.nodes()) SendPublished(*node, header.type, bytes);
  }
}

// A node that takes its messages too slowly loses some of what is published rather than the link.
void Messenger::SendPublished(const Node& node, bus::MessageType type, std::string_view bytes) {
  if (node.outbound == kNoLink || node.is(kMyself | kHandshake)) return;
  if (links_.transport().QueuedBytes(node.outbound) + bytes.size() > bus::kMaxPublishBytes) return;
  links_.transport().Send(node.outbound, bytes);
  stats_.CountSent(type);
}

void Messenger::SendUpdate(const Node& to, const Node& owner) {
  if (to.outbound == kNoLink) return;
  bus::Message message = Header(bus::MessageType::kUpdate);
  message.body = bus::UpdateBody{owner.config_epoch, owner.id, owner.slots & ~table_.unclaimed()};
  Send(to.outbound, message);
}

void Messenger::Send(LinkId link, const bus::Message& message) {
  links_.transport().Send(link, bus::Encode(message));
  stats_.CountSent(message.type);
}

}  // namespace keyway::shard::cluster::gossip
