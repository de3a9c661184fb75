#include "shard/cluster/views.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <vector>

#include "shard/cluster/gossip/wall_time.h"
#include "shard/cluster/redirects.h"
#include "shard/cluster/state.h"

namespace keyway::shard::cluster {

using gossip::Engine;
using gossip::Node;
using gossip::NodeTable;

namespace {

void AppendMessageCounts(std::string& text, const std::array<uint64_t, bus::kMessageTypes>& counts,
                         std::string_view direction) {
  for (size_t type = 0; type < counts.size(); ++type) {
    if (counts[type] == 0) continue;
    text += "cluster_stats_messages_";
    text += bus::TypeName(static_cast<bus::MessageType>(type));
    text += '_';
    text += direction;
    text += ':' + std::to_string(counts[type]) + "\r\n";
  }
  const uint64_t total = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  text += "cluster_stats_messages_";
  text += direction;
  text += ':' + std::to_string(total) + "\r\n";
}

// A replica that never synced has nothing to serve.
bool CanServe(const Engine& engine, const Node& node) {
  return !node.is(gossip::kFail) && (node.is_primary() || engine.OffsetOf(node) != 0);
}

void ReplyEndpoint(const Node& node, const ClusterOptions& options, resp::ReplyWriter& reply) {
  if (options.preferred_endpoint == PreferredEndpoint::kUnknown) {
    reply.Null();
  } else {
    reply.Bulk(PreferredEndpointOf(node, options));
  }
}

// The addresses that are not the preferred one.
void ReplyOtherAddresses(const Node& node, const ClusterOptions& options,
                         resp::ReplyWriter& reply) {
  const bool ip = options.preferred_endpoint != PreferredEndpoint::kIp;
  const bool hostname =
      options.preferred_endpoint != PreferredEndpoint::kHostname && !node.hostname.empty();
  reply.MapHeader((ip ? 1u : 0u) + (hostname ? 1u : 0u));
  if (ip) {
    reply.Bulk("ip");
    reply.Bulk(node.ip);
  }
  if (hostname) {
    reply.Bulk("hostname");
    reply.Bulk(node.hostname);
  }
}

void ReplyNodeOfSlots(const Node& node, const ClusterOptions& options, resp::ReplyWriter& reply) {
  reply.ArrayHeader(4);
  ReplyEndpoint(node, options, reply);
  reply.Integer(node.port);
  reply.Bulk(node.id.view());
  ReplyOtherAddresses(node, options, reply);
}

struct OwnedRange {
  const Node* owner;
  int first;
  int last;
};

std::vector<OwnedRange> OwnedRanges(const NodeTable& table) {
  std::vector<OwnedRange> ranges;
  for (int slot = 0; slot < kSlotCount; ++slot) {
    const Node* owner = table.Owner(slot);
    if (owner == nullptr) continue;
    if (!ranges.empty() && ranges.back().owner == owner && ranges.back().last == slot - 1) {
      ranges.back().last = slot;
    } else {
      ranges.push_back({owner, slot, slot});
    }
  }
  return ranges;
}

void ReplyNodeOfShard(const Engine& engine, const Node& node, resp::ReplyWriter& reply) {
  const ClusterOptions& options = engine.options();
  reply.MapHeader(node.hostname.empty() ? 7 : 8);
  reply.Bulk("id");
  reply.Bulk(node.id.view());
  reply.Bulk("port");
  reply.Integer(node.port);
  reply.Bulk("ip");
  reply.Bulk(node.ip);
  reply.Bulk("endpoint");
  reply.Bulk(PreferredEndpointOf(node, options));
  if (!node.hostname.empty()) {
    reply.Bulk("hostname");
    reply.Bulk(node.hostname);
  }
  reply.Bulk("role");
  reply.Bulk(node.is_replica() ? "replica" : "master");
  reply.Bulk("replication-offset");
  reply.Integer(static_cast<int64_t>(engine.OffsetOf(node)));
  reply.Bulk("health");
  if (node.is(gossip::kFail)) {
    reply.Bulk("fail");
  } else {
    reply.Bulk(CanServe(engine, node) ? "online" : "loading");
  }
}

void ReplyLink(const Engine& engine, const Node& node, gossip::LinkId link,
               resp::ReplyWriter& reply) {
  const gossip::LinkTable::Link* entry = engine.links().Find(link);
  const gossip::Transport& transport = engine.links().transport();
  const size_t queued = transport.QueuedBytes(link);
  reply.MapHeader(6);
  reply.Bulk("direction");
  reply.Bulk(entry->inbound ? "from" : "to");
  reply.Bulk("node");
  reply.Bulk(node.id.view());
  reply.Bulk("create-time");
  reply.Integer(gossip::ToWallMillis(engine.clock(), entry->created_ms));
  reply.Bulk("events");
  reply.Bulk(queued > 0 ? "rw" : "r");
  reply.Bulk("send-buffer-allocated");
  reply.Integer(static_cast<int64_t>(transport.QueueMemory(link)));
  reply.Bulk("send-buffer-used");
  reply.Integer(static_cast<int64_t>(queued));
}

}  // namespace

std::string ClusterInfoText(const Engine& engine) {
  const NodeTable& table = engine.table();
  const Node& me = table.myself();
  const SlotCounts slots = CountSlots(table);
  const uint64_t my_epoch =
      me.is_replica() && me.primary != nullptr ? me.primary->config_epoch : me.config_epoch;
  const auto line = [](std::string_view name, const std::string& value) {
    return std::string(name) + ':' + value + "\r\n";
  };
  std::string text;
  text += line("cluster_state", engine.state().ok() ? "ok" : "fail");
  text += line("cluster_slots_assigned", std::to_string(slots.assigned));
  text += line("cluster_slots_ok", std::to_string(slots.ok));
  text += line("cluster_slots_pfail", std::to_string(slots.pfail));
  text += line("cluster_slots_fail", std::to_string(slots.fail));
  text += line("cluster_known_nodes", std::to_string(table.size()));
  text += line("cluster_size", std::to_string(engine.state().size()));
  text += line("cluster_current_epoch", std::to_string(table.current_epoch));
  text += line("cluster_my_epoch", std::to_string(my_epoch));
  AppendMessageCounts(text, engine.stats().sent, "sent");
  AppendMessageCounts(text, engine.stats().received, "received");
  text += line("total_cluster_links_buffer_limit_exceeded",
               std::to_string(engine.stats().links_over_limit));
  return text;
}

void ReplySlots(const Engine& engine, resp::ReplyWriter& reply) {
  const std::vector<OwnedRange> ranges = OwnedRanges(engine.table());
  reply.ArrayHeader(ranges.size());
  for (const OwnedRange& range : ranges) {
    const auto replicas = static_cast<size_t>(
        std::count_if(range.owner->replicas.begin(), range.owner->replicas.end(),
                      [&engine](const Node* replica) { return CanServe(engine, *replica); }));
    reply.ArrayHeader(3 + replicas);
    reply.Integer(range.first);
    reply.Integer(range.last);
    ReplyNodeOfSlots(*range.owner, engine.options(), reply);
    for (const Node* replica : range.owner->replicas) {
      if (CanServe(engine, *replica)) ReplyNodeOfSlots(*replica, engine.options(), reply);
    }
  }
}

void ReplyShards(const Engine& engine, resp::ReplyWriter& reply) {
  std::vector<const Node*> primaries;
  for (const Node* node : engine.table().nodes()) {
    if (node->is_primary()) primaries.push_back(node);
  }
  reply.ArrayHeader(primaries.size());
  for (const Node* primary : primaries) {
    const std::vector<SlotRange> ranges = ToRanges(primary->slots);
    reply.MapHeader(2);
    reply.Bulk("slots");
    reply.ArrayHeader(ranges.size() * 2);
    for (const SlotRange& range : ranges) {
      reply.Integer(range.first);
      reply.Integer(range.last);
    }
    reply.Bulk("nodes");
    reply.ArrayHeader(1 + primary->replicas.size());
    ReplyNodeOfShard(engine, *primary, reply);
    for (const Node* replica : primary->replicas) {
      ReplyNodeOfShard(engine, *replica, reply);
    }
  }
}

void ReplyLinks(const Engine& engine, resp::ReplyWriter& reply) {
  size_t count = 0;
  for (const Node* node : engine.table().nodes()) {
    count += (node->outbound != gossip::kNoLink ? 1u : 0u) +
             (node->inbound != gossip::kNoLink ? 1u : 0u);
  }
  reply.ArrayHeader(count);
  for (const Node* node : engine.table().nodes()) {
    if (node->outbound != gossip::kNoLink) ReplyLink(engine, *node, node->outbound, reply);
    if (node->inbound != gossip::kNoLink) ReplyLink(engine, *node, node->inbound, reply);
  }
}

}  // namespace keyway::shard::cluster
