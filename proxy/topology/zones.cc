#include "proxy/topology/zones.h"

namespace keyway::proxy::topology {
namespace {

// Counted from 1; empty when there are not so many.
std::string_view LabelOf(std::string_view hostname, int number) {
  while (--number > 0) {
    const size_t dot = hostname.find('.');
    if (dot == std::string_view::npos) return {};
    hostname.remove_prefix(dot + 1);
  }
  return hostname.substr(0, hostname.find('.'));
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view Zones::Of(const Node& node) const {
  if (!of_nodes.empty()) {
    const auto zone_of = [this](const std::string& name) -> std::string_view {
      const auto found = of_nodes.find(name);
      return found == of_nodes.end() ? std::string_view() : std::string_view(found->second);
    };
    const net::Endpoint by_name{node.hostname, node.endpoint.port};
    for (const std::string& name : {net::ToString(node.endpoint), net::ToString(by_name),
                                    node.endpoint.host, node.hostname}) {
      if (const std::string_view zone = zone_of(name); !zone.empty()) return zone;
    }
  }
  return hostname_label == 0 ? std::string_view() : LabelOf(node.hostname, hostname_label);
}

Expected<std::map<std::string, std::string, std::less<>>> ParseNodeZones(std::string_view text) {
  std::map<std::string, std::string, std::less<>> zones;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = Trimmed(text.substr(0, comma));
    const size_t equals = item.rfind('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == item.size()) {
      return Error{"'" + std::string(item) + "' is no host:port=zone and no host=zone"};
    }
    zones[std::string(Trimmed(item.substr(0, equals)))] = Trimmed(item.substr(equals + 1));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return zones;
}

}  // namespace keyway::proxy::topology
