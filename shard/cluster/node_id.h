// The name of a cluster node: 40 characters, chosen at random by the node itself, never reused.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace keyway::shard::cluster {

class NodeId {
 public:
  static constexpr size_t kLength = 40;

  // The null id: on the wire, "no node".
  constexpr NodeId() : bytes_{} {}

  // Redis makes ids of lower-case hexadecimal digits. Other lower-case letters are let through, as
  // ids are opaque; anything else would corrupt nodes.conf and CLUSTER NODES, and is refused.
  static std::optional<NodeId> Parse(std::string_view text) {
    if (text.size() != kLength) return std::nullopt;
    NodeId id;
    for (size_t i = 0; i < kLength; ++i) {
      const char c = text[i];
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'))) return std::nullopt;
      id.bytes_[i] = c;
    }
    return id;
  }

  bool null() const { return bytes_[0] == '\0'; }
  std::string_view view() const { return {bytes_.data(), null() ? 0 : kLength}; }
  std::string ToString() const { return std::string(view()); }

  auto operator<=>(const NodeId&) const = default;
  bool operator==(const NodeId&) const = default;

 private:
  std::array<char, kLength> bytes_;
};

inline std::ostream& operator<<(std::ostream& out, const NodeId& id) {
  return out << id.view();
}

}  // namespace keyway::shard::cluster

template <>
struct std::hash<keyway::shard::cluster::NodeId> {
  size_t operator()(const keyway::shard::cluster::NodeId& id) const {
    return std::hash<std::string_view>()(id.view());
  }
};
