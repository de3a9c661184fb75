#include "shard/cluster/describe.h"

#include <array>
#include <utility>

#include "shard/cluster/gossip/wall_time.h"

namespace keyway::shard::cluster {

using gossip::Node;
using gossip::NodeTable;

namespace {

std::string FlagsText(uint16_t flags) {
  constexpr std::array<std::pair<uint16_t, const char*>, 8> kNames = {{
      {gossip::kMyself, "myself"},
      {gossip::kPrimary, "master"},
      {gossip::kReplica, "slave"},
      {gossip::kPfail, "fail?"},
      {gossip::kFail, "fail"},
      {gossip::kHandshake, "handshake"},
      {gossip::kNoAddr, "noaddr"},
      {gossip::kNoFailover, "nofailover"},
  }};
  std::string text;
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) == 0) continue;
    if (!text.empty()) text += ',';
    text += name;
  }
  return text.empty() ? "noflags" : text;
}

// Steps over what is not set: with many nodes, each has few of the slots.
void AppendSlots(std::string& line, const SlotSet& slots) {
  for (size_t first = slots._Find_first(); first < kSlotCount;) {
    size_t last = first;
    while (last + 1 < kSlotCount && slots.test(last + 1)) ++last;
    line += ' ' + ToString(SlotRange{static_cast<Slot>(first), static_cast<Slot>(last)});
    first = slots._Find_next(last);
  }
}

void AppendMigrations(std::string& line, const NodeTable& table) {
  for (const auto& [slot, node] : table.migrating()) {
    line += " [" + std::to_string(slot) + "->-" + node->id.ToString() + "]";
  }
  for (const auto& [slot, node] : table.importing()) {
    line += " [" + std::to_string(slot) + "-<-" + node->id.ToString() + "]";
  }
}

}  // namespace

std::string DescribeNode(const NodeTable& table, const Node& node, const Clock& clock) {
  std::string line = node.id.ToString();
  line += ' ' + node.ip + ':' + std::to_string(node.port) + '@' + std::to_string(node.bus_port);
  if (!node.hostname.empty()) line += ',' + node.hostname;
  line += ' ' + FlagsText(node.flags) + ' ';
  const Node* primary = node.is_replica() ? node.primary : nullptr;
  line += primary != nullptr ? primary->id.ToString() : "-";
  line += ' ' + std::to_string(gossip::ToWallMillis(clock, node.ping_sent_ms));
  line += ' ' + std::to_string(gossip::ToWallMillis(clock, node.pong_received_ms));
  line += ' ' + std::to_string(primary != nullptr ? primary->config_epoch : node.config_epoch);
  const bool connected = node.outbound != gossip::kNoLink || node.is(gossip::kMyself);
  line += connected ? " connected" : " disconnected";
  AppendSlots(line, node.slots);
  if (node.is(gossip::kMyself)) AppendMigrations(line, table);
  return line;
}

std::string DescribeNodes(const NodeTable& table, const Clock& clock, uint16_t except) {
  std::string text;
  for (const Node* node : table.nodes()) {
    if (node->is(except)) continue;
    text += DescribeNode(table, *node, clock);
    text += '\n';
  }
  return text;
}

}  // namespace keyway::shard::cluster
