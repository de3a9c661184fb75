// The table of all commands with what the proxy does with each, as proxy/COMMANDS.md shows it. Made of
// what the Router itself goes by, so that it cannot say anything else than what happens.
#pragma once

#include <cstdint>
#include <string>

#include "common/command/table.h"

namespace keyway::proxy::routing {

enum class CommandClass : uint8_t {
  kRouted,     // to the shard of its keys, which are in one slot
  kAnyShard,   // has no keys: to one shard, the same for a client as long as it is there
  kSplit,      // by key, each part to its shard
  kGathered,   // keys in one slot: routed; in several: the proxy reads them and computes the reply
  kPinned,     // may wait: on a connection to its shard that no other client uses
  kAllShards,  // to every primary, the replies reduced by the response policy
  kSpecial,    // by an executor of its own, which asks one primary or all
  kLocal,      // answered or led by the proxy, which may ask shards for it
  kRefused,    // an error that says why
};

// "routed", "any shard" ...
std::string_view ClassName(CommandClass command_class);

// proxy/COMMANDS.md, all of it.
std::string CommandClassesText();

}  // namespace keyway::proxy::routing
