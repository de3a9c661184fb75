// The replies of CLUSTER SHARDS and CLUSTER SLOTS, as redis-server 7.0 writes them:
//
// shards = array of { "slots": [first, last, first, last ...], "nodes": [node ...] }
// node   = { "id", "port" and / or "tls-port", "ip", "endpoint" (text, "?", empty or null),
//            "hostname" (when announced), "role": "master" | "replica", "replication-offset",
//            "health": "online" | "fail" | "loading" }
// slots  = array of [first, last, member (the primary), member (a replica) ...]
// member = [endpoint (text, "?", empty or null), port, id, { "ip", "hostname" }]
//
// Braces are a map in RESP3 and names and values in turn in RESP2. A node that answers is trusted
// for what it says, never for how it says it: every type and range is checked.
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/resp/reply_parser.h"
#include "proxy/topology/slot_map.h"

namespace keyway::proxy::topology {
namespace {

using resp::ReplyValue;

// More than these is no cluster: a slot needs a primary, and nobody runs a hundred replicas of it.
constexpr size_t kMaxShards = kSlotCount;
constexpr size_t kMaxReplicas = 100;
constexpr size_t kMaxNameBytes = 256;

bool IsArray(const ReplyValue* value) {
  return value != nullptr && value->type == '*';
}

bool IsText(const ReplyValue* value) {
  return value != nullptr && (value->type == '$' || value->type == '+' || value->type == '=');
}

std::string TextOf(const ReplyValue* value) {
  return IsText(value) && value->text.size() <= kMaxNameBytes ? std::string(value->text) : "";
}

Expected<ReplyValue> ParseArray(std::string_view reply) {
  auto value = resp::ParseReplyTree(reply);
  if (!value.ok()) return value;
  if (value->is_error()) return Error{std::string(value->text)};
  if (value->type != '*') return Error{"the reply is no array"};
  if (value->elements.size() > kMaxShards) return Error{"the reply lists too many shards"};
  return value;
}

Expected<SlotRange> ToRange(const ReplyValue& first, const ReplyValue& last) {
  if (first.type != ':' || last.type != ':' || first.integer < 0 || first.integer > last.integer ||
      last.integer >= kSlotCount) {
    return Error{"invalid slot range"};
  }
  return SlotRange{static_cast<Slot>(first.integer), static_cast<Slot>(last.integer)};
}

// `endpoint` as the reply has it; nullptr or a null when it is missing.
std::string HostOf(const ReplyValue* endpoint, const std::string& ip, const net::Endpoint& asked) {
  const std::string host = TextOf(endpoint);
  if (host == "?") return ip.empty() ? asked.host : ip;
  return host.empty() ? asked.host : host;
}

Expected<uint16_t> ToPort(const ReplyValue* port) {
  if (port == nullptr || port->type != ':' || port->integer <= 0 || port->integer > UINT16_MAX) {
    return Error{"node without a valid port"};
  }
  return static_cast<uint16_t>(port->integer);
}

Expected<Node> ToNode(const ReplyValue& map, const net::Endpoint& asked) {
  if (map.type != '%' && map.type != '*') return Error{"a node is no map"};
  const auto port = ToPort(map.Find("port"));
  if (!port.ok()) return port.error();
  Node node;
  node.id = TextOf(map.Find("id"));
  if (node.id.empty()) return Error{"node without an id"};
  node.endpoint = {HostOf(map.Find("endpoint"), TextOf(map.Find("ip")), asked), *port};
  node.hostname = TextOf(map.Find("hostname"));
  node.primary = TextOf(map.Find("role")) == "master";
  node.online = TextOf(map.Find("health")) == "online";
  return node;
}

Expected<Shard> ToShard(const ReplyValue& map, const net::Endpoint& asked) {
  const ReplyValue* slots = map.Find("slots");
  const ReplyValue* nodes = map.Find("nodes");
  if (!IsArray(slots) || !IsArray(nodes)) return Error{"shard without slots or nodes"};
  if (slots->elements.size() % 2 != 0) return Error{"odd number of range ends"};
  if (nodes->elements.size() > kMaxReplicas + 1) return Error{"shard with too many nodes"};

  Shard shard;
  bool has_primary = false;
  for (const ReplyValue& element : nodes->elements) {
    auto node = ToNode(element, asked);
    if (!node.ok()) return node.error();
    if (!node->primary) {
      shard.replicas.push_back(std::move(*node));
    } else if (!has_primary) {
      shard.primary = std::move(*node);
      has_primary = true;
    }
  }
  // A shard whose primary is unknown serves nothing that could be routed.
  if (!has_primary) return shard;
  for (size_t i = 0; i < slots->elements.size(); i += 2) {
    const auto range = ToRange(slots->elements[i], slots->elements[i + 1]);
    if (!range.ok()) return range.error();
    shard.slots.push_back(*range);
  }
  return shard;
}

Expected<Node> ToMember(const ReplyValue& member, bool primary, const net::Endpoint& asked) {
  if (!IsArray(&member) || member.elements.size() < 2) return Error{"a node is no array"};
  const auto port = ToPort(&member.elements[1]);
  if (!port.ok()) return port.error();
  const ReplyValue* details = member.elements.size() > 3 ? &member.elements[3] : nullptr;
  const ReplyValue* ip = details == nullptr ? nullptr : details->Find("ip");
  Node node;
  node.endpoint = {HostOf(&member.elements[0], TextOf(ip), asked), *port};
  // Before Redis 4 there are no ids; the address then tells nodes apart.
  node.id = member.elements.size() > 2 ? TextOf(&member.elements[2]) : ToString(node.endpoint);
  if (node.id.empty()) return Error{"node without an id"};
  node.hostname = details == nullptr ? "" : TextOf(details->Find("hostname"));
  node.primary = primary;
  return node;
}

}  // namespace

Expected<std::vector<Shard>> ParseClusterShards(std::string_view reply,
                                                const net::Endpoint& asked) {
  const auto value = ParseArray(reply);
  if (!value.ok()) return Error{"CLUSTER SHARDS: " + value.error().message};
  std::vector<Shard> shards;
  for (const ReplyValue& element : value->elements) {
    auto shard = ToShard(element, asked);
    if (!shard.ok()) return Error{"CLUSTER SHARDS: " + shard.error().message};
    if (!shard->slots.empty()) shards.push_back(std::move(*shard));
  }
  return shards;
}

Expected<std::vector<Shard>> ParseClusterSlots(std::string_view reply, const net::Endpoint& asked) {
  const auto value = ParseArray(reply);
  if (!value.ok()) return Error{"CLUSTER SLOTS: " + value.error().message};
  std::vector<Shard> shards;
  std::unordered_map<std::string, size_t> by_primary;
  for (const ReplyValue& element : value->elements) {
    const auto& parts = element.elements;
    if (parts.size() < 3) return Error{"CLUSTER SLOTS: a range without a node"};
    if (parts.size() > kMaxReplicas + 3) return Error{"CLUSTER SLOTS: range with too many nodes"};
    const auto range = ToRange(parts[0], parts[1]);
    if (!range.ok()) return Error{"CLUSTER SLOTS: " + range.error().message};
    Shard shard;
    for (size_t i = 2; i < parts.size(); ++i) {
      auto node = ToMember(parts[i], i == 2, asked);
      if (!node.ok()) return Error{"CLUSTER SLOTS: " + node.error().message};
      (i == 2 ? shard.primary : shard.replicas.emplace_back()) = std::move(*node);
    }
    // A primary with several ranges is listed once for each.
    const auto [place, is_new] = by_primary.try_emplace(shard.primary.id, shards.size());
    if (is_new) shards.push_back(std::move(shard));
    shards[place->second].slots.push_back(*range);
  }
  return shards;
}

}  // namespace keyway::proxy::topology
