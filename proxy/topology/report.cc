// The reply of CLUSTER NODES, one text:
//
//   reply   = *(line LF)
//   line    = id SP address SP flag *("," flag) SP (primary-id / "-") SP ping SP pong SP
//             config-epoch SP ("connected" / "disconnected") *(SP (range / move))
//   address = ip ":" port ["@" bus-port] ["," hostname *("," name "=" value)]
//   range   = slot ["-" slot]
//   move    = "[" slot ("->-" / "-<-") id "]"
//
// The ip of the node itself is empty until it has met another one. Source: Redis documentation,
// "CLUSTER NODES".
#include "proxy/topology/report.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>
#include <utility>

#include "common/resp/reply_parser.h"

namespace keyway::proxy::topology {
namespace {

constexpr size_t kMaxLines = 2 * kSlotCount;
constexpr size_t kMaxWordBytes = 512;
constexpr size_t kFixedWords = 8;

std::string_view NextWord(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

template <typename Int>
std::optional<Int> ParseInt(std::string_view text) {
  Int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool ReadAddress(std::string_view text, const net::Endpoint& asked, NodeLine& line) {
  std::string_view names = text;
  const std::string_view address = NextWord(names, ',');
  const std::string_view hostname = NextWord(names, ',');
  if (hostname.find('=') == std::string_view::npos) line.node.hostname = hostname;
  const std::string_view socket = address.substr(0, address.find('@'));
  const size_t colon = socket.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto port = ParseInt<uint16_t>(socket.substr(colon + 1));
  if (!port) return false;
  const std::string_view ip = socket.substr(0, colon);
  line.node.endpoint = {ip.empty() ? asked.host : std::string(ip), *port};
  line.usable_address = *port != 0;
  return true;
}

// False: a node in handshake.
bool ReadFlags(std::string_view flags, NodeLine& line) {
  line.node.primary = false;
  while (!flags.empty()) {
    const std::string_view flag = NextWord(flags, ',');
    if (flag == "handshake") return false;
    if (flag == "myself") line.myself = true;
    if (flag == "master") line.node.primary = true;
    if (flag == "fail") line.node.failed = true;
    if (flag == "fail?") line.node.suspected = true;
    if (flag == "noaddr") line.usable_address = false;
  }
  line.node.online = !line.node.failed;
  return true;
}

bool ReadMove(std::string_view text, NodeLine& line) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos || text.back() != ']' || text.size() < dash + 5) return false;
  const auto slot = ParseInt<uint16_t>(text.substr(1, dash - 1));
  const std::string_view arrow = text.substr(dash, 3);
  if (!slot || *slot >= kSlotCount || (arrow != "->-" && arrow != "-<-")) return false;
  (arrow == "->-" ? line.migrating : line.importing)
      .push_back({*slot, std::string(text.substr(dash + 3, text.size() - dash - 4))});
  return true;
}

bool ReadSlots(std::string_view text, NodeLine& line) {
  while (!text.empty()) {
    const std::string_view word = NextWord(text, ' ');
    if (word.empty()) continue;
    if (word.front() == '[') {
      if (!ReadMove(word, line)) return false;
      continue;
    }
    const auto range = ParseSlotRange(word);
    if (!range.ok()) return false;
    line.slots.push_back(*range);
  }
  return true;
}

}  // namespace

Expected<std::vector<NodeLine>> ParseClusterNodes(std::string_view reply,
                                                  const net::Endpoint& asked) {
  const auto value = resp::ParseReplyTree(reply);
  if (!value.ok()) return Error{"CLUSTER NODES: " + value.error().message};
  if (value->is_error()) return Error{"CLUSTER NODES: " + std::string(value->text)};
  if (value->type != '$' && value->type != '=') {
    return Error{"CLUSTER NODES: the reply is no text"};
  }
  std::vector<NodeLine> lines;
  std::string_view text = value->text;
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view rest = NextWord(text, '\n');
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    if (rest.empty()) continue;
    const Error error{"CLUSTER NODES: malformed line " + std::to_string(number)};
    std::string_view words[kFixedWords];
    for (std::string_view& word : words) {
      word = NextWord(rest, ' ');
      if (word.empty() || word.size() > kMaxWordBytes) return error;
    }
    NodeLine line;
    line.node.id = words[0];
    const auto epoch = ParseInt<uint64_t>(words[6]);
    if (!epoch || !ReadAddress(words[1], asked, line)) return error;
    line.node.config_epoch = *epoch;
    if (!ReadFlags(words[2], line)) continue;
    if (words[3] != "-") line.primary_id = words[3];
    if (!ReadSlots(rest, line)) return error;
    lines.push_back(std::move(line));
    if (lines.size() > kMaxLines) return Error{"CLUSTER NODES: too many nodes"};
  }
  if (std::count_if(lines.begin(), lines.end(), [](const auto& line) { return line.myself; }) !=
      1) {
    return Error{"CLUSTER NODES: not one node is the one that was asked"};
  }
  return lines;
}

Report PlainReport(const net::Endpoint& asked, std::vector<Shard> shards) {
  Report report;
  report.asked = asked;
  for (const Shard& shard : shards) {
    report.node_ids.insert(shard.primary.id);
    for (const Node& node : shard.replicas) report.node_ids.insert(node.id);
  }
  report.shards = std::move(shards);
  return report;
}

Report JoinReport(const net::Endpoint& asked, std::vector<NodeLine> lines,
                  const std::vector<Shard>& addresses) {
  Report report;
  report.asked = asked;
  report.has_epochs = true;

  std::unordered_map<std::string_view, const Node*> by_id;
  for (const Shard& shard : addresses) {
    by_id.emplace(shard.primary.id, &shard.primary);
    for (const Node& node : shard.replicas) by_id.emplace(node.id, &node);
  }
  for (NodeLine& line : lines) {
    report.node_ids.insert(line.node.id);
    if (line.myself) {
      report.reporter = line.node.id;
      report.reporter_epoch = line.node.config_epoch;
    }
    const auto found = by_id.find(line.node.id);
    if (found == by_id.end()) continue;
    line.node.endpoint = found->second->endpoint;
    line.node.online = found->second->online && !line.node.failed;
    if (!found->second->hostname.empty()) line.node.hostname = found->second->hostname;
    line.usable_address = true;
  }

  std::unordered_map<std::string, size_t> index;
  for (NodeLine& line : lines) {
    if (!line.node.primary || line.slots.empty() || !line.usable_address) continue;
    if (!index.try_emplace(line.node.id, report.shards.size()).second) continue;
    report.shards.push_back({std::move(line.node),
                             {},
                             std::move(line.slots),
                             std::move(line.migrating),
                             std::move(line.importing)});
  }
  for (NodeLine& line : lines) {
    if (line.node.primary || line.primary_id.empty() || !line.usable_address) continue;
    const auto primary = index.find(line.primary_id);
    if (primary != index.end()) {
      report.shards[primary->second].replicas.push_back(std::move(line.node));
    }
  }
  return report;
}

}  // namespace keyway::proxy::topology
