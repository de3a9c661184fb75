// The commands for keys of any type.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr KeySpec kCopyKeys[] = {
    {.flags = kKeyRO | kKeyAccess, .index = 1},
    {.flags = kKeyOW | kKeyUpdate, .index = 2},
};

constexpr Argument kCopyArguments[] = {
    {.name = "source", .type = kKey, .key_spec_index = 0},
    {.name = "destination", .type = kKey, .key_spec_index = 1},
    {.name = "destination-db", .type = kInteger, .token = "DB", .flags = kOptional},
    {.name = "replace", .type = kPureToken, .token = "REPLACE", .flags = kOptional},
};

constexpr Argument kDelArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
};

constexpr HistoryEntry kExistsHistory[] = {
    {"3.0.3", "Accepts multiple `key` arguments."},
};

constexpr Argument kExistsArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
};

constexpr HistoryEntry kExpireHistory[] = {
    {"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."},
};

constexpr Argument kExpireCondition[] = {
    {.name = "nx", .type = kPureToken, .token = "NX"},
    {.name = "xx", .type = kPureToken, .token = "XX"},
    {.name = "gt", .type = kPureToken, .token = "GT"},
    {.name = "lt", .type = kPureToken, .token = "LT"},
};

constexpr Argument kExpireArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "seconds", .type = kInteger},
    {.name = "condition",
     .type = kOneOf,
     .since = "7.0.0",
     .flags = kOptional,
     .arguments = kExpireCondition},
};

constexpr HistoryEntry kExpireatHistory[] = {
    {"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."},
};

constexpr Argument kExpireatCondition[] = {
    {.name = "nx", .type = kPureToken, .token = "NX"},
    {.name = "xx", .type = kPureToken, .token = "XX"},
    {.name = "gt", .type = kPureToken, .token = "GT"},
    {.name = "lt", .type = kPureToken, .token = "LT"},
};

constexpr Argument kExpireatArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "unix-time-seconds", .type = kUnixTime},
    {.name = "condition",
     .type = kOneOf,
     .since = "7.0.0",
     .flags = kOptional,
     .arguments = kExpireatCondition},
};

constexpr Argument kKeysArguments[] = {
    {.name = "pattern", .type = kPattern},
};

constexpr KeySpec kMigrateKeys[] = {
    {.flags = kKeyRW | kKeyAccess | kKeyDelete, .index = 3},
    {.flags = kKeyRW | kKeyAccess | kKeyDelete | kKeyIncomplete,
     .begin = KeySpec::Begin::kKeyword,
     .keyword = "KEYS",
     .start_from = -2,
     .last_key = -1},
};

constexpr HistoryEntry kMigrateHistory[] = {
    {"3.0.0", "Added the `COPY` and `REPLACE` options."},
    {"3.0.6", "Added the `KEYS` option."},
    {"4.0.7", "Added the `AUTH` option."},
    {"6.0.0", "Added the `AUTH2` option."},
};

constexpr Argument kMigrateKeyOrEmptyString[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "empty_string", .type = kPureToken, .token = ""},
};

constexpr Argument kMigrateAuthenticationUsernamePassword[] = {
    {.name = "username"},
    {.name = "password"},
};

constexpr Argument kMigrateAuthentication[] = {
    {.name = "password", .token = "AUTH", .since = "4.0.7", .flags = kOptional},
    {.name = "username_password",
     .type = kBlock,
     .token = "AUTH2",
     .since = "6.0.0",
     .flags = kOptional,
     .arguments = kMigrateAuthenticationUsernamePassword},
};

constexpr Argument kMigrateArguments[] = {
    {.name = "host"},
    {.name = "port", .type = kInteger},
    {.name = "key_or_empty_string", .type = kOneOf, .arguments = kMigrateKeyOrEmptyString},
    {.name = "destination-db", .type = kInteger},
    {.name = "timeout", .type = kInteger},
    {.name = "copy", .type = kPureToken, .token = "COPY", .since = "3.0.0", .flags = kOptional},
    {.name = "replace",
     .type = kPureToken,
     .token = "REPLACE",
     .since = "3.0.0",
     .flags = kOptional},
    {.name = "authentication",
     .type = kOneOf,
     .flags = kOptional,
     .arguments = kMigrateAuthentication},
    {.name = "key",
     .type = kKey,
     .key_spec_index = 1,
     .token = "KEYS",
     .since = "3.0.6",
     .flags = kOptional | kMultiple},
};

constexpr Argument kMoveArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "db", .type = kInteger},
};

constexpr Spec kObjectSubcommands[] = {
    {.name = "encoding",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclKeyspace | kAclRead | kAclSlow,
     .key_specs = kKeys<kKeyRO, 2>,
     .tips = kNondeterministicOutput,
     .group = "generic",
     .summary = "Inspect the internal encoding of a Redis object",
     .since = "2.2.3",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "freq",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclKeyspace | kAclRead | kAclSlow,
     .key_specs = kKeys<kKeyRO, 2>,
     .tips = kNondeterministicOutput,
     .group = "generic",
     .summary = "Get the logarithmic access frequency counter of a Redis object",
     .since = "4.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclKeyspace | kAclSlow,
     .group = "generic",
     .summary = "Show helpful text about the different subcommands",
     .since = "6.2.0",
     .complexity = "O(1)"},
    {.name = "idletime",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclKeyspace | kAclRead | kAclSlow,
     .key_specs = kKeys<kKeyRO, 2>,
     .tips = kNondeterministicOutput,
     .group = "generic",
     .summary = "Get the time since a Redis object was last accessed",
     .since = "2.2.3",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "refcount",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclKeyspace | kAclRead | kAclSlow,
     .key_specs = kKeys<kKeyRO, 2>,
     .tips = kNondeterministicOutput,
     .group = "generic",
     .summary = "Get the number of references to the value of the key",
     .since = "2.2.3",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
};

constexpr HistoryEntry kPexpireHistory[] = {
    {"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."},
};

constexpr Argument kPexpireCondition[] = {
    {.name = "nx", .type = kPureToken, .token = "NX"},
    {.name = "xx", .type = kPureToken, .token = "XX"},
    {.name = "gt", .type = kPureToken, .token = "GT"},
    {.name = "lt", .type = kPureToken, .token = "LT"},
};

constexpr Argument kPexpireArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "milliseconds", .type = kInteger},
    {.name = "condition",
     .type = kOneOf,
     .since = "7.0.0",
     .flags = kOptional,
     .arguments = kPexpireCondition},
};

constexpr HistoryEntry kPexpireatHistory[] = {
    {"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."},
};

constexpr Argument kPexpireatCondition[] = {
    {.name = "nx", .type = kPureToken, .token = "NX"},
    {.name = "xx", .type = kPureToken, .token = "XX"},
    {.name = "gt", .type = kPureToken, .token = "GT"},
    {.name = "lt", .type = kPureToken, .token = "LT"},
};

constexpr Argument kPexpireatArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "unix-time-milliseconds", .type = kUnixTime},
    {.name = "condition",
     .type = kOneOf,
     .since = "7.0.0",
     .flags = kOptional,
     .arguments = kPexpireatCondition},
};

constexpr HistoryEntry kPttlHistory[] = {
    {"2.8.0", "Added the -2 reply."},
};

constexpr KeySpec kRenameKeys[] = {
    {.flags = kKeyRW | kKeyAccess | kKeyDelete, .index = 1},
    {.flags = kKeyOW | kKeyUpdate, .index = 2},
};

constexpr Argument kRenameArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "newkey", .type = kKey, .key_spec_index = 1},
};

constexpr KeySpec kRenamenxKeys[] = {
    {.flags = kKeyRW | kKeyAccess | kKeyDelete, .index = 1},
    {.flags = kKeyOW | kKeyInsert, .index = 2},
};

constexpr HistoryEntry kRenamenxHistory[] = {
    {"3.2.0",
     "The command no longer returns an error when source and destination names are the same."},
};

constexpr Argument kRenamenxArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "newkey", .type = kKey, .key_spec_index = 1},
};

constexpr HistoryEntry kRestoreHistory[] = {
    {"3.0.0", "Added the `REPLACE` modifier."},
    {"5.0.0", "Added the `ABSTTL` modifier."},
    {"5.0.0", "Added the `IDLETIME` and `FREQ` options."},
};

constexpr Argument kRestoreArguments[] = {
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

constexpr HistoryEntry kScanHistory[] = {
    {"6.0.0", "Added the `TYPE` subcommand."},
};

constexpr Argument kScanArguments[] = {
    {.name = "cursor", .type = kInteger},
    {.name = "pattern", .type = kPattern, .token = "MATCH", .flags = kOptional},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
    {.name = "type", .token = "TYPE", .since = "6.0.0", .flags = kOptional},
};

constexpr KeySpec kSortKeys[] = {
    {.flags = kKeyRO | kKeyAccess, .index = 1},
    {.notes = "For the optional BY/GET keyword. It is marked 'unknown' because the key names "
              "derive from the content of the key we sort",
     .flags = kKeyRO | kKeyAccess,
     .begin = KeySpec::Begin::kUnknown,
     .find = KeySpec::Find::kUnknown},
    {.notes = "For the optional STORE keyword. It is marked 'unknown' because the keyword can "
              "appear anywhere in the argument array",
     .flags = kKeyOW | kKeyUpdate,
     .begin = KeySpec::Begin::kUnknown,
     .find = KeySpec::Find::kUnknown},
};

constexpr Argument kSortOffsetCount[] = {
    {.name = "offset", .type = kInteger},
    {.name = "count", .type = kInteger},
};

constexpr Argument kSortOrder[] = {
    {.name = "asc", .type = kPureToken, .token = "ASC"},
    {.name = "desc", .type = kPureToken, .token = "DESC"},
};

constexpr Argument kSortArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "pattern", .type = kPattern, .key_spec_index = 1, .token = "BY", .flags = kOptional},
    {.name = "offset_count",
     .type = kBlock,
     .token = "LIMIT",
     .flags = kOptional,
     .arguments = kSortOffsetCount},
    {.name = "pattern",
     .type = kPattern,
     .key_spec_index = 1,
     .token = "GET",
     .flags = kOptional | kMultiple | kMultipleToken},
    {.name = "order", .type = kOneOf, .flags = kOptional, .arguments = kSortOrder},
    {.name = "sorting", .type = kPureToken, .token = "ALPHA", .flags = kOptional},
    {.name = "destination",
     .type = kKey,
     .key_spec_index = 2,
     .token = "STORE",
     .flags = kOptional},
};

constexpr KeySpec kSortRoKeys[] = {
    {.flags = kKeyRO | kKeyAccess, .index = 1},
    {.notes = "For the optional BY/GET keyword. It is marked 'unknown' because the key names "
              "derive from the content of the key we sort",
     .flags = kKeyRO | kKeyAccess,
     .begin = KeySpec::Begin::kUnknown,
     .find = KeySpec::Find::kUnknown},
};

constexpr Argument kSortRoOffsetCount[] = {
    {.name = "offset", .type = kInteger},
    {.name = "count", .type = kInteger},
};

constexpr Argument kSortRoOrder[] = {
    {.name = "asc", .type = kPureToken, .token = "ASC"},
    {.name = "desc", .type = kPureToken, .token = "DESC"},
};

constexpr Argument kSortRoArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "pattern", .type = kPattern, .key_spec_index = 1, .token = "BY", .flags = kOptional},
    {.name = "offset_count",
     .type = kBlock,
     .token = "LIMIT",
     .flags = kOptional,
     .arguments = kSortRoOffsetCount},
    {.name = "pattern",
     .type = kPattern,
     .key_spec_index = 1,
     .token = "GET",
     .flags = kOptional | kMultiple | kMultipleToken},
    {.name = "order", .type = kOneOf, .flags = kOptional, .arguments = kSortRoOrder},
    {.name = "sorting", .type = kPureToken, .token = "ALPHA", .flags = kOptional},
};

constexpr Argument kTouchArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
};

constexpr HistoryEntry kTtlHistory[] = {
    {"2.8.0", "Added the -2 reply."},
};

constexpr Argument kUnlinkArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
};

constexpr Argument kWaitArguments[] = {
    {.name = "numreplicas", .type = kInteger},
    {.name = "timeout", .type = kInteger},
};

constexpr Spec kRows[] = {
    {.name = "copy",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kAclKeyspace | kAclWrite | kAclSlow,
     .key_specs = kCopyKeys,
     .group = "generic",
     .summary = "Copy a key",
     .since = "6.2.0",
     .complexity = "O(N) worst case for collections, where N is the number of nested items. O(1) "
                   "for string values.",
     .arguments = kCopyArguments},
    {.name = "del",
     .arity = -2,
     .flags = kWrite,
     .acl = kAclKeyspace | kAclWrite | kAclSlow,
     .key_specs = kKeys<kKeyRM | kKeyDelete, 1, -1>,
     .request_policy = RequestPolicy::kMultiShard,
     .response_policy = ResponsePolicy::kAggSum,
     .group = "generic",
     .summary = "Delete a key",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys that will be removed. When a key to remove "
                   "holds a value other than a string, the individual complexity for this key is "
                   "O(M) where M is the number of elements in the list, set, sorted set or hash. "
                   "Removing a single key that holds a string value is O(1).",
     .arguments = kDelArguments},
    {.name = "dump",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclKeyspace | kAclRead | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutput,
     .group = "generic",
     .summary = "Return a serialized version of the value stored at the specified key.",
     .since = "2.6.0",
     .complexity =
         "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of "
         "Redis objects composing the value and M their average size. For small string values the "
         "time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
     .arguments = kOnlyKey},
    {.name = "exists",
     .arity = -2,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace | kAclRead | kAclFast,
     .key_specs = kKeys<kKeyRO, 1, -1>,
     .request_policy = RequestPolicy::kMultiShard,
     .response_policy = ResponsePolicy::kAggSum,
     .group = "generic",
     .summary = "Determine if a key exists",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys to check.",
     .history = kExistsHistory,
     .arguments = kExistsArguments},
    {.name = "expire",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace | kAclWrite | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .group = "generic",
     .summary = "Set a key's time to live in seconds",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = kExpireHistory,
     .arguments = kExpireArguments},
    {.name = "expireat",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace | kAclWrite | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .group = "generic",
     .summary = "Set the expiration for a key as a UNIX timestamp",
     .since = "1.2.0",
     .complexity = "O(1)",
     .history = kExpireatHistory,
     .arguments = kExpireatArguments},
    {.name = "expiretime",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace | kAclRead | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "generic",
     .summary = "Get the expiration Unix timestamp for a key",
     .since = "7.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "keys",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclKeyspace | kAclRead | kAclSlow | kAclDangerous,
     .tips = kNondeterministicOutputOrder,
     .policies_first = true,
     .request_policy = RequestPolicy::kAllShards,
     .group = "generic",
     .summary = "Find all keys matching the given pattern",
     .since = "1.0.0",
     .complexity = "O(N) with N being the number of keys in the database, under the assumption "
                   "that the key names in the database and the given pattern have limited length.",
     .arguments = kKeysArguments},
    {.name = "migrate",
     .arity = -6,
     .flags = kWrite | kMovableKeys,
     .acl = kAclKeyspace | kAclWrite | kAclSlow | kAclDangerous,
     .key_specs = kMigrateKeys,
     .key_rule = KeyRule::kMigrate,
     .tips = kNondeterministicOutput,
     .route = Route::kRefused,
     .group = "generic",
     .summary = "Atomically transfer a key from a Redis instance to another one.",
     .since = "2.6.0",
     .complexity = "This command actually executes a DUMP+DEL in the source instance, and a "
                   "RESTORE in the target instance. See the pages of these commands for time "
                   "complexity. Also an O(N) data transfer between the two instances is performed.",
     .history = kMigrateHistory,
     .arguments = kMigrateArguments},
    {.name = "move",
     .arity = 3,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace | kAclWrite | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "generic",
     .summary = "Move a key to another database",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kMoveArguments},
    {.name = "object",
     .arity = -2,
     .acl = kAclSlow,
     .subcommands = kObjectSubcommands,
     .group = "generic",
     .summary = "A container for object introspection commands",
     .since = "2.2.3",
     .complexity = "Depends on subcommand."},
    {.name = "persist",
     .arity = 2,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace | kAclWrite | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .group = "generic",
     .summary = "Remove the expiration from a key",
     .since = "2.2.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "pexpire",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace | kAclWrite | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .group = "generic",
     .summary = "Set a key's time to live in milliseconds",
     .since = "2.6.0",
     .complexity = "O(1)",
     .history = kPexpireHistory,
     .arguments = kPexpireArguments},
    {.name = "pexpireat",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace | kAclWrite | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .group = "generic",
     .summary = "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
     .since = "2.6.0",
     .complexity = "O(1)",
     .history = kPexpireatHistory,
     .arguments = kPexpireatArguments},
    {.name = "pexpiretime",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace | kAclRead | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "generic",
     .summary = "Get the expiration Unix timestamp for a key in milliseconds",
     .since = "7.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "pttl",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace | kAclRead | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutput,
     .group = "generic",
     .summary = "Get the time to live for a key in milliseconds",
     .since = "2.6.0",
     .complexity = "O(1)",
     .history = kPttlHistory,
     .arguments = kOnlyKey},
    {.name = "randomkey",
     .arity = 1,
     .flags = kReadonly,
     .acl = kAclKeyspace | kAclRead | kAclSlow,
     .tips = kNondeterministicOutput,
     .policies_first = true,
     .request_policy = RequestPolicy::kAllShards,
     .route = Route::kSpecial,
     .group = "generic",
     .summary = "Return a random key from the keyspace",
     .since = "1.0.0",
     .complexity = "O(1)"},
    {.name = "rename",
     .arity = 3,
     .flags = kWrite,
     .acl = kAclKeyspace | kAclWrite | kAclSlow,
     .key_specs = kRenameKeys,
     .group = "generic",
     .summary = "Rename a key",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kRenameArguments},
    {.name = "renamenx",
     .arity = 3,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace | kAclWrite | kAclFast,
     .key_specs = kRenamenxKeys,
     .group = "generic",
     .summary = "Rename a key, only if the new key does not exist",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = kRenamenxHistory,
     .arguments = kRenamenxArguments},
    {.name = "restore",
     .arity = -4,
     .flags = kWrite | kDenyOom,
     .acl = kAclKeyspace | kAclWrite | kAclSlow | kAclDangerous,
     .key_specs = kKeys<kKeyOW | kKeyUpdate>,
     .group = "generic",
     .summary = "Create a key using the provided serialized value, previously obtained using DUMP.",
     .since = "2.6.0",
     .complexity = "O(1) to create the new key and additional O(N*M) to reconstruct the serialized "
                   "value, where N is the number of Redis objects composing the value and M their "
                   "average size. For small string values the time complexity is thus O(1)+O(1*M) "
                   "where M is small, so simply O(1). However for sorted set values the complexity "
                   "is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
     .history = kRestoreHistory,
     .arguments = kRestoreArguments},
    {.name = "scan",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclKeyspace | kAclRead | kAclSlow,
     .tips = kNondeterministicOutput,
     .request_policy = RequestPolicy::kSpecial,
     .route = Route::kSpecial,
     .group = "generic",
     .summary = "Incrementally iterate the keys space",
     .since = "2.8.0",
     .complexity =
         "O(1) for every call. O(N) for a complete iteration, including enough command calls for "
         "the cursor to return back to 0. N is the number of elements inside the collection.",
     .history = kScanHistory,
     .arguments = kScanArguments},
    {.name = "sort",
     .arity = -2,
     .flags = kWrite | kDenyOom | kMovableKeys,
     .acl = kAclWrite | kAclSet | kAclSortedset | kAclList | kAclSlow | kAclDangerous,
     .key_specs = kSortKeys,
     .key_rule = KeyRule::kSort,
     .group = "generic",
     .summary = "Sort the elements in a list, set or sorted set",
     .since = "1.0.0",
     .complexity =
         "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the "
         "number of returned elements. When the elements are not sorted, complexity is O(N).",
     .arguments = kSortArguments},
    {.name = "sort_ro",
     .arity = -2,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclRead | kAclSet | kAclSortedset | kAclList | kAclSlow | kAclDangerous,
     .key_specs = kSortRoKeys,
     .key_rule = KeyRule::kSortRo,
     .group = "generic",
     .summary = "Sort the elements in a list, set or sorted set. Read-only variant of SORT.",
     .since = "7.0.0",
     .complexity =
         "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the "
         "number of returned elements. When the elements are not sorted, complexity is O(N).",
     .arguments = kSortRoArguments},
    {.name = "touch",
     .arity = -2,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace | kAclRead | kAclFast,
     .key_specs = kKeys<kKeyRO, 1, -1>,
     .request_policy = RequestPolicy::kMultiShard,
     .response_policy = ResponsePolicy::kAggSum,
     .group = "generic",
     .summary =
         "Alters the last access time of a key(s). Returns the number of existing keys specified.",
     .since = "3.2.1",
     .complexity = "O(N) where N is the number of keys that will be touched.",
     .arguments = kTouchArguments},
    {.name = "ttl",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace | kAclRead | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutput,
     .group = "generic",
     .summary = "Get the time to live for a key in seconds",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = kTtlHistory,
     .arguments = kOnlyKey},
    {.name = "type",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace | kAclRead | kAclFast,
     .key_specs = kKeys<kKeyRO>,
     .group = "generic",
     .summary = "Determine the type stored at key",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "unlink",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace | kAclWrite | kAclFast,
     .key_specs = kKeys<kKeyRM | kKeyDelete, 1, -1>,
     .request_policy = RequestPolicy::kMultiShard,
     .response_policy = ResponsePolicy::kAggSum,
     .group = "generic",
     .summary = "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but "
                "non blocking.",
     .since = "4.0.0",
     .complexity = "O(1) for each key removed regardless of its size. Then the command does O(N) "
                   "work in a different thread in order to reclaim memory, where N is the number "
                   "of allocations the deleted objects where composed of.",
     .arguments = kUnlinkArguments},
    {.name = "wait",
     .arity = 3,
     .flags = kNoscript,
     .acl = kAclSlow | kAclConnection,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kAggMin,
     .route = Route::kLocal,
     .group = "generic",
     .summary = "Wait for the synchronous replication of all the write commands sent in the "
                "context of the current connection",
     .since = "3.0.0",
     .complexity = "O(1)",
     .arguments = kWaitArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kGenericRows = kRows;

}  // namespace keyway::command
