// The string commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr Argument kAppendArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "value"},
};

constexpr Argument kDecrbyArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "decrement", .type = kInteger},
};

constexpr KeySpec kGetexKeys[] = {
    {.notes = "RW and UPDATE because it changes the TTL",
     .flags = kKeyRW | kKeyAccess | kKeyUpdate,
     .index = 1},
};

constexpr Argument kGetexExpiration[] = {
    {.name = "seconds", .type = kInteger, .token = "EX"},
    {.name = "milliseconds", .type = kInteger, .token = "PX"},
    {.name = "unix-time-seconds", .type = kUnixTime, .token = "EXAT"},
    {.name = "unix-time-milliseconds", .type = kUnixTime, .token = "PXAT"},
    {.name = "persist", .type = kPureToken, .token = "PERSIST"},
};

constexpr Argument kGetexArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "expiration", .type = kOneOf, .flags = kOptional, .arguments = kGetexExpiration},
};

constexpr Argument kGetrangeArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "start", .type = kInteger},
    {.name = "end", .type = kInteger},
};

constexpr Argument kGetsetArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "value"},
};

constexpr Argument kIncrbyArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "increment", .type = kInteger},
};

constexpr Argument kIncrbyfloatArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "increment", .type = kDouble},
};

constexpr Argument kLcsArguments[] = {
    {.name = "key1", .type = kKey, .key_spec_index = 0},
    {.name = "key2", .type = kKey, .key_spec_index = 0},
    {.name = "len", .type = kPureToken, .token = "LEN", .flags = kOptional},
    {.name = "idx", .type = kPureToken, .token = "IDX", .flags = kOptional},
    {.name = "len", .type = kInteger, .token = "MINMATCHLEN", .flags = kOptional},
    {.name = "withmatchlen", .type = kPureToken, .token = "WITHMATCHLEN", .flags = kOptional},
};

constexpr Argument kMgetArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
};

constexpr Argument kMsetKeyValue[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "value"},
};

constexpr Argument kMsetArguments[] = {
    {.name = "key_value", .type = kBlock, .flags = kMultiple, .arguments = kMsetKeyValue},
};

constexpr Argument kMsetnxKeyValue[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "value"},
};

constexpr Argument kMsetnxArguments[] = {
    {.name = "key_value", .type = kBlock, .flags = kMultiple, .arguments = kMsetnxKeyValue},
};

constexpr Argument kPsetexArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "milliseconds", .type = kInteger},
    {.name = "value"},
};

constexpr KeySpec kSetKeys[] = {
    {.notes = "RW and ACCESS due to the optional `GET` argument",
     .flags = kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariableFlags,
     .index = 1},
};

constexpr HistoryEntry kSetHistory[] = {
    {"2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."},
    {"6.0.0", "Added the `KEEPTTL` option."},
    {"6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."},
    {"7.0.0", "Allowed the `NX` and `GET` options to be used together."},
};

constexpr Argument kSetCondition[] = {
    {.name = "nx", .type = kPureToken, .token = "NX"},
    {.name = "xx", .type = kPureToken, .token = "XX"},
};

constexpr Argument kSetExpiration[] = {
    {.name = "seconds", .type = kInteger, .token = "EX", .since = "2.6.12"},
    {.name = "milliseconds", .type = kInteger, .token = "PX", .since = "2.6.12"},
    {.name = "unix-time-seconds", .type = kUnixTime, .token = "EXAT", .since = "6.2.0"},
    {.name = "unix-time-milliseconds", .type = kUnixTime, .token = "PXAT", .since = "6.2.0"},
    {.name = "keepttl", .type = kPureToken, .token = "KEEPTTL", .since = "6.0.0"},
};

constexpr Argument kSetArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "value"},
    {.name = "condition",
     .type = kOneOf,
     .since = "2.6.12",
     .flags = kOptional,
     .arguments = kSetCondition},
    {.name = "get", .type = kPureToken, .token = "GET", .since = "6.2.0", .flags = kOptional},
    {.name = "expiration", .type = kOneOf, .flags = kOptional, .arguments = kSetExpiration},
};

constexpr Argument kSetexArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "seconds", .type = kInteger},
    {.name = "value"},
};

constexpr Argument kSetnxArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "value"},
};

constexpr Argument kSetrangeArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "offset", .type = kInteger},
    {.name = "value"},
};

constexpr Argument kSubstrArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "start", .type = kInteger},
    {.name = "end", .type = kInteger},
};

constexpr Spec kRows[] = {
    {.name = "append",
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyInsert>,
     .group = "string",
     .summary = "Append a value to a key",
     .since = "2.0.0",
     .complexity =
         "O(1). The amortized time complexity is O(1) assuming the appended value is small and the "
         "already present value is of any size, since the dynamic string library used by Redis "
         "will double the free space available on every reallocation.",
     .arguments = kAppendArguments},
    {.name = "decr",
     .arity = 2,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "string",
     .summary = "Decrement the integer value of a key by one",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "decrby",
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "string",
     .summary = "Decrement the integer value of a key by the given number",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kDecrbyArguments},
    {.name = "get",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "string",
     .summary = "Get the value of a key",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "getdel",
     .arity = 2,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyDelete>,
     .group = "string",
     .summary = "Get the value of a key and delete the key",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "getex",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclString | kAclFast,
     .key_specs = kGetexKeys,
     .group = "string",
     .summary = "Get the value of a key and optionally set its expiration",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arguments = kGetexArguments},
    {.name = "getrange",
     .arity = 4,
     .flags = kReadonly,
     .acl = kAclRead | kAclString | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "string",
     .summary = "Get a substring of the string stored at a key",
     .since = "2.4.0",
     .complexity =
         "O(N) where N is the length of the returned string. The complexity is ultimately "
         "determined by the returned length, but because creating a substring from an existing "
         "string is very cheap, it can be considered O(1) for small strings.",
     .arguments = kGetrangeArguments},
    {.name = "getset",
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "string",
     .summary = "Set the string value of a key and return its old value",
     .since = "1.0.0",
     .complexity = "O(1)",
     .deprecated_since = "6.2.0",
     .replaced_by = "`SET` with the `!GET` argument",
     .arguments = kGetsetArguments},
    {.name = "incr",
     .arity = 2,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "string",
     .summary = "Increment the integer value of a key by one",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "incrby",
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "string",
     .summary = "Increment the integer value of a key by the given amount",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kIncrbyArguments},
    {.name = "incrbyfloat",
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "string",
     .summary = "Increment the float value of a key by the given amount",
     .since = "2.6.0",
     .complexity = "O(1)",
     .arguments = kIncrbyfloatArguments},
    {.name = "lcs",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclRead | kAclString | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess, 1, 1>,
     .group = "string",
     .summary = "Find longest common substring",
     .since = "7.0.0",
     .complexity = "O(N*M) where N and M are the lengths of s1 and s2, respectively",
     .arguments = kLcsArguments},
    {.name = "mget",
     .arity = -2,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess, 1, -1>,
     .request_policy = RequestPolicy::kMultiShard,
     .group = "string",
     .summary = "Get the values of all the given keys",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys to retrieve.",
     .arguments = kMgetArguments},
    {.name = "mset",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclString | kAclSlow,
     .key_specs = kKeys<kKeyOW | kKeyUpdate, 1, -1, 2>,
     .request_policy = RequestPolicy::kMultiShard,
     .response_policy = ResponsePolicy::kAllSucceeded,
     .repeat = Repeat::kHarmless,
     .group = "string",
     .summary = "Set multiple keys to multiple values",
     .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys to set.",
     .arguments = kMsetArguments},
    // All keys in one slot or an error: split by shard it would no longer be all or nothing.
    {.name = "msetnx",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclString | kAclSlow,
     .key_specs = kKeys<kKeyOW | kKeyInsert, 1, -1, 2>,
     .request_policy = RequestPolicy::kMultiShard,
     .response_policy = ResponsePolicy::kAggMin,
     .route = Route::kSpecial,
     .group = "string",
     .summary = "Set multiple keys to multiple values, only if none of the keys exist",
     .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys to set.",
     .arguments = kMsetnxArguments},
    {.name = "psetex",
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclString | kAclSlow,
     .key_specs = kKeys<kKeyOW | kKeyUpdate>,
     .repeat = Repeat::kHarmless,
     .group = "string",
     .summary = "Set the value and expiration in milliseconds of a key",
     .since = "2.6.0",
     .complexity = "O(1)",
     .arguments = kPsetexArguments},
    {.name = "set",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclString | kAclSlow,
     .key_specs = kSetKeys,
     .key_rule = KeyRule::kSet,
     .repeat = Repeat::kUnlessConditional,
     .group = "string",
     .summary = "Set the string value of a key",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = kSetHistory,
     .arguments = kSetArguments},
    {.name = "setex",
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclString | kAclSlow,
     .key_specs = kKeys<kKeyOW | kKeyUpdate>,
     .repeat = Repeat::kHarmless,
     .group = "string",
     .summary = "Set the value and expiration of a key",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arguments = kSetexArguments},
    {.name = "setnx",
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclString | kAclFast,
     .key_specs = kKeys<kKeyOW | kKeyInsert>,
     .group = "string",
     .summary = "Set the value of a key, only if the key does not exist",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kSetnxArguments},
    {.name = "setrange",
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclString | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .repeat = Repeat::kHarmless,
     .group = "string",
     .summary = "Overwrite part of a string at key starting at the specified offset",
     .since = "2.2.0",
     .complexity = "O(1), not counting the time taken to copy the new string in place. Usually, "
                   "this string is very small so the amortized complexity is O(1). Otherwise, "
                   "complexity is O(M) with M being the length of the value argument.",
     .arguments = kSetrangeArguments},
    {.name = "strlen",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclString | kAclFast,
     .key_specs = kKeys<kKeyRO>,
     .group = "string",
     .summary = "Get the length of the value stored in a key",
     .since = "2.2.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "substr",
     .arity = 4,
     .flags = kReadonly,
     .acl = kAclRead | kAclString | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "string",
     .summary = "Get a substring of the string stored at a key",
     .since = "1.0.0",
     .complexity =
         "O(N) where N is the length of the returned string. The complexity is ultimately "
         "determined by the returned length, but because creating a substring from an existing "
         "string is very cheap, it can be considered O(1) for small strings.",
     .deprecated_since = "2.0.0",
     .replaced_by = "`GETRANGE`",
     .arguments = kSubstrArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kStringRows = kRows;

}  // namespace keyway::command
