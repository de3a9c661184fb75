// INFO of several nodes as that of one: every field of redis-server 7.0.15 (and of keyway-shard, which
// has the same) is added up, or the least or greatest is taken, as a table says.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyway::proxy::session {

using InfoFields = std::vector<std::pair<std::string, std::string>>;

struct InfoSection {
  std::string title;  // "Memory"
  InfoFields fields;
};

// "# Memory\r\nused_memory:1\r\n...": its sections, in its order.
std::vector<InfoSection> ParseInfo(std::string_view text);

// The sections of all, in the order of the first; fields that only others have come last. What counts
// for one node alone (its replicas' addresses, its primary) is left out.
std::vector<InfoSection> MergeInfo(std::span<const std::string_view> texts);

// The sum of several nodes' "db" lines ("db0:keys=3,expires=1,avg_ttl=50\r\n..."): keys and expires
// added, avg_ttl weighted by expires.
std::string MergeKeyspace(std::span<const std::string_view> sections);

// As Redis prints sizes for people: 1.50M.
std::string HumanBytes(uint64_t bytes);

}  // namespace keyway::proxy::session
