// The publish/subscribe commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr Argument kPsubscribePattern[] = {
    {.name = "pattern", .type = kPattern},
};

constexpr Argument kPsubscribeArguments[] = {
    {.name = "pattern", .type = kBlock, .flags = kMultiple, .arguments = kPsubscribePattern},
};

constexpr Argument kPublishArguments[] = {
    {.name = "channel"},
    {.name = "message"},
};

constexpr Argument kPubsubChannelsArguments[] = {
    {.name = "pattern", .type = kPattern, .flags = kOptional},
};

constexpr Argument kPubsubNumsubArguments[] = {
    {.name = "channel", .flags = kOptional | kMultiple},
};

constexpr Argument kPubsubShardchannelsArguments[] = {
    {.name = "pattern", .type = kPattern, .flags = kOptional},
};

constexpr Argument kPubsubShardnumsubArguments[] = {
    {.name = "shardchannel", .flags = kOptional | kMultiple},
};

constexpr Spec kPubsubSubcommands[] = {
    {.name = "channels",
     .arity = -2,
     .flags = kPubsub | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .route = Route::kSpecial,
     .group = "pubsub",
     .summary = "List active channels",
     .since = "2.8.0",
     .complexity = "O(N) where N is the number of active channels, and assuming constant time "
                   "pattern matching (relatively short channels and patterns)",
     .arguments = kPubsubChannelsArguments},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclSlow,
     .group = "pubsub",
     .summary = "Show helpful text about the different subcommands",
     .since = "6.2.0",
     .complexity = "O(1)"},
    {.name = "numpat",
     .arity = 2,
     .flags = kPubsub | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .route = Route::kSpecial,
     .group = "pubsub",
     .summary = "Get the count of unique patterns pattern subscriptions",
     .since = "2.8.0",
     .complexity = "O(1)"},
    {.name = "numsub",
     .arity = -2,
     .flags = kPubsub | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .route = Route::kSpecial,
     .group = "pubsub",
     .summary = "Get the count of subscribers for channels",
     .since = "2.8.0",
     .complexity = "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
     .arguments = kPubsubNumsubArguments},
    {.name = "shardchannels",
     .arity = -2,
     .flags = kPubsub | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .route = Route::kSpecial,
     .group = "pubsub",
     .summary = "List active shard channels",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of active shard channels, and assuming constant "
                   "time pattern matching (relatively short shard channels).",
     .arguments = kPubsubShardchannelsArguments},
    {.name = "shardnumsub",
     .arity = -2,
     .flags = kPubsub | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .route = Route::kSpecial,
     .group = "pubsub",
     .summary = "Get the count of subscribers for shard channels",
     .since = "7.0.0",
     .complexity =
         "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
     .arguments = kPubsubShardnumsubArguments},
};

constexpr Argument kPunsubscribeArguments[] = {
    {.name = "pattern", .type = kPattern, .flags = kOptional | kMultiple},
};

constexpr Argument kSpublishArguments[] = {
    {.name = "shardchannel"},
    {.name = "message"},
};

constexpr Argument kSsubscribeArguments[] = {
    {.name = "shardchannel", .flags = kMultiple},
};

constexpr Argument kSubscribeArguments[] = {
    {.name = "channel", .flags = kMultiple},
};

constexpr Argument kSunsubscribeArguments[] = {
    {.name = "shardchannel", .flags = kOptional | kMultiple},
};

constexpr Argument kUnsubscribeArguments[] = {
    {.name = "channel", .flags = kOptional | kMultiple},
};

constexpr Spec kRows[] = {
    {.name = "psubscribe",
     .arity = -2,
     .flags = kPubsub | kNoscript | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .route = Route::kLocal,
     .group = "pubsub",
     .summary = "Listen for messages published to channels matching the given patterns",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of patterns the client is already subscribed to.",
     .arguments = kPsubscribeArguments},
    {.name = "publish",
     .arity = 3,
     .flags = kPubsub | kLoading | kStale | kFast | kMayReplicate,
     .acl = kAclPubsub | kAclFast,
     .route = Route::kSpecial,
     .group = "pubsub",
     .summary = "Post a message to a channel",
     .since = "2.0.0",
     .complexity = "O(N+M) where N is the number of clients subscribed to the receiving channel "
                   "and M is the total number of subscribed patterns (by any client).",
     .arguments = kPublishArguments},
    {.name = "pubsub",
     .arity = -2,
     .acl = kAclSlow,
     .subcommands = kPubsubSubcommands,
     .group = "pubsub",
     .summary = "A container for Pub/Sub commands",
     .since = "2.8.0",
     .complexity = "Depends on subcommand."},
    {.name = "punsubscribe",
     .arity = -1,
     .flags = kPubsub | kNoscript | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .route = Route::kLocal,
     .group = "pubsub",
     .summary = "Stop listening for messages posted to channels matching the given patterns",
     .since = "2.0.0",
     .complexity = "O(N+M) where N is the number of patterns the client is already subscribed and "
                   "M is the number of total patterns subscribed in the system (by any client).",
     .arguments = kPunsubscribeArguments},
    {.name = "spublish",
     .arity = 3,
     .flags = kPubsub | kLoading | kStale | kFast | kMayReplicate,
     .acl = kAclPubsub | kAclFast,
     .key_specs = kKeys<kKeyNotKey>,
     .route = Route::kSpecial,
     .group = "pubsub",
     .summary = "Post a message to a shard channel",
     .since = "7.0.0",
     .complexity =
         "O(N) where N is the number of clients subscribed to the receiving shard channel.",
     .arguments = kSpublishArguments},
    {.name = "ssubscribe",
     .arity = -2,
     .flags = kPubsub | kNoscript | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .key_specs = kKeys<kKeyNotKey, 1, -1>,
     .route = Route::kLocal,
     .group = "pubsub",
     .summary = "Listen for messages published to the given shard channels",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of shard channels to subscribe to.",
     .arguments = kSsubscribeArguments},
    {.name = "subscribe",
     .arity = -2,
     .flags = kPubsub | kNoscript | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .route = Route::kLocal,
     .group = "pubsub",
     .summary = "Listen for messages published to the given channels",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of channels to subscribe to.",
     .arguments = kSubscribeArguments},
    {.name = "sunsubscribe",
     .arity = -1,
     .flags = kPubsub | kNoscript | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .key_specs = kKeys<kKeyNotKey, 1, -1>,
     .route = Route::kLocal,
     .group = "pubsub",
     .summary = "Stop listening for messages posted to the given shard channels",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of clients already subscribed to a shard channel.",
     .arguments = kSunsubscribeArguments},
    {.name = "unsubscribe",
     .arity = -1,
     .flags = kPubsub | kNoscript | kLoading | kStale,
     .acl = kAclPubsub | kAclSlow,
     .route = Route::kLocal,
     .group = "pubsub",
     .summary = "Stop listening for messages posted to the given channels",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of clients already subscribed to a channel.",
     .arguments = kUnsubscribeArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kPubsubRows = kRows;

}  // namespace keyway::command
