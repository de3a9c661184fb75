// The server commands, except for the containers, which are in server_admin.cc.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr HistoryEntry kBgsaveHistory[] = {
    {"3.2.2", "Added the `SCHEDULE` option."},
};

constexpr Argument kBgsaveArguments[] = {
    {.name = "schedule",
     .type = kPureToken,
     .token = "SCHEDULE",
     .since = "3.2.2",
     .flags = kOptional},
};

constexpr Argument kFailoverTarget[] = {
    {.name = "host"},
    {.name = "port", .type = kInteger},
    {.name = "force", .type = kPureToken, .token = "FORCE", .flags = kOptional},
};

constexpr Argument kFailoverArguments[] = {
    {.name = "target",
     .type = kBlock,
     .token = "TO",
     .flags = kOptional,
     .arguments = kFailoverTarget},
    {.name = "abort", .type = kPureToken, .token = "ABORT", .flags = kOptional},
    {.name = "milliseconds", .type = kInteger, .token = "TIMEOUT", .flags = kOptional},
};

constexpr HistoryEntry kFlushallHistory[] = {
    {"4.0.0", "Added the `ASYNC` flushing mode modifier."},
    {"6.2.0", "Added the `SYNC` flushing mode modifier."},
};

constexpr Argument kFlushallAsync[] = {
    {.name = "async", .type = kPureToken, .token = "ASYNC", .since = "4.0.0"},
    {.name = "sync", .type = kPureToken, .token = "SYNC", .since = "6.2.0"},
};

constexpr Argument kFlushallArguments[] = {
    {.name = "async", .type = kOneOf, .flags = kOptional, .arguments = kFlushallAsync},
};

constexpr HistoryEntry kFlushdbHistory[] = {
    {"4.0.0", "Added the `ASYNC` flushing mode modifier."},
    {"6.2.0", "Added the `SYNC` flushing mode modifier."},
};

constexpr Argument kFlushdbAsync[] = {
    {.name = "async", .type = kPureToken, .token = "ASYNC", .since = "4.0.0"},
    {.name = "sync", .type = kPureToken, .token = "SYNC", .since = "6.2.0"},
};

constexpr Argument kFlushdbArguments[] = {
    {.name = "async", .type = kOneOf, .flags = kOptional, .arguments = kFlushdbAsync},
};

constexpr HistoryEntry kInfoHistory[] = {
    {"7.0.0", "Added support for taking multiple section arguments."},
};

constexpr Argument kInfoArguments[] = {
    {.name = "section", .flags = kOptional | kMultiple},
};

constexpr Argument kLolwutArguments[] = {
    {.name = "version", .type = kInteger, .token = "VERSION", .flags = kOptional},
};

constexpr Argument kPsyncArguments[] = {
    {.name = "replicationid"},
    {.name = "offset", .type = kInteger},
};

constexpr Argument kReplicaofArgsHostPort[] = {
    {.name = "host"},
    {.name = "port", .type = kInteger},
};

constexpr Argument kReplicaofArgsNoOne[] = {
    {.name = "no", .type = kPureToken, .token = "NO"},
    {.name = "one", .type = kPureToken, .token = "ONE"},
};

constexpr Argument kReplicaofArgs[] = {
    {.name = "host-port", .type = kBlock, .arguments = kReplicaofArgsHostPort},
    {.name = "no-one", .type = kBlock, .arguments = kReplicaofArgsNoOne},
};

constexpr Argument kReplicaofArguments[] = {
    {.name = "args", .type = kOneOf, .arguments = kReplicaofArgs},
};

constexpr HistoryEntry kRestoreAskingHistory[] = {
    {"3.0.0", "Added the `REPLACE` modifier."},
    {"5.0.0", "Added the `ABSTTL` modifier."},
    {"5.0.0", "Added the `IDLETIME` and `FREQ` options."},
};

constexpr Argument kRestoreAskingArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "ttl", .type = kInteger},
    {.name = "serialized-value"},
    {.name = "replace",
     .type = kPureToken,
     .token = "REPLACE",
     .since = "3.0.0",
     .flags = kOptional},
    {.name = "absttl", .type = kPureToken, .token = "ABSTTL", .since = "5.0.0", .flags = kOptional},
    {.name = "seconds",
     .type = kInteger,
     .token = "IDLETIME",
     .since = "5.0.0",
     .flags = kOptional},
    {.name = "frequency", .type = kInteger, .token = "FREQ", .since = "5.0.0", .flags = kOptional},
};

constexpr HistoryEntry kShutdownHistory[] = {
    {"7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers."},
};

constexpr Argument kShutdownNosaveSave[] = {
    {.name = "nosave", .type = kPureToken, .token = "NOSAVE"},
    {.name = "save", .type = kPureToken, .token = "SAVE"},
};

constexpr Argument kShutdownArguments[] = {
    {.name = "nosave_save", .type = kOneOf, .flags = kOptional, .arguments = kShutdownNosaveSave},
    {.name = "now", .type = kPureToken, .token = "NOW", .since = "7.0.0", .flags = kOptional},
    {.name = "force", .type = kPureToken, .token = "FORCE", .since = "7.0.0", .flags = kOptional},
    {.name = "abort", .type = kPureToken, .token = "ABORT", .since = "7.0.0", .flags = kOptional},
};

constexpr Argument kSlaveofArgsHostPort[] = {
    {.name = "host"},
    {.name = "port", .type = kInteger},
};

constexpr Argument kSlaveofArgsNoOne[] = {
    {.name = "no", .type = kPureToken, .token = "NO"},
    {.name = "one", .type = kPureToken, .token = "ONE"},
};

constexpr Argument kSlaveofArgs[] = {
    {.name = "host-port", .type = kBlock, .arguments = kSlaveofArgsHostPort},
    {.name = "no-one", .type = kBlock, .arguments = kSlaveofArgsNoOne},
};

constexpr Argument kSlaveofArguments[] = {
    {.name = "args", .type = kOneOf, .arguments = kSlaveofArgs},
};

constexpr Argument kSwapdbArguments[] = {
    {.name = "index1", .type = kInteger},
    {.name = "index2", .type = kInteger},
};

constexpr Spec kRows[] = {
    {.name = "bgrewriteaof",
     .arity = 1,
     .flags = kAdmin | kNoscript | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kSpecial,
     .group = "server",
     .summary = "Asynchronously rewrite the append-only file",
     .since = "1.0.0",
     .complexity = "O(1)"},
    {.name = "bgsave",
     .arity = -1,
     .flags = kAdmin | kNoscript | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kSpecial,
     .group = "server",
     .summary = "Asynchronously save the dataset to disk",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = kBgsaveHistory,
     .arguments = kBgsaveArguments},
    {.name = "dbsize",
     .arity = 1,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace | kAclRead | kAclFast,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kAggSum,
     .group = "server",
     .summary = "Return the number of keys in the selected database",
     .since = "1.0.0",
     .complexity = "O(1)"},
    {.name = "debug",
     .arity = -2,
     .flags = kProtected | kAdmin | kNoscript | kLoading | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kLocal,
     .group = "server",
     .summary = "A container for debugging commands",
     .since = "1.0.0",
     .complexity = "Depends on subcommand.",
     .doc_syscmd = true},
    {.name = "failover",
     .arity = -1,
     .flags = kAdmin | kNoscript | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "server",
     .summary = "Start a coordinated failover between this server and one of its replicas.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arguments = kFailoverArguments},
    {.name = "flushall",
     .arity = -1,
     .flags = kWrite,
     .acl = kAclKeyspace | kAclWrite | kAclSlow | kAclDangerous,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kAllSucceeded,
     .group = "server",
     .summary = "Remove all keys from all databases",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of keys in all databases",
     .history = kFlushallHistory,
     .arguments = kFlushallArguments},
    {.name = "flushdb",
     .arity = -1,
     .flags = kWrite,
     .acl = kAclKeyspace | kAclWrite | kAclSlow | kAclDangerous,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kAllSucceeded,
     .group = "server",
     .summary = "Remove all keys from the current database",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys in the selected database",
     .history = kFlushdbHistory,
     .arguments = kFlushdbArguments},
    {.name = "info",
     .arity = -1,
     .flags = kLoading | kStale,
     .acl = kAclSlow | kAclDangerous,
     .tips = kNondeterministicOutput,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kSpecial,
     .route = Route::kLocal,
     .group = "server",
     .summary = "Get information and statistics about the server",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = kInfoHistory,
     .arguments = kInfoArguments},
    {.name = "lastsave",
     .arity = 1,
     .flags = kLoading | kStale | kFast,
     .acl = kAclAdmin | kAclFast | kAclDangerous,
     .tips = kNondeterministicOutput,
     .route = Route::kSpecial,
     .group = "server",
     .summary = "Get the UNIX time stamp of the last successful save to disk",
     .since = "1.0.0",
     .complexity = "O(1)"},
    {.name = "lolwut",
     .arity = -1,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclFast,
     .group = "server",
     .summary = "Display some computer art and the Redis version",
     .since = "5.0.0",
     .arguments = kLolwutArguments},
    {.name = "monitor",
     .arity = 1,
     .flags = kAdmin | kNoscript | kLoading | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "server",
     .summary = "Listen for all requests received by the server in real time",
     .since = "1.0.0"},
    {.name = "psync",
     .arity = -3,
     .flags = kAdmin | kNoscript | kNoAsyncLoading | kNoMulti,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "server",
     .summary = "Internal command used for replication",
     .since = "2.8.0",
     .arguments = kPsyncArguments},
    {.name = "replconf",
     .arity = -1,
     .flags = kAdmin | kNoscript | kLoading | kStale | kAllowBusy,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "server",
     .summary = "An internal command for configuring the replication stream",
     .since = "3.0.0",
     .complexity = "O(1)",
     .doc_syscmd = true},
    {.name = "replicaof",
     .arity = 3,
     .flags = kAdmin | kNoscript | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "server",
     .summary = "Make the server a replica of another instance, or promote it as master.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arguments = kReplicaofArguments},
    {.name = "restore-asking",
     .arity = -4,
     .flags = kWrite | kDenyOom | kAsking,
     .acl = kAclKeyspace | kAclWrite | kAclSlow | kAclDangerous,
     .key_specs = kKeys<kKeyOW | kKeyUpdate>,
     .group = "server",
     .summary = "An internal command for migrating keys in a cluster",
     .since = "3.0.0",
     .complexity = "O(1) to create the new key and additional O(N*M) to reconstruct the serialized "
                   "value, where N is the number of Redis objects composing the value and M their "
                   "average size. For small string values the time complexity is thus O(1)+O(1*M) "
                   "where M is small, so simply O(1). However for sorted set values the complexity "
                   "is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
     .doc_syscmd = true,
     .history = kRestoreAskingHistory,
     .arguments = kRestoreAskingArguments},
    {.name = "role",
     .arity = 1,
     .flags = kNoscript | kLoading | kStale | kFast,
     .acl = kAclAdmin | kAclFast | kAclDangerous,
     .route = Route::kLocal,
     .group = "server",
     .summary = "Return the role of the instance in the context of replication",
     .since = "2.8.12",
     .complexity = "O(1)"},
    {.name = "save",
     .arity = 1,
     .flags = kAdmin | kNoscript | kNoAsyncLoading | kNoMulti,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kSpecial,
     .group = "server",
     .summary = "Synchronously save the dataset to disk",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of keys in all databases"},
    {.name = "shutdown",
     .arity = -1,
     .flags = kAdmin | kNoscript | kLoading | kStale | kNoMulti | kAllowBusy,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "server",
     .summary = "Synchronously save the dataset to disk and then shut down the server",
     .since = "1.0.0",
     .complexity = "O(N) when saving, where N is the total number of keys in all databases when "
                   "saving data, otherwise O(1)",
     .history = kShutdownHistory,
     .arguments = kShutdownArguments},
    {.name = "slaveof",
     .arity = 3,
     .flags = kAdmin | kNoscript | kStale | kNoAsyncLoading,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "server",
     .summary = "Make the server a replica of another instance, or promote it as master.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .deprecated_since = "5.0.0",
     .replaced_by = "`REPLICAOF`",
     .arguments = kSlaveofArguments},
    {.name = "swapdb",
     .arity = 3,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace | kAclWrite | kAclFast | kAclDangerous,
     .route = Route::kSpecial,
     .group = "server",
     .summary = "Swaps two Redis databases",
     .since = "4.0.0",
     .complexity =
         "O(N) where N is the count of clients watching or blocking on keys from both databases.",
     .arguments = kSwapdbArguments},
    {.name = "sync",
     .arity = 1,
     .flags = kAdmin | kNoscript | kNoAsyncLoading | kNoMulti,
     .acl = kAclAdmin | kAclSlow | kAclDangerous,
     .route = Route::kRefused,
     .group = "server",
     .summary = "Internal command used for replication",
     .since = "1.0.0"},
    {.name = "time",
     .arity = 1,
     .flags = kLoading | kStale | kFast,
     .acl = kAclFast,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "server",
     .summary = "Return the current server time",
     .since = "2.6.0",
     .complexity = "O(1)"},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kServerRows = kRows;

}  // namespace keyway::command
