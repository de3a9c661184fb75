// The words of COMMAND INFO for the bits and policies of a row.
#include <bit>

#include "common/command/table.h"

namespace keyway::command {
namespace {

// In the order of the bits, which is the order in which Redis prints them.
constexpr std::string_view kFlagNames[] = {
    "write",
    "readonly",
    "denyoom",
    "module",
    "admin",
    "pubsub",
    "noscript",
    "blocking",
    "loading",
    "stale",
    "skip_monitor",
    "skip_slowlog",
    "asking",
    "fast",
    "no_auth",
    "may_replicate",
    "no_async_loading",
    "no_multi",
    "no_mandatory_keys",
    "allow_busy",
    "movablekeys",
};
static_assert(std::size(kFlagNames) == std::bit_width(uint32_t{kMovableKeys}));

constexpr std::string_view kAclCategoryNames[] = {
    "@keyspace",   "@read",        "@write",     "@set",         "@sortedset", "@list",
    "@hash",       "@string",      "@bitmap",    "@hyperloglog", "@geo",       "@stream",
    "@pubsub",     "@admin",       "@fast",      "@slow",        "@blocking",  "@dangerous",
    "@connection", "@transaction", "@scripting",
};
static_assert(std::size(kAclCategoryNames) == std::bit_width(uint32_t{kAclScripting}));

constexpr std::string_view kKeyFlagNames[] = {
    "RO",     "RW",     "OW",      "RM",      "access",     "update",
    "insert", "delete", "channel", "not_key", "incomplete", "variable_flags",
};
static_assert(std::size(kKeyFlagNames) == std::bit_width(uint32_t{kKeyVariableFlags}));

std::vector<std::string_view> NamesOf(uint32_t bits, std::span<const std::string_view> names) {
  std::vector<std::string_view> chosen;
  for (size_t i = 0; i < names.size(); ++i) {
    if ((bits >> i & 1) != 0) chosen.push_back(names[i]);
  }
  return chosen;
}

std::string_view NameOf(RequestPolicy policy) {
  switch (policy) {
    case RequestPolicy::kNone:
      return "";
    case RequestPolicy::kAllShards:
      return "all_shards";
    case RequestPolicy::kAllNodes:
      return "all_nodes";
    case RequestPolicy::kMultiShard:
      return "multi_shard";
    case RequestPolicy::kSpecial:
      return "special";
  }
  return "";
}

std::string_view NameOf(ResponsePolicy policy) {
  switch (policy) {
    case ResponsePolicy::kNone:
      return "";
    case ResponsePolicy::kOneSucceeded:
      return "one_succeeded";
    case ResponsePolicy::kAllSucceeded:
      return "all_succeeded";
    case ResponsePolicy::kAggLogicalAnd:
      return "agg_logical_and";
    case ResponsePolicy::kAggLogicalOr:
      return "agg_logical_or";
    case ResponsePolicy::kAggMin:
      return "agg_min";
    case ResponsePolicy::kAggMax:
      return "agg_max";
    case ResponsePolicy::kAggSum:
      return "agg_sum";
    case ResponsePolicy::kSpecial:
      return "special";
  }
  return "";
}

}  // namespace

std::vector<std::string_view> FlagNames(uint32_t flags) {
  flags &= ~uint32_t{kMayReplicate | kProtected | kRunsScript};  // Redis keeps them to itself
  return NamesOf(flags, kFlagNames);
}

std::vector<std::string_view> AclCategoryNames(uint32_t categories) {
  return NamesOf(categories, kAclCategoryNames);
}

std::vector<std::string_view> KeyFlagNames(uint32_t flags) {
  return NamesOf(flags, kKeyFlagNames);
}

std::vector<std::string> TipNames(const Spec& spec) {
  std::vector<std::string> names;
  if (spec.request_policy != RequestPolicy::kNone) {
    names.push_back("request_policy:" + std::string(NameOf(spec.request_policy)));
  }
  if (spec.response_policy != ResponsePolicy::kNone) {
    names.push_back("response_policy:" + std::string(NameOf(spec.response_policy)));
  }
  names.insert(spec.policies_first ? names.end() : names.begin(), spec.tips.begin(),
               spec.tips.end());
  return names;
}

}  // namespace keyway::command
