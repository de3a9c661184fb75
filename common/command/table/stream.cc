// The stream commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr Argument kXackArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "group"},
    {.name = "id", .flags = kMultiple},
};

constexpr KeySpec kXaddKeys[] = {
    {.notes = "UPDATE instead of INSERT because of the optional trimming feature",
     .flags = kKeyRW | kKeyUpdate,
     .index = 1},
};

constexpr HistoryEntry kXaddHistory[] = {
    {"6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."},
    {"7.0.0", "Added support for the `<ms>-*` explicit ID form."},
};

constexpr Argument kXaddTrimStrategy[] = {
    {.name = "maxlen", .type = kPureToken, .token = "MAXLEN"},
    {.name = "minid", .type = kPureToken, .token = "MINID", .since = "6.2.0"},
};

constexpr Argument kXaddTrimOperator[] = {
    {.name = "equal", .type = kPureToken, .token = "="},
    {.name = "approximately", .type = kPureToken, .token = "~"},
};

constexpr Argument kXaddTrim[] = {
    {.name = "strategy", .type = kOneOf, .arguments = kXaddTrimStrategy},
    {.name = "operator", .type = kOneOf, .flags = kOptional, .arguments = kXaddTrimOperator},
    {.name = "threshold"},
    {.name = "count", .type = kInteger, .token = "LIMIT", .since = "6.2.0", .flags = kOptional},
};

constexpr Argument kXaddIdOrAuto[] = {
    {.name = "auto_id", .type = kPureToken, .token = "*"},
    {.name = "id"},
};

constexpr Argument kXaddFieldValue[] = {
    {.name = "field"},
    {.name = "value"},
};

constexpr Argument kXaddArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "nomkstream",
     .type = kPureToken,
     .token = "NOMKSTREAM",
     .since = "6.2.0",
     .flags = kOptional},
    {.name = "trim", .type = kBlock, .flags = kOptional, .arguments = kXaddTrim},
    {.name = "id_or_auto", .type = kOneOf, .arguments = kXaddIdOrAuto},
    {.name = "field_value", .type = kBlock, .flags = kMultiple, .arguments = kXaddFieldValue},
};

constexpr HistoryEntry kXautoclaimHistory[] = {
    {"7.0.0",
     "Added an element to the reply array, containing deleted entries the command cleared from the "
     "PEL"},
};

constexpr Argument kXautoclaimArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "group"},
    {.name = "consumer"},
    {.name = "min-idle-time"},
    {.name = "start"},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
    {.name = "justid", .type = kPureToken, .token = "JUSTID", .flags = kOptional},
};

constexpr Argument kXclaimArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "group"},
    {.name = "consumer"},
    {.name = "min-idle-time"},
    {.name = "id", .flags = kMultiple},
    {.name = "ms", .type = kInteger, .token = "IDLE", .flags = kOptional},
    {.name = "unix-time-milliseconds", .type = kUnixTime, .token = "TIME", .flags = kOptional},
    {.name = "count", .type = kInteger, .token = "RETRYCOUNT", .flags = kOptional},
    {.name = "force", .type = kPureToken, .token = "FORCE", .flags = kOptional},
    {.name = "justid", .type = kPureToken, .token = "JUSTID", .flags = kOptional},
    {.name = "id", .token = "LASTID", .flags = kOptional},
};

constexpr Argument kXdelArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "id", .flags = kMultiple},
};

constexpr HistoryEntry kXgroupCreateHistory[] = {
    {"7.0.0", "Added the `entries_read` named argument."},
};

constexpr Argument kXgroupCreateId[] = {
    {.name = "id"},
    {.name = "new_id", .type = kPureToken, .token = "$"},
};

constexpr Argument kXgroupCreateArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "groupname"},
    {.name = "id", .type = kOneOf, .arguments = kXgroupCreateId},
    {.name = "mkstream", .type = kPureToken, .token = "MKSTREAM", .flags = kOptional},
    {.name = "entries_read", .type = kInteger, .token = "ENTRIESREAD", .flags = kOptional},
};

constexpr Argument kXgroupCreateconsumerArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "groupname"},
    {.name = "consumername"},
};

constexpr Argument kXgroupDelconsumerArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "groupname"},
    {.name = "consumername"},
};

constexpr Argument kXgroupDestroyArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "groupname"},
};

constexpr HistoryEntry kXgroupSetidHistory[] = {
    {"7.0.0", "Added the optional `entries_read` argument."},
};

constexpr Argument kXgroupSetidId[] = {
    {.name = "id"},
    {.name = "new_id", .type = kPureToken, .token = "$"},
};

constexpr Argument kXgroupSetidArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "groupname"},
    {.name = "id", .type = kOneOf, .arguments = kXgroupSetidId},
    {.name = "entries_read", .type = kInteger, .token = "ENTRIESREAD", .flags = kOptional},
};

constexpr Spec kXgroupSubcommands[] = {
    {.name = "create",
     .arity = -5,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyInsert, 2>,
     .group = "stream",
     .summary = "Create a consumer group.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .history = kXgroupCreateHistory,
     .arguments = kXgroupCreateArguments},
    {.name = "createconsumer",
     .arity = 5,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyInsert, 2>,
     .group = "stream",
     .summary = "Create a consumer in a consumer group.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arguments = kXgroupCreateconsumerArguments},
    {.name = "delconsumer",
     .arity = 5,
     .flags = kWrite,
     .acl = kAclWrite | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyDelete, 2>,
     .group = "stream",
     .summary = "Delete a consumer from a consumer group.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arguments = kXgroupDelconsumerArguments},
    {.name = "destroy",
     .arity = 4,
     .flags = kWrite,
     .acl = kAclWrite | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyDelete, 2>,
     .group = "stream",
     .summary = "Destroy a consumer group.",
     .since = "5.0.0",
     .complexity =
         "O(N) where N is the number of entries in the group's pending entries list (PEL).",
     .arguments = kXgroupDestroyArguments},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclStream | kAclSlow,
     .group = "stream",
     .summary = "Show helpful text about the different subcommands",
     .since = "5.0.0",
     .complexity = "O(1)"},
    {.name = "setid",
     .arity = -5,
     .flags = kWrite,
     .acl = kAclWrite | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyUpdate, 2>,
     .group = "stream",
     .summary = "Set a consumer group to an arbitrary last delivered ID value.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .history = kXgroupSetidHistory,
     .arguments = kXgroupSetidArguments},
};

constexpr Argument kXinfoConsumersArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "groupname"},
};

constexpr HistoryEntry kXinfoGroupsHistory[] = {
    {"7.0.0", "Added the `entries-read` and `lag` fields"},
};

constexpr HistoryEntry kXinfoStreamHistory[] = {
    {"6.0.0", "Added the `FULL` modifier."},
    {"7.0.0",
     "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` "
     "and `lag` fields"},
};

constexpr Argument kXinfoStreamFull[] = {
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
};

constexpr Argument kXinfoStreamArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "full",
     .type = kBlock,
     .token = "FULL",
     .flags = kOptional,
     .arguments = kXinfoStreamFull},
};

constexpr Spec kXinfoSubcommands[] = {
    {.name = "consumers",
     .arity = 4,
     .flags = kReadonly,
     .acl = kAclRead | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess, 2>,
     .tips = kNondeterministicOutput,
     .group = "stream",
     .summary = "List the consumers in a consumer group",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arguments = kXinfoConsumersArguments},
    {.name = "groups",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclRead | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess, 2>,
     .group = "stream",
     .summary = "List the consumer groups of a stream",
     .since = "5.0.0",
     .complexity = "O(1)",
     .history = kXinfoGroupsHistory,
     .arguments = kOnlyKey},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclStream | kAclSlow,
     .group = "stream",
     .summary = "Show helpful text about the different subcommands",
     .since = "5.0.0",
     .complexity = "O(1)"},
    {.name = "stream",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclRead | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess, 2>,
     .group = "stream",
     .summary = "Get information about a stream",
     .since = "5.0.0",
     .complexity = "O(1)",
     .history = kXinfoStreamHistory,
     .arguments = kXinfoStreamArguments},
};

constexpr HistoryEntry kXpendingHistory[] = {
    {"6.2.0", "Added the `IDLE` option and exclusive range intervals."},
};

constexpr Argument kXpendingFilters[] = {
    {.name = "min-idle-time",
     .type = kInteger,
     .token = "IDLE",
     .since = "6.2.0",
     .flags = kOptional},
    {.name = "start"},
    {.name = "end"},
    {.name = "count", .type = kInteger},
    {.name = "consumer", .flags = kOptional},
};

constexpr Argument kXpendingArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "group"},
    {.name = "filters", .type = kBlock, .flags = kOptional, .arguments = kXpendingFilters},
};

constexpr HistoryEntry kXrangeHistory[] = {
    {"6.2.0", "Added exclusive ranges."},
};

constexpr Argument kXrangeArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "start"},
    {.name = "end"},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
};

constexpr KeySpec kXreadKeys[] = {
    {.flags = kKeyRO | kKeyAccess,
     .begin = KeySpec::Begin::kKeyword,
     .keyword = "STREAMS",
     .start_from = 1,
     .last_key = -1,
     .limit = 2},
};

constexpr Argument kXreadStreams[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "id", .flags = kMultiple},
};

constexpr Argument kXreadArguments[] = {
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
    {.name = "milliseconds", .type = kInteger, .token = "BLOCK", .flags = kOptional},
    {.name = "streams", .type = kBlock, .token = "STREAMS", .arguments = kXreadStreams},
};

constexpr KeySpec kXreadgroupKeys[] = {
    {.flags = kKeyRO | kKeyAccess,
     .begin = KeySpec::Begin::kKeyword,
     .keyword = "STREAMS",
     .start_from = 4,
     .last_key = -1,
     .limit = 2},
};

constexpr Argument kXreadgroupGroupConsumer[] = {
    {.name = "group"},
    {.name = "consumer"},
};

constexpr Argument kXreadgroupStreams[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "id", .flags = kMultiple},
};

constexpr Argument kXreadgroupArguments[] = {
    {.name = "group_consumer",
     .type = kBlock,
     .token = "GROUP",
     .arguments = kXreadgroupGroupConsumer},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
    {.name = "milliseconds", .type = kInteger, .token = "BLOCK", .flags = kOptional},
    {.name = "noack", .type = kPureToken, .token = "NOACK", .flags = kOptional},
    {.name = "streams", .type = kBlock, .token = "STREAMS", .arguments = kXreadgroupStreams},
};

constexpr HistoryEntry kXrevrangeHistory[] = {
    {"6.2.0", "Added exclusive ranges."},
};

constexpr Argument kXrevrangeArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "end"},
    {.name = "start"},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
};

constexpr HistoryEntry kXsetidHistory[] = {
    {"7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments."},
};

constexpr Argument kXsetidArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "last-id"},
    {.name = "entries_added",
     .type = kInteger,
     .token = "ENTRIESADDED",
     .since = "7.0.0",
     .flags = kOptional},
    {.name = "max_deleted_entry_id", .token = "MAXDELETEDID", .since = "7.0.0", .flags = kOptional},
};

constexpr HistoryEntry kXtrimHistory[] = {
    {"6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option."},
};

constexpr Argument kXtrimTrimStrategy[] = {
    {.name = "maxlen", .type = kPureToken, .token = "MAXLEN"},
    {.name = "minid", .type = kPureToken, .token = "MINID", .since = "6.2.0"},
};

constexpr Argument kXtrimTrimOperator[] = {
    {.name = "equal", .type = kPureToken, .token = "="},
    {.name = "approximately", .type = kPureToken, .token = "~"},
};

constexpr Argument kXtrimTrim[] = {
    {.name = "strategy", .type = kOneOf, .arguments = kXtrimTrimStrategy},
    {.name = "operator", .type = kOneOf, .flags = kOptional, .arguments = kXtrimTrimOperator},
    {.name = "threshold"},
    {.name = "count", .type = kInteger, .token = "LIMIT", .since = "6.2.0", .flags = kOptional},
};

constexpr Argument kXtrimArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "trim", .type = kBlock, .arguments = kXtrimTrim},
};

constexpr Spec kRows[] = {
    {.name = "xack",
     .arity = -4,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclStream | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .group = "stream",
     .summary = "Marks a pending message as correctly processed, effectively removing it from the "
                "pending entries list of the consumer group. Return value of the command is the "
                "number of messages successfully acknowledged, that is, the IDs we were actually "
                "able to resolve in the PEL.",
     .since = "5.0.0",
     .complexity = "O(1) for each message ID processed.",
     .arguments = kXackArguments},
    {.name = "xadd",
     .arity = -5,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclStream | kAclFast,
     .key_specs = kXaddKeys,
     .tips = kNondeterministicOutput,
     .group = "stream",
     .summary = "Appends a new entry to a stream",
     .since = "5.0.0",
     .complexity = "O(1) when adding a new entry, O(N) when trimming where N being the number of "
                   "entries evicted.",
     .history = kXaddHistory,
     .arguments = kXaddArguments},
    {.name = "xautoclaim",
     .arity = -6,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclStream | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .tips = kNondeterministicOutput,
     .group = "stream",
     .summary = "Changes (or acquires) ownership of messages in a consumer group, as if the "
                "messages were delivered to the specified consumer.",
     .since = "6.2.0",
     .complexity = "O(1) if COUNT is small.",
     .history = kXautoclaimHistory,
     .arguments = kXautoclaimArguments},
    {.name = "xclaim",
     .arity = -6,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclStream | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .tips = kNondeterministicOutput,
     .group = "stream",
     .summary = "Changes (or acquires) ownership of a message in a consumer group, as if the "
                "message was delivered to the specified consumer.",
     .since = "5.0.0",
     .complexity = "O(log N) with N being the number of messages in the PEL of the consumer group.",
     .arguments = kXclaimArguments},
    {.name = "xdel",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclStream | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .group = "stream",
     .summary = "Removes the specified entries from the stream. Returns the number of items "
                "actually deleted, that may be different from the number of IDs passed in case "
                "certain IDs do not exist.",
     .since = "5.0.0",
     .complexity =
         "O(1) for each single item to delete in the stream, regardless of the stream size.",
     .arguments = kXdelArguments},
    {.name = "xgroup",
     .arity = -2,
     .acl = kAclSlow,
     .subcommands = kXgroupSubcommands,
     .group = "stream",
     .summary = "A container for consumer groups commands",
     .since = "5.0.0",
     .complexity = "Depends on subcommand."},
    {.name = "xinfo",
     .arity = -2,
     .acl = kAclSlow,
     .subcommands = kXinfoSubcommands,
     .group = "stream",
     .summary = "A container for stream introspection commands",
     .since = "5.0.0",
     .complexity = "Depends on subcommand."},
    {.name = "xlen",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclStream | kAclFast,
     .key_specs = kKeys<kKeyRO>,
     .group = "stream",
     .summary = "Return the number of entries in a stream",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "xpending",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclRead | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutput,
     .group = "stream",
     .summary = "Return information and entries from a stream consumer group pending entries list, "
                "that are messages fetched but never acknowledged.",
     .since = "5.0.0",
     .complexity = "O(N) with N being the number of elements returned, so asking for a small fixed "
                   "number of entries per call is O(1). O(M), where M is the total number of "
                   "entries scanned when used with the IDLE filter. When the command returns just "
                   "the summary and the list of consumers is small, it runs in O(1) time; "
                   "otherwise, an additional O(N) time for iterating every consumer.",
     .history = kXpendingHistory,
     .arguments = kXpendingArguments},
    {.name = "xrange",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclRead | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "stream",
     .summary =
         "Return a range of elements in a stream, with IDs matching the specified IDs interval",
     .since = "5.0.0",
     .complexity =
         "O(N) with N being the number of elements being returned. If N is constant (e.g. always "
         "asking for the first 10 elements with COUNT), you can consider it O(1).",
     .history = kXrangeHistory,
     .arguments = kXrangeArguments},
    {.name = "xread",
     .arity = -4,
     .flags = kReadonly | kBlocking | kMovableKeys,
     .acl = kAclRead | kAclStream | kAclSlow | kAclBlocking,
     .key_specs = kXreadKeys,
     .group = "stream",
     .summary = "Return never seen elements in multiple streams, with IDs greater than the ones "
                "reported by the caller for each stream. Can block.",
     .since = "5.0.0",
     .complexity = "For each stream mentioned: O(N) with N being the number of elements being "
                   "returned, it means that XREAD-ing with a fixed COUNT is O(1). Note that when "
                   "the BLOCK option is used, XADD will pay O(M) time in order to serve the M "
                   "clients blocked on the stream getting new data.",
     .arguments = kXreadArguments},
    {.name = "xreadgroup",
     .arity = -7,
     .flags = kWrite | kBlocking | kMovableKeys,
     .acl = kAclWrite | kAclStream | kAclSlow | kAclBlocking,
     .key_specs = kXreadgroupKeys,
     .group = "stream",
     .summary = "Return new entries from a stream using a consumer group, or access the history of "
                "the pending entries for a given consumer. Can block.",
     .since = "5.0.0",
     .complexity =
         "For each stream mentioned: O(M) with M being the number of elements returned. If M is "
         "constant (e.g. always asking for the first 10 elements with COUNT), you can consider it "
         "O(1). On the other side when XREADGROUP blocks, XADD will pay the O(N) time in order to "
         "serve the N clients blocked on the stream getting new data.",
     .arguments = kXreadgroupArguments},
    {.name = "xrevrange",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclRead | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "stream",
     .summary = "Return a range of elements in a stream, with IDs matching the specified IDs "
                "interval, in reverse order (from greater to smaller IDs) compared to XRANGE",
     .since = "5.0.0",
     .complexity = "O(N) with N being the number of elements returned. If N is constant (e.g. "
                   "always asking for the first 10 elements with COUNT), you can consider it O(1).",
     .history = kXrevrangeHistory,
     .arguments = kXrevrangeArguments},
    {.name = "xsetid",
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclStream | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .group = "stream",
     .summary = "An internal command for replicating stream values",
     .since = "5.0.0",
     .complexity = "O(1)",
     .history = kXsetidHistory,
     .arguments = kXsetidArguments},
    {.name = "xtrim",
     .arity = -4,
     .flags = kWrite,
     .acl = kAclWrite | kAclStream | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .tips = kNondeterministicOutput,
     .group = "stream",
     .summary = "Trims the stream to (approximately if '~' is passed) a certain size",
     .since = "5.0.0",
     .complexity = "O(N), with N being the number of evicted entries. Constant times are very "
                   "small however, since entries are organized in macro nodes containing multiple "
                   "entries that can be released with a single deallocation.",
     .history = kXtrimHistory,
     .arguments = kXtrimArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kStreamRows = kRows;

}  // namespace keyway::command
