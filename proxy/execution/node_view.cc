#include "proxy/execution/node_view.h"

#include <algorithm>
#include <charconv>

namespace keyway::proxy::execution {
namespace {

constexpr uint64_t kHashStart = 0xcbf29ce484222325;
constexpr uint64_t kHashStep = 0x100000001b3;

uint64_t HashMore(uint64_t hash, std::string_view text) {
  // FNV-1a; the zero separates words.
  for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * kHashStep;
  return hash * kHashStep;
}

std::string_view TakeWord(std::string_view* line) {
  const size_t end = line->find(' ');
  const std::string_view word = line->substr(0, end);
  *line = end == std::string_view::npos ? std::string_view() : line->substr(end + 1);
  return word;
}

// "ip:port@bus[,hostname]"
net::Endpoint ParseAddress(std::string_view text, const net::Endpoint& asked) {
  text = text.substr(0, text.find_first_of("@,"));
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  net::Endpoint endpoint{std::string(text.substr(0, colon)), 0};
  if (endpoint.host.empty()) endpoint.host = asked.host;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), endpoint.port);
  return endpoint;
}

// False: the line makes no sense.
bool ReadLine(std::string_view line, const net::Endpoint& asked, NodeView* view, bool* is_self,
              uint64_t* prints) {
  const std::string id(TakeWord(&line));
  const net::Endpoint endpoint = ParseAddress(TakeWord(&line), asked);
  const std::string_view flags = TakeWord(&line);
  for (int i = 0; i < 3; ++i) TakeWord(&line);  // primary, ping, pong
  const std::string_view epoch = TakeWord(&line);
  if (id.empty() || TakeWord(&line).empty()) return false;  // the state of the link
  view->endpoints[id] = endpoint;
  *is_self = flags.find("myself") != std::string_view::npos;
  if (*is_self) std::from_chars(epoch.data(), epoch.data() + epoch.size(), view->epoch);
  uint64_t print = HashMore(HashMore(kHashStart, id), epoch);
  int lowest = kSlotCount;
  while (!line.empty()) {
    const std::string_view word = TakeWord(&line);
    if (word.starts_with('[')) {
      const size_t arrow = word.find("->-");
      if (!*is_self || arrow == std::string_view::npos || !word.ends_with(']')) continue;
      const auto slot = ParseSlotRange(word.substr(1, arrow - 1));
      if (!slot.ok()) return false;
      view->leaving[slot->first] = word.substr(arrow + 3, word.size() - arrow - 4);
      continue;
    }
    if (word.empty()) continue;
    const auto range = ParseSlotRange(word);
    if (!range.ok()) return false;
    lowest = std::min<int>(lowest, range->first);
    print = HashMore(print, word);
    if (!*is_self) continue;
    for (int slot = range->first; slot <= range->last; ++slot) {
      view->own.set(static_cast<size_t>(slot));
    }
  }
  if (lowest == kSlotCount) return true;
  view->lowest.push_back(static_cast<Slot>(lowest));
  *prints += print;
  return true;
}

}  // namespace

std::optional<NodeView> ParseNodeView(std::string_view reply, const net::Endpoint& asked) {
  const size_t start = reply.find("\r\n");
  if (start == std::string_view::npos || (reply[0] != '$' && reply[0] != '=') ||
      !reply.ends_with("\r\n") || reply.size() < start + 4) {
    return std::nullopt;
  }
  std::string_view text = reply.substr(start + 2, reply.size() - start - 4);
  if (reply[0] == '=') text.remove_prefix(std::min<size_t>(4, text.size()));  // "txt:"
  NodeView view;
  uint64_t prints = 0;
  bool found_self = false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    bool is_self = false;
    if (line.empty()) continue;
    if (!ReadLine(line, asked, &view, &is_self, &prints)) return std::nullopt;
    found_self = found_self || is_self;
  }
  if (!found_self) return std::nullopt;
  std::sort(view.lowest.begin(), view.lowest.end());
  view.print = static_cast<uint32_t>((prints ^ prints >> 32) * 0x9e3779b1u >> 16);
  return view;
}

}  // namespace keyway::proxy::execution
