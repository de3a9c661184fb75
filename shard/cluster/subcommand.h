// What the subcommands of CLUSTER have in common.
#pragma once

#include <strings.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/resp/number.h"
#include "common/resp/reply_writer.h"
#include "shard/cluster/gossip/engine.h"

namespace keyway::shard::cluster {

class Cluster;

// "CLUSTER", subcommand, ...: their number is right, and the subcommand writes one reply.
using Arguments = std::span<const std::string_view>;
using Subcommand = void (*)(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);

inline bool Is(std::string_view argument, std::string_view word) {
  return argument.size() == word.size() &&
         strncasecmp(argument.data(), word.data(), word.size()) == 0;
}

// Without a value, or nullptr, the error is written.
inline std::optional<int64_t> ParseInteger(std::string_view text, resp::ReplyWriter& reply) {
  int64_t value = 0;
  if (resp::ParseLength(text, &value)) return value;
  reply.Error("ERR value is not an integer or out of range");
  return std::nullopt;
}

// For more arguments than a subcommand takes.
inline void ReplySyntax(std::string_view subcommand, resp::ReplyWriter& reply) {
  reply.Error("ERR unknown subcommand or wrong number of arguments for '" +
              std::string(subcommand.substr(0, 128)) + "'. Try CLUSTER HELP.");
}

inline gossip::Node* FindNode(gossip::Engine& engine, std::string_view text,
                              resp::ReplyWriter& reply) {
  const auto id = NodeId::Parse(text);
  gossip::Node* node = id ? engine.table().Find(*id) : nullptr;
  if (node == nullptr) reply.Error("ERR Unknown node " + std::string(text));
  return node;
}

}  // namespace keyway::shard::cluster
