// The cluster commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr Argument kClusterAddslotsArguments[] = {
    {.name = "slot", .type = kInteger, .flags = kMultiple},
};

constexpr Argument kClusterAddslotsrangeStartSlotEndSlot[] = {
    {.name = "start-slot", .type = kInteger},
    {.name = "end-slot", .type = kInteger},
};

constexpr Argument kClusterAddslotsrangeArguments[] = {
    {.name = "start-slot_end-slot",
     .type = kBlock,
     .flags = kMultiple,
     .arguments = kClusterAddslotsrangeStartSlotEndSlot},
};

constexpr Argument kClusterCountFailureReportsArguments[] = {
    {.name = "node-id"},
};

constexpr Argument kClusterCountkeysinslotArguments[] = {
    {.name = "slot", .type = kInteger},
};

constexpr Argument kClusterDelslotsArguments[] = {
    {.name = "slot", .type = kInteger, .flags = kMultiple},
};

constexpr Argument kClusterDelslotsrangeStartSlotEndSlot[] = {
    {.name = "start-slot", .type = kInteger},
    {.name = "end-slot", .type = kInteger},
};

constexpr Argument kClusterDelslotsrangeArguments[] = {
    {.name = "start-slot_end-slot",
     .type = kBlock,
     .flags = kMultiple,
     .arguments = kClusterDelslotsrangeStartSlotEndSlot},
};

constexpr Argument kClusterFailoverOptions[] = {
    {.name = "force", .type = kPureToken, .token = "FORCE"},
    {.name = "takeover", .type = kPureToken, .token = "TAKEOVER"},
};

constexpr Argument kClusterFailoverArguments[] = {
    {.name = "options", .type = kOneOf, .flags = kOptional, .arguments = kClusterFailoverOptions},
};

constexpr Argument kClusterForgetArguments[] = {
    {.name = "node-id"},
};

constexpr Argument kClusterGetkeysinslotArguments[] = {
    {.name = "slot", .type = kInteger},
    {.name = "count", .type = kInteger},
};

constexpr Argument kClusterKeyslotArguments[] = {
    {.name = "key"},
};

constexpr HistoryEntry kClusterMeetHistory[] = {
    {"4.0.0", "Added the optional `cluster_bus_port` argument."},
};

constexpr Argument kClusterMeetArguments[] = {
    {.name = "ip"},
    {.name = "port", .type = kInteger},
    {.name = "cluster_bus_port", .type = kInteger, .since = "4.0.0", .flags = kOptional},
};

constexpr Argument kClusterReplicasArguments[] = {
    {.name = "node-id"},
};

constexpr Argument kClusterReplicateArguments[] = {
    {.name = "node-id"},
};

constexpr Argument kClusterResetHardSoft[] = {
    {.name = "hard", .type = kPureToken, .token = "HARD"},
    {.name = "soft", .type = kPureToken, .token = "SOFT"},
};

constexpr Argument kClusterResetArguments[] = {
    {.name = "hard_soft", .type = kOneOf, .flags = kOptional, .arguments = kClusterResetHardSoft},
};

constexpr Argument kClusterSetConfigEpochArguments[] = {
    {.name = "config-epoch", .type = kInteger},
};

constexpr Argument kClusterSetslotSubcommand[] = {
    {.name = "node-id", .token = "IMPORTING"},
    {.name = "node-id", .token = "MIGRATING"},
    {.name = "node-id", .token = "NODE"},
    {.name = "stable", .type = kPureToken, .token = "STABLE"},
};

constexpr Argument kClusterSetslotArguments[] = {
    {.name = "slot", .type = kInteger},
    {.name = "subcommand", .type = kOneOf, .arguments = kClusterSetslotSubcommand},
};

constexpr Argument kClusterSlavesArguments[] = {
    {.name = "node-id"},
};

constexpr HistoryEntry kClusterSlotsHistory[] = {
    {"4.0.0", "Added node IDs."},
    {"7.0.0", "Added additional networking metadata field."},
};

constexpr Spec kClusterSubcommands[] = {
    {.name = "addslots",
     .arity = -3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Assign new hash slots to receiving node",
     .since = "3.0.0",
     .complexity = "O(N) where N is the total number of hash slot arguments",
     .arguments = kClusterAddslotsArguments},
    {.name = "addslotsrange",
     .arity = -4,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Assign new hash slots to receiving node",
     .since = "7.0.0",
     .complexity = "O(N) where N is the total number of the slots between the start slot and end "
                   "slot arguments.",
     .arguments = kClusterAddslotsrangeArguments},
    {.name = "bumpepoch",
     .arity = 2,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .tips = kNondeterministicOutput,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Advance the cluster config epoch",
     .since = "3.0.0",
     .complexity = "O(1)"},
    {.name = "count-failure-reports",
     .arity = 3,
     .flags = kAdmin | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Return the number of failure reports active for a given node",
     .since = "3.0.0",
     .complexity = "O(N) where N is the number of failure reports",
     .arguments = kClusterCountFailureReportsArguments},
    {.name = "countkeysinslot",
     .arity = 3,
     .flags = kStale,
     .acl = kAclSlow,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Return the number of local keys in the specified hash slot",
     .since = "3.0.0",
     .complexity = "O(1)",
     .arguments = kClusterCountkeysinslotArguments},
    {.name = "delslots",
     .arity = -3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Set hash slots as unbound in receiving node",
     .since = "3.0.0",
     .complexity = "O(N) where N is the total number of hash slot arguments",
     .arguments = kClusterDelslotsArguments},
    {.name = "delslotsrange",
     .arity = -4,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Set hash slots as unbound in receiving node",
     .since = "7.0.0",
     .complexity = "O(N) where N is the total number of the slots between the start slot and end "
                   "slot arguments.",
     .arguments = kClusterDelslotsrangeArguments},
    {.name = "failover",
     .arity = -2,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Forces a replica to perform a manual failover of its master.",
     .since = "3.0.0",
     .complexity = "O(1)",
     .arguments = kClusterFailoverArguments},
    {.name = "flushslots",
     .arity = 2,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Delete a node's own slots information",
     .since = "3.0.0",
     .complexity = "O(1)"},
    {.name = "forget",
     .arity = 3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Remove a node from the nodes table",
     .since = "3.0.0",
     .complexity = "O(1)",
     .arguments = kClusterForgetArguments},
    {.name = "getkeysinslot",
     .arity = 4,
     .flags = kStale,
     .acl = kAclSlow,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Return local key names in the specified hash slot",
     .since = "3.0.0",
     .complexity = "O(log(N)) where N is the number of requested keys",
     .arguments = kClusterGetkeysinslotArguments},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclSlow,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Show helpful text about the different subcommands",
     .since = "5.0.0",
     .complexity = "O(1)"},
    {.name = "info",
     .arity = 2,
     .flags = kStale,
     .acl = kAclSlow,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Provides info about Redis Cluster node state",
     .since = "3.0.0",
     .complexity = "O(1)"},
    {.name = "keyslot",
     .arity = 3,
     .flags = kStale,
     .acl = kAclSlow,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Returns the hash slot of the specified key",
     .since = "3.0.0",
     .complexity = "O(N) where N is the number of bytes in the key",
     .arguments = kClusterKeyslotArguments},
    {.name = "links",
     .arity = 2,
     .flags = kStale,
     .acl = kAclSlow,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Returns a list of all TCP links to and from peer nodes in cluster",
     .since = "7.0.0",
     .complexity = "O(N) where N is the total number of Cluster nodes"},
    {.name = "meet",
     .arity = -4,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Force a node cluster to handshake with another node",
     .since = "3.0.0",
     .complexity = "O(1)",
     .history = kClusterMeetHistory,
     .arguments = kClusterMeetArguments},
    {.name = "myid",
     .arity = 2,
     .flags = kStale,
     .acl = kAclSlow,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Return the node id",
     .since = "3.0.0",
     .complexity = "O(1)"},
    {.name = "nodes",
     .arity = 2,
     .flags = kStale,
     .acl = kAclSlow,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Get Cluster config for the node",
     .since = "3.0.0",
     .complexity = "O(N) where N is the total number of Cluster nodes"},
    {.name = "replicas",
     .arity = 3,
     .flags = kAdmin | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "List replica nodes of the specified master node",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arguments = kClusterReplicasArguments},
    {.name = "replicate",
     .arity = 3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Reconfigure a node as a replica of the specified master node",
     .since = "3.0.0",
     .complexity = "O(1)",
     .arguments = kClusterReplicateArguments},
    {.name = "reset",
     .arity = -2,
     .flags = kAdmin | kNoscript | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Reset a Redis Cluster node",
     .since = "3.0.0",
     .complexity = "O(N) where N is the number of known nodes. The command may execute a FLUSHALL "
                   "as a side effect.",
     .arguments = kClusterResetArguments},
    {.name = "saveconfig",
     .arity = 2,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Forces the node to save cluster state on disk",
     .since = "3.0.0",
     .complexity = "O(1)"},
    {.name = "set-config-epoch",
     .arity = 3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Set the configuration epoch in a new node",
     .since = "3.0.0",
     .complexity = "O(1)",
     .arguments = kClusterSetConfigEpochArguments},
    {.name = "setslot",
     .arity = -4,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Bind a hash slot to a specific node",
     .since = "3.0.0",
     .complexity = "O(1)",
     .arguments = kClusterSetslotArguments},
    {.name = "shards",
     .arity = 2,
     .flags = kStale,
     .acl = kAclSlow,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Get array of cluster slots to node mappings",
     .since = "7.0.0",
     .complexity = "O(N) where N is the total number of cluster nodes"},
    {.name = "slaves",
     .arity = 3,
     .flags = kAdmin | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "List replica nodes of the specified master node",
     .since = "3.0.0",
     .complexity = "O(1)",
     .deprecated_since = "5.0.0",
     .replaced_by = "`CLUSTER REPLICAS`",
     .arguments = kClusterSlavesArguments},
    {.name = "slots",
     .arity = 2,
     .flags = kStale,
     .acl = kAclSlow,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Get array of Cluster slot to node mappings",
     .since = "3.0.0",
     .complexity = "O(N) where N is the total number of Cluster nodes",
     .deprecated_since = "7.0.0",
     .replaced_by = "`CLUSTER SHARDS`",
     .history = kClusterSlotsHistory},
};

constexpr Spec kRows[] = {
    {.name = "asking",
     .arity = 1,
     .flags = kFast,
     .acl = kAclFast | kAclConnection,
     .route = Route::kRefused,
     .group = "cluster",
     .summary = "Sent by cluster clients after an -ASK redirect",
     .since = "3.0.0",
     .complexity = "O(1)"},
    {.name = "cluster",
     .arity = -2,
     .acl = kAclSlow,
     .route = Route::kLocal,
     .subcommands = kClusterSubcommands,
     .group = "cluster",
     .summary = "A container for cluster commands",
     .since = "3.0.0",
     .complexity = "Depends on subcommand."},
    {.name = "readonly",
     .arity = 1,
     .flags = kLoading | kStale | kFast,
     .acl = kAclFast | kAclConnection,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Enables read queries for a connection to a cluster replica node",
     .since = "3.0.0",
     .complexity = "O(1)"},
    {.name = "readwrite",
     .arity = 1,
     .flags = kLoading | kStale | kFast,
     .acl = kAclFast | kAclConnection,
     .route = Route::kLocal,
     .group = "cluster",
     .summary = "Disables read queries for a connection to a cluster replica node",
     .since = "3.0.0",
     .complexity = "O(1)"},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kClusterRows = kRows;

}  // namespace keyway::command
