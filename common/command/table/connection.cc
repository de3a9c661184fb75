// The commands about the client's own connection.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr HistoryEntry kAuthHistory[] = {
    {"6.0.0", "Added ACL style (username and password)."},
};

constexpr Argument kAuthArguments[] = {
    {.name = "username", .since = "6.0.0", .flags = kOptional},
    {.name = "password"},
};

constexpr Argument kClientCachingMode[] = {
    {.name = "yes", .type = kPureToken, .token = "YES"},
    {.name = "no", .type = kPureToken, .token = "NO"},
};

constexpr Argument kClientCachingArguments[] = {
    {.name = "mode", .type = kOneOf, .arguments = kClientCachingMode},
};

constexpr HistoryEntry kClientKillHistory[] = {
    {"2.8.12", "Added new filter format."},
    {"2.8.12", "`ID` option."},
    {"3.2.0", "Added `master` type in for `TYPE` option."},
    {"5.0.0",
     "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility."},
    {"6.2.0", "`LADDR` option."},
};

constexpr Argument kClientKillFilterNewFormatNormalMasterSlavePubsub[] = {
    {.name = "normal", .type = kPureToken, .token = "NORMAL"},
    {.name = "master", .type = kPureToken, .token = "MASTER", .since = "3.2.0"},
    {.name = "slave", .type = kPureToken, .token = "SLAVE"},
    {.name = "replica", .type = kPureToken, .token = "REPLICA", .since = "5.0.0"},
    {.name = "pubsub", .type = kPureToken, .token = "PUBSUB"},
};

constexpr Argument kClientKillFilterNewFormat[] = {
    {.name = "client-id", .type = kInteger, .token = "ID", .since = "2.8.12", .flags = kOptional},
    {.name = "normal_master_slave_pubsub",
     .type = kOneOf,
     .token = "TYPE",
     .since = "2.8.12",
     .flags = kOptional,
     .arguments = kClientKillFilterNewFormatNormalMasterSlavePubsub},
    {.name = "username", .token = "USER", .flags = kOptional},
    {.name = "ip:port", .token = "ADDR", .flags = kOptional},
    {.name = "ip:port", .token = "LADDR", .since = "6.2.0", .flags = kOptional},
    {.name = "yes/no", .token = "SKIPME", .flags = kOptional},
};

constexpr Argument kClientKillFilter[] = {
    {.name = "ip:port", .deprecated_since = "2.8.12"},
    {.name = "new-format",
     .type = kOneOf,
     .flags = kMultiple,
     .arguments = kClientKillFilterNewFormat},
};

constexpr Argument kClientKillArguments[] = {
    {.name = "filter", .type = kOneOf, .arguments = kClientKillFilter},
};

constexpr HistoryEntry kClientListHistory[] = {
    {"2.8.12", "Added unique client `id` field."},
    {"5.0.0", "Added optional `TYPE` filter."},
    {"6.0.0", "Added `user` field."},
    {"6.2.0",
     "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter."},
    {"7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."},
    {"7.0.3", "Added `ssub` field."},
};

constexpr Argument kClientListNormalMasterReplicaPubsub[] = {
    {.name = "normal", .type = kPureToken, .token = "NORMAL"},
    {.name = "master", .type = kPureToken, .token = "MASTER"},
    {.name = "replica", .type = kPureToken, .token = "REPLICA"},
    {.name = "pubsub", .type = kPureToken, .token = "PUBSUB"},
};

constexpr Argument kClientListId[] = {
    {.name = "client-id", .type = kInteger, .flags = kMultiple},
};

constexpr Argument kClientListArguments[] = {
    {.name = "normal_master_replica_pubsub",
     .type = kOneOf,
     .token = "TYPE",
     .since = "5.0.0",
     .flags = kOptional,
     .arguments = kClientListNormalMasterReplicaPubsub},
    {.name = "id",
     .type = kBlock,
     .token = "ID",
     .since = "6.2.0",
     .flags = kOptional,
     .arguments = kClientListId},
};

constexpr Argument kClientNoEvictEnabled[] = {
    {.name = "on", .type = kPureToken, .token = "ON"},
    {.name = "off", .type = kPureToken, .token = "OFF"},
};

constexpr Argument kClientNoEvictArguments[] = {
    {.name = "enabled", .type = kOneOf, .arguments = kClientNoEvictEnabled},
};

constexpr HistoryEntry kClientPauseHistory[] = {
    {"6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option."},
};

constexpr Argument kClientPauseMode[] = {
    {.name = "write", .type = kPureToken, .token = "WRITE"},
    {.name = "all", .type = kPureToken, .token = "ALL"},
};

constexpr Argument kClientPauseArguments[] = {
    {.name = "timeout", .type = kInteger},
    {.name = "mode",
     .type = kOneOf,
     .since = "6.2.0",
     .flags = kOptional,
     .arguments = kClientPauseMode},
};

constexpr Argument kClientReplyOnOffSkip[] = {
    {.name = "on", .type = kPureToken, .token = "ON"},
    {.name = "off", .type = kPureToken, .token = "OFF"},
    {.name = "skip", .type = kPureToken, .token = "SKIP"},
};

constexpr Argument kClientReplyArguments[] = {
    {.name = "on_off_skip", .type = kOneOf, .arguments = kClientReplyOnOffSkip},
};

constexpr Argument kClientSetnameArguments[] = {
    {.name = "connection-name"},
};

constexpr Argument kClientTrackingStatus[] = {
    {.name = "on", .type = kPureToken, .token = "ON"},
    {.name = "off", .type = kPureToken, .token = "OFF"},
};

constexpr Argument kClientTrackingArguments[] = {
    {.name = "status", .type = kOneOf, .arguments = kClientTrackingStatus},
    {.name = "client-id", .type = kInteger, .token = "REDIRECT", .flags = kOptional},
    {.name = "prefix", .token = "PREFIX", .flags = kOptional | kMultiple | kMultipleToken},
    {.name = "bcast", .type = kPureToken, .token = "BCAST", .flags = kOptional},
    {.name = "optin", .type = kPureToken, .token = "OPTIN", .flags = kOptional},
    {.name = "optout", .type = kPureToken, .token = "OPTOUT", .flags = kOptional},
    {.name = "noloop", .type = kPureToken, .token = "NOLOOP", .flags = kOptional},
};

constexpr Argument kClientUnblockTimeoutError[] = {
    {.name = "timeout", .type = kPureToken, .token = "TIMEOUT"},
    {.name = "error", .type = kPureToken, .token = "ERROR"},
};

constexpr Argument kClientUnblockArguments[] = {
    {.name = "client-id", .type = kInteger},
    {.name = "timeout_error",
     .type = kOneOf,
     .flags = kOptional,
     .arguments = kClientUnblockTimeoutError},
};

constexpr Spec kClientSubcommands[] = {
    {.name = "caching",
     .arity = 3,
     .flags = kNoscript | kLoading | kStale,
     .acl = kAclSlow | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Instruct the server about tracking or not keys in the next request",
     .since = "6.0.0",
     .complexity = "O(1)",
     .arguments = kClientCachingArguments},
    {.name = "getname",
     .arity = 2,
     .flags = kNoscript | kLoading | kStale,
     .acl = kAclSlow | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Get the current connection name",
     .since = "2.6.9",
     .complexity = "O(1)"},
    {.name = "getredir",
     .arity = 2,
     .flags = kNoscript | kLoading | kStale,
     .acl = kAclSlow | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Get tracking notifications redirection client ID if any",
     .since = "6.0.0",
     .complexity = "O(1)"},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclSlow | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Show helpful text about the different subcommands",
     .since = "5.0.0",
     .complexity = "O(1)"},
    {.name = "id",
     .arity = 2,
     .flags = kNoscript | kLoading | kStale,
     .acl = kAclSlow | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Returns the client ID for the current connection",
     .since = "5.0.0",
     .complexity = "O(1)"},
    {.name = "info",
     .arity = 2,
     .flags = kNoscript | kLoading | kStale,
     .acl = kAclSlow | kAclConnection,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Returns information about the current client connection.",
     .since = "6.2.0",
     .complexity = "O(1)"},
    {.name = "kill",
     .arity = -3,
     .flags = kAdmin | kNoscript | kLoading | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Kill the connection of a client",
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of client connections",
     .history = kClientKillHistory,
     .arguments = kClientKillArguments},
    {.name = "list",
     .arity = -2,
     .flags = kAdmin | kNoscript | kLoading | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous | kAclConnection,
     .tips = kNondeterministicOutput,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Get the list of client connections",
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of client connections",
     .history = kClientListHistory,
     .arguments = kClientListArguments},
    {.name = "no-evict",
     .arity = 3,
     .flags = kAdmin | kNoscript | kLoading | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Set client eviction mode for the current connection",
     .since = "7.0.0",
     .complexity = "O(1)",
     .arguments = kClientNoEvictArguments},
    {.name = "pause",
     .arity = -3,
     .flags = kAdmin | kNoscript | kLoading | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Stop processing commands from clients for some time",
     .since = "2.9.50",
     .complexity = "O(1)",
     .history = kClientPauseHistory,
     .arguments = kClientPauseArguments},
    {.name = "reply",
     .arity = 3,
     .flags = kNoscript | kLoading | kStale,
     .acl = kAclSlow | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Instruct the server whether to reply to commands",
     .since = "3.2.0",
     .complexity = "O(1)",
     .arguments = kClientReplyArguments},
    {.name = "setname",
     .arity = 3,
     .flags = kNoscript | kLoading | kStale,
     .acl = kAclSlow | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Set the current connection name",
     .since = "2.6.9",
     .complexity = "O(1)",
     .arguments = kClientSetnameArguments},
    {.name = "tracking",
     .arity = -3,
     .flags = kNoscript | kLoading | kStale,
     .acl = kAclSlow | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Enable or disable server assisted client side caching support",
     .since = "6.0.0",
     .complexity = "O(1). Some options may introduce additional complexity.",
     .arguments = kClientTrackingArguments},
    {.name = "trackinginfo",
     .arity = 2,
     .flags = kNoscript | kLoading | kStale,
     .acl = kAclSlow | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary =
         "Return information about server assisted client side caching for the current connection",
     .since = "6.2.0",
     .complexity = "O(1)"},
    {.name = "unblock",
     .arity = -3,
     .flags = kAdmin | kNoscript | kLoading | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Unblock a client blocked in a blocking command from a different connection",
     .since = "5.0.0",
     .complexity = "O(log N) where N is the number of client connections",
     .arguments = kClientUnblockArguments},
    {.name = "unpause",
     .arity = 2,
     .flags = kAdmin | kNoscript | kLoading | kStale,
     .acl = kAclAdmin | kAclSlow | kAclDangerous | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Resume processing of clients that were paused",
     .since = "6.2.0",
     .complexity = "O(N) Where N is the number of paused clients"},
};

constexpr Argument kEchoArguments[] = {
    {.name = "message"},
};

constexpr HistoryEntry kHelloHistory[] = {
    {"6.2.0",
     "`protover` made optional; when called without arguments the command reports the current "
     "connection's context."},
};

constexpr Argument kHelloArgumentsUsernamePassword[] = {
    {.name = "username"},
    {.name = "password"},
};

constexpr Argument kHelloOptions[] = {
    {.name = "protover", .type = kInteger},
    {.name = "username_password",
     .type = kBlock,
     .token = "AUTH",
     .flags = kOptional,
     .arguments = kHelloArgumentsUsernamePassword},
    {.name = "clientname", .token = "SETNAME", .flags = kOptional},
};

constexpr Argument kHelloArguments[] = {
    {.name = "arguments", .type = kBlock, .flags = kOptional, .arguments = kHelloOptions},
};

constexpr Argument kPingArguments[] = {
    {.name = "message", .flags = kOptional},
};

constexpr Argument kSelectArguments[] = {
    {.name = "index", .type = kInteger},
};

constexpr Spec kRows[] = {
    {.name = "auth",
     .arity = -2,
     .flags = kNoscript | kLoading | kStale | kFast | kNoAuth | kAllowBusy,
     .acl = kAclFast | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Authenticate to the server",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of passwords defined for the user",
     .history = kAuthHistory,
     .arguments = kAuthArguments},
    {.name = "client",
     .arity = -2,
     .acl = kAclSlow,
     .route = Route::kLocal,
     .subcommands = kClientSubcommands,
     .group = "connection",
     .summary = "A container for client connection commands",
     .since = "2.4.0",
     .complexity = "Depends on subcommand."},
    {.name = "echo",
     .arity = 2,
     .flags = kLoading | kStale | kFast,
     .acl = kAclFast | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Echo the given string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kEchoArguments},
    {.name = "hello",
     .arity = -1,
     .flags = kNoscript | kLoading | kStale | kFast | kNoAuth | kAllowBusy,
     .acl = kAclFast | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Handshake with Redis",
     .since = "6.0.0",
     .complexity = "O(1)",
     .history = kHelloHistory,
     .arguments = kHelloArguments},
    {.name = "ping",
     .arity = -1,
     .flags = kFast,
     .acl = kAclFast | kAclConnection,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kAllSucceeded,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Ping the server",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kPingArguments},
    {.name = "quit",
     .arity = -1,
     .flags = kNoscript | kLoading | kStale | kFast | kNoAuth | kAllowBusy,
     .acl = kAclFast | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Close the connection",
     .since = "1.0.0",
     .complexity = "O(1)"},
    {.name = "reset",
     .arity = 1,
     .flags = kNoscript | kLoading | kStale | kFast | kNoAuth | kAllowBusy,
     .acl = kAclFast | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Reset the connection",
     .since = "6.2.0",
     .complexity = "O(1)"},
    {.name = "select",
     .arity = 2,
     .flags = kLoading | kStale | kFast,
     .acl = kAclFast | kAclConnection,
     .route = Route::kLocal,
     .group = "connection",
     .summary = "Change the selected database for the current connection",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kSelectArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kConnectionRows = kRows;

}  // namespace keyway::command
