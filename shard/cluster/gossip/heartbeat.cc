#include "shard/cluster/gossip/heartbeat.h"

#include <algorithm>
#include <vector>

#include "common/log/log.h"

namespace keyway::shard::cluster::gossip {
namespace {

constexpr uint64_t kTicksBetweenRandomPings = 10;
constexpr int kRandomPingCandidates = 5;

}  // namespace

void Heartbeat::Tick() {
  const int64_t now = clock_.MonotonicMillis();
  DropStaleHandshakes(now);
  for (Node* node : table_.nodes()) {
    if (node->is(kMyself | kNoAddr)) continue;
    CheckQueues(*node);
    if (node->outbound == kNoLink) links_.Open(*node, now);
  }
  if (ticks_++ % kTicksBetweenRandomPings == 0) PingOldestOfSome();
  for (Node* node : table_.nodes()) {
    if (!node->is(kMyself | kNoAddr | kHandshake)) CheckNode(*node, now);
  }
}

void Heartbeat::DropStaleHandshakes(int64_t now) {
  const int64_t timeout = std::max(options_.node_timeout_ms, kMinHandshakeMs);
  std::vector<Node*> stale;
  for (Node* node : table_.nodes()) {
    if (node->is(kHandshake) && now - node->created_ms > timeout) stale.push_back(node);
  }
  for (Node* node : stale) {
    links_.CloseBoth(*node);
    table_.Remove(*node);
  }
}

bool Heartbeat::OverLimit(LinkId link, const Node& node, const char* direction) {
  if (link == kNoLink) return false;
  const uint64_t limit =
      options_.link_sendbuf_limit != 0 ? options_.link_sendbuf_limit : kMaxQueuedBytes;
  const size_t used = links_.transport().QueueMemory(link);
  if (used <= limit) return false;
  KEYWAY_WARNING() << "Freeing cluster link(" << direction << " node " << node.id
                   << ", used memory: " << used << ") due to exceeding send buffer memory limit.";
  ++stats_.links_over_limit;
  return true;
}

void Heartbeat::CheckQueues(Node& node) {
  if (OverLimit(node.outbound, node, "to")) links_.CloseOutbound(node);
  if (OverLimit(node.inbound, node, "from")) links_.CloseInbound(node);
}

void Heartbeat::PingOldestOfSome() {
  Node* oldest = nullptr;
  for (int i = 0; i < kRandomPingCandidates; ++i) {
    Node& node = table_.RandomNode(random_);
    if (node.outbound == kNoLink || node.ping_sent_ms != 0 || node.is(kMyself | kHandshake)) {
      continue;
    }
    if (oldest == nullptr || node.pong_received_ms < oldest->pong_received_ms) oldest = &node;
  }
  if (oldest != nullptr) messenger_.SendPing(*oldest);
}

void Heartbeat::CheckNode(Node& node, int64_t now) {
  const int64_t timeout = options_.node_timeout_ms;
  if (node.outbound != kNoLink) {
    const LinkTable::Link* link = links_.Find(node.outbound);
    // A connection may be broken in a way that TCP has not noticed: there is time to try another
    // one before the node counts as failing.
    if (link != nullptr && now - link->created_ms > timeout && node.ping_sent_ms != 0 &&
        now - node.ping_sent_ms > timeout / 2 && now - node.data_received_ms > timeout / 2) {
      links_.CloseOutbound(node);
    } else if (node.ping_sent_ms == 0 && now - node.pong_received_ms > timeout / 2) {
      messenger_.SendPing(node);
      return;
    } else if (manual_.pauses_clients_for(node)) {
      // Each ping tells it anew that the clients are paused, and where: one of them gets there.
      messenger_.SendPing(node);
      return;
    }
  }
  if (now >= Deadline(node)) failures_.MarkPfail(node);
}

int64_t Heartbeat::Deadline(const Node& node) const {
  if (node.ping_sent_ms == 0) return INT64_MAX;
  return std::max(node.ping_sent_ms, node.data_received_ms) + options_.node_timeout_ms + 1;
}

int64_t Heartbeat::NextDeadline() const {
  int64_t next = INT64_MAX;
  for (const Node* node : table_.nodes()) {
    if (node->is(kMyself | kNoAddr | kHandshake | kPfail | kFail)) continue;
    next = std::min(next, Deadline(*node));
  }
  return next;
}

void Heartbeat::CheckSilence() {
  const int64_t now = clock_.MonotonicMillis();
  for (Node* node : table_.nodes()) {
    if (!node->is(kMyself | kNoAddr | kHandshake) && now >= Deadline(*node)) {
      failures_.MarkPfail(*node);
    }
  }
}

void Heartbeat::OnDisconnected(Node& node) {
  // The wait for a sign of life begins here, not with the first ping that gets on a new link: a
  // process that is gone is known to have failed after node-timeout, not half as much later.
  if (node.ping_sent_ms == 0 && !node.is(kHandshake)) node.ping_sent_ms = clock_.MonotonicMillis();
}

void Heartbeat::OnConnected(Node& node) {
  // The wait for an answer began with the first ping that was not answered, not with this one.
  const int64_t waiting_since = node.ping_sent_ms;
  if (node.is(kMeet)) {
    messenger_.SendMeet(node);
  } else {
    messenger_.SendPing(node);
  }
  if (waiting_since != 0) node.ping_sent_ms = waiting_since;
  node.flags &= static_cast<uint16_t>(~kMeet);
  KEYWAY_DEBUG() << "Connecting with Node " << node.id << " at " << node.ip << ":" << node.bus_port;
}

}  // namespace keyway::shard::cluster::gossip
