#include "shard/cluster/gossip/message_handler.h"

#include <algorithm>
#include <string>

#include "common/log/log.h"
#include "shard/cluster/gossip/wall_time.h"

namespace keyway::shard::cluster::gossip {
namespace {

// What a node may be said to be by gossip; the rest is each node's own knowledge.
constexpr uint16_t kGossipFlags = kPrimary | kReplica | kPfail | kFail | kMigrateTo | kNoFailover;

// Gossip about pongs from a clock that is a little ahead is believed.
constexpr int64_t kMaxClockSkewMs = 500;

}  // namespace

void MessageHandler::OnMessage(LinkId link, const bus::Message& message) {
  const LinkTable::Link* entry = links_.Find(link);
  if (entry == nullptr) return;
  stats_.CountReceived(message.type);
  const bool inbound = entry->inbound;
  Node* peer = inbound ? nullptr : entry->node;
  Arrival arrival{link, inbound, peer, IdentifySender(link, message), message};
  if (arrival.sender != nullptr) LearnEpochs(*arrival.sender, message);

  switch (message.type) {
    case bus::MessageType::kPing:
    case bus::MessageType::kPong:
    case bus::MessageType::kMeet:
      OnHeartbeat(arrival);
      return;
    default:
      break;
  }
  if (arrival.sender == nullptr) {
    stats_.CountDropped(bus::DropCause::kUnknownSender);
    if (message.type == bus::MessageType::kFail) {
      KEYWAY_NOTICE() << "Ignoring FAIL message from unknown node " << message.sender << " about "
                      << std::get<bus::FailBody>(message.body).failed;
    }
    return;
  }
  if (const auto* fail = std::get_if<bus::FailBody>(&message.body)) {
    OnFail(*arrival.sender, *fail);
  } else if (const auto* update = std::get_if<bus::UpdateBody>(&message.body)) {
    OnUpdate(*update);
  } else if (const auto* publish = std::get_if<bus::PublishBody>(&message.body)) {
    host_.OnPublished(publish->channel, publish->message,
                      message.type == bus::MessageType::kPublishShard);
  } else if (message.type == bus::MessageType::kFailoverAuthRequest) {
    voter_.OnRequest(*arrival.sender, message);
  } else if (message.type == bus::MessageType::kFailoverAuthAck) {
    election_.OnVote(*arrival.sender, message);
  } else if (message.type == bus::MessageType::kMfstart) {
    if (arrival.sender->primary == &table_.myself()) manual_.OnRequest(*arrival.sender, link);
  } else {
    stats_.CountDropped(bus::DropCause::kUnusable);
  }
}

Node* MessageHandler::IdentifySender(LinkId link, const bus::Message& message) {
  Node* sender = table_.Find(message.sender);
  if (sender == &table_.myself()) sender = nullptr;
  const LinkTable::Link* entry = links_.Find(link);
  if (entry->inbound) {
    if (entry->node != sender) links_.UnbindInbound(link);
    if (sender != nullptr) links_.BindInbound(link, *sender);
  }
  return sender;
}

void MessageHandler::LearnEpochs(Node& sender, const bus::Message& message) {
  sender.data_received_ms = clock_.MonotonicMillis();
  if (sender.is(kHandshake)) return;
  if (message.current_epoch > table_.current_epoch) {
    table_.current_epoch = message.current_epoch;
    pending_.Save();
  }
  if (message.config_epoch > sender.config_epoch) {
    sender.config_epoch = message.config_epoch;
    pending_.Save();
  }
  sender.offset = message.offset;
  const bool paused = (message.message_flags & bus::kMessagePaused) != 0;
  if (paused && table_.myself().primary == &sender) manual_.OnPrimaryPaused(message.offset);
}

void MessageHandler::OnHeartbeat(Arrival& arrival) {
  const bus::Message& message = arrival.message;
  const auto& body = std::get<bus::GossipBody>(message.body);
  if (message.type != bus::MessageType::kPong) {
    LearnMyAddress(arrival);
    if (arrival.sender == nullptr) {
      if (message.type == bus::MessageType::kMeet) {
        AcceptMeet(arrival);
      } else {
        stats_.CountDropped(bus::DropCause::kUnknownSender);
      }
    }
    messenger_.SendPong(arrival.link);
  }
  if (!arrival.inbound && !CheckPeer(arrival)) return;
  if (arrival.sender == nullptr) return;
  Node& sender = *arrival.sender;

  const auto no_failover = static_cast<uint16_t>(message.flags & kNoFailover);
  sender.flags = static_cast<uint16_t>((sender.flags & ~kNoFailover) | no_failover);
  if (message.type == bus::MessageType::kPing && !sender.is(kHandshake) &&
      UpdateAddress(sender, arrival)) {
    pending_.SaveAndUpdateState();
  }
  if (!arrival.inbound && message.type == bus::MessageType::kPong) OnPong(*arrival.peer);
  UpdateRole(sender, message);
  UpdateSlots(sender, message);
  if (message.config_epoch == sender.config_epoch) claims_.ResolveCollision(sender);
  ReadGossip(body, &sender);
  UpdateHostname(sender, body);
}

void MessageHandler::LearnMyAddress(const Arrival& arrival) {
  Node& me = table_.myself();
  if (!options_.announce_ip.empty()) return;
  if (arrival.message.type != bus::MessageType::kMeet && !me.ip.empty()) return;
  const std::string ip = links_.transport().LocalIp(arrival.link);
  if (ip.empty() || ip == me.ip) return;
  me.ip = ip;
  KEYWAY_WARNING() << "IP address for this node updated to " << ip;
  pending_.Save();
}

std::string MessageHandler::AnnouncedIp(const Arrival& arrival) const {
  return arrival.message.ip.empty() ? links_.transport().PeerIp(arrival.link) : arrival.message.ip;
}

void MessageHandler::AcceptMeet(const Arrival& arrival) {
  const bus::Message& message = arrival.message;
  // Somebody asks on behalf of an operator that this node joins: it answers the address it was
  // asked from, and learns who that is by the handshake.
  const std::string ip = AnnouncedIp(arrival);
  if (ip.empty() || message.sender == table_.myself().id) return;
  size_t handshakes = 0;
  for (const Node* node : table_.nodes()) {
    if (!node->is(kHandshake)) continue;
    ++handshakes;
    if (node->ip == ip && node->port == message.port && node->bus_port == message.bus_port) return;
  }
  if (handshakes >= kMaxHandshakes || table_.full()) {
    KEYWAY_VERBOSE() << "Too many handshakes in progress, ignoring MEET from " << ip;
    return;
  }
  const auto id = NodeId::Parse(random_.Hex(NodeId::kLength));
  Node& node = table_.Add(*id, kHandshake, clock_.MonotonicMillis());
  node.ip = ip;
  node.port = message.port;
  node.plain_port = message.plain_port;
  node.bus_port = message.bus_port;
  pending_.Save();
  ReadGossip(std::get<bus::GossipBody>(message.body), nullptr);
}

bool MessageHandler::CheckPeer(Arrival& arrival) {
  Node& peer = *arrival.peer;
  if (peer.is(kHandshake)) return FinishHandshake(arrival);
  if (peer.id == arrival.message.sender) return true;
  // Another node answers at this address, so this one is somewhere else, or gone.
  KEYWAY_DEBUG() << "PONG contains mismatching sender ID. About node " << peer.id << " added "
                 << clock_.MonotonicMillis() - peer.created_ms << " ms ago, having flags "
                 << peer.flags;
  peer.flags |= kNoAddr;
  peer.ip.clear();
  peer.port = 0;
  peer.plain_port = 0;
  peer.bus_port = 0;
  links_.CloseOutbound(peer);
  pending_.Save();
  return false;
}

bool MessageHandler::FinishHandshake(Arrival& arrival) {
  Node& peer = *arrival.peer;
  const bus::Message& message = arrival.message;
  const bool myself = message.sender == table_.myself().id;
  if (arrival.sender != nullptr || myself) {
    if (!myself) {
      KEYWAY_VERBOSE() << "Handshake: we already know node " << message.sender
                       << ", updating the address if needed.";
      if (UpdateAddress(*arrival.sender, arrival)) pending_.SaveAndUpdateState();
    }
    links_.CloseBoth(peer);
    table_.Remove(peer);
    return false;
  }
  table_.Rename(peer, message.sender);
  KEYWAY_DEBUG() << "Handshake with node " << peer.id << " completed.";
  peer.flags &= static_cast<uint16_t>(~(kHandshake | kMeet | kPrimary | kReplica));
  peer.flags |= (message.flags & kReplica) != 0 ? kReplica : kPrimary;
  links_.transport().Trust(arrival.link);
  pending_.Save();
  if (message.type == bus::MessageType::kPong) OnPong(peer);
  // Redis trusts the sender from its next message on.
  return false;
}

void MessageHandler::OnPong(Node& peer) {
  peer.pong_received_ms = clock_.MonotonicMillis();
  peer.ping_sent_ms = 0;
  failures_.OnAnswer(peer);
}

bool MessageHandler::UpdateAddress(Node& node, const Arrival& arrival) {
  // Over a link that this node opened it knows nothing but the address it used.
  if (arrival.link == node.outbound) return false;
  const bus::Message& message = arrival.message;
  const std::string ip = AnnouncedIp(arrival);
  if (ip.empty()) return false;
  if (node.ip == ip && node.port == message.port && node.plain_port == message.plain_port &&
      node.bus_port == message.bus_port) {
    return false;
  }
  node.ip = ip;
  node.port = message.port;
  node.plain_port = message.plain_port;
  node.bus_port = message.bus_port;
  links_.CloseOutbound(node);
  node.flags &= static_cast<uint16_t>(~kNoAddr);
  KEYWAY_WARNING() << "Address updated for node " << node.id << ", now " << node.ip << ":"
                   << node.port;
  return true;
}

void MessageHandler::UpdateRole(Node& sender, const bus::Message& message) {
  if (message.replica_of.null()) {
    if (table_.MakePrimary(sender)) pending_.SaveAndUpdateState();
    return;
  }
  Node* primary = table_.Find(message.replica_of);
  if (sender.is_primary()) {
    table_.RemoveAllSlots(sender);
    table_.MakeReplica(sender, primary);
    pending_.SaveAndUpdateState();
  } else if (primary != nullptr && sender.primary != primary) {
    table_.MakeReplica(sender, primary);
    pending_.Save();
  }
}

void MessageHandler::UpdateSlots(Node& sender, const bus::Message& message) {
  const Node* owner = NodeTable::PrimaryOf(sender);
  if (owner == nullptr) return;
  if (owner->slots == message.slots && (owner->slots & table_.unclaimed()).none()) return;
  if (sender.is_primary()) claims_.Apply(sender, message.config_epoch, message.slots);
  claims_.CorrectIfStale(sender, message.config_epoch, message.slots);
}

void MessageHandler::UpdateHostname(Node& sender, const bus::GossipBody& body) {
  if (body.unknown_extensions > 0) {
    KEYWAY_DEBUG() << "Node " << sender.id << " sent " << body.unknown_extensions
                   << " unknown extensions";
  }
  if (sender.hostname == body.hostname) return;
  sender.hostname = body.hostname;
  pending_.Save();
}

void MessageHandler::ReadGossip(const bus::GossipBody& body, Node* sender) {
  for (const bus::GossipEntry& entry : body.entries) {
    if (Node* node = table_.Find(entry.id); node != nullptr) {
      ReadGossipAbout(*node, entry, sender);
    } else if (sender != nullptr && !sender->is(kHandshake)) {
      // Only the gossip of known nodes adds nodes: a stranger's could be of another cluster.
      AddFromGossip(entry);
    }
  }
}

void MessageHandler::ReadGossipAbout(Node& node, const bus::GossipEntry& entry, Node* sender) {
  const bool failing = (entry.flags & (kFail | kPfail)) != 0;
  const bool is_me = &node == &table_.myself();
  if (sender != nullptr && sender->is_primary() && !is_me) {
    if (failing) {
      failures_.ReportFailing(node, *sender);
    } else {
      failures_.ReportHealthy(node, *sender);
    }
  }
  // A pong that another node got counts as one to this node, which saves pings.
  if (!failing && node.ping_sent_ms == 0 && failures_.ValidReports(node) == 0) {
    const int64_t now = clock_.MonotonicMillis();
    const int64_t pong = FromWallMillis(clock_, int64_t{entry.pong_received} * 1000);
    if (pong <= now + kMaxClockSkewMs && pong > node.pong_received_ms) {
      node.pong_received_ms = pong;
    }
  }
  // A node that this one cannot reach has perhaps moved.
  const bool moved =
      node.ip != entry.ip || node.port != entry.port || node.bus_port != entry.bus_port;
  if (!is_me && node.is(kFail | kPfail) && (entry.flags & kNoAddr) == 0 && !failing && moved &&
      !entry.ip.empty()) {
    links_.CloseOutbound(node);
    node.ip = entry.ip;
    node.port = entry.port;
    node.plain_port = entry.plain_port;
    node.bus_port = entry.bus_port;
    node.flags &= static_cast<uint16_t>(~kNoAddr);
  }
}

void MessageHandler::AddFromGossip(const bus::GossipEntry& entry) {
  const int64_t now = clock_.MonotonicMillis();
  if ((entry.flags & kNoAddr) != 0 || entry.ip.empty() || table_.full() ||
      blacklist_.Contains(entry.id, now)) {
    return;
  }
  auto flags = static_cast<uint16_t>(entry.flags & kGossipFlags);
  if ((flags & kReplica) != 0) flags &= static_cast<uint16_t>(~kPrimary);
  if ((flags & (kPrimary | kReplica)) == 0) flags |= kPrimary;
  Node& node = table_.Add(entry.id, flags, now);
  node.ip = entry.ip;
  node.port = entry.port;
  node.plain_port = entry.plain_port;
  node.bus_port = entry.bus_port;
  pending_.Save();
}

void MessageHandler::OnFail(Node& sender, const bus::FailBody& body) {
  Node* failed = table_.Find(body.failed);
  if (failed == nullptr || failed->is(kFail | kMyself)) return;
  KEYWAY_NOTICE() << "FAIL message received from " << sender.id << " about " << failed->id;
  failures_.MarkFail(*failed);
}

void MessageHandler::OnUpdate(const bus::UpdateBody& body) {
  Node* owner = table_.Find(body.owner);
  if (owner == nullptr || owner->config_epoch >= body.config_epoch) return;
  if (owner == &table_.myself()) {
    KEYWAY_WARNING() << "Discarding UPDATE message about myself.";
    return;
  }
  if (owner->is_replica()) table_.MakePrimary(*owner);
  owner->config_epoch = body.config_epoch;
  pending_.SaveAndUpdateState();
  claims_.Apply(*owner, body.config_epoch, body.slots);
}

}  // namespace keyway::shard::cluster::gossip
