// The set commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr HistoryEntry kSaddHistory[] = {
    {"2.4.0", "Accepts multiple `member` arguments."},
};

constexpr Argument kSaddArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member", .flags = kMultiple},
};

constexpr Argument kSdiffArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
};

constexpr KeySpec kSdiffstoreKeys[] = {
    {.flags = kKeyOW | kKeyUpdate, .index = 1},
    {.flags = kKeyRO | kKeyAccess, .index = 2, .last_key = -1},
};

constexpr Argument kSdiffstoreArguments[] = {
    {.name = "destination", .type = kKey, .key_spec_index = 0},
    {.name = "key", .type = kKey, .key_spec_index = 1, .flags = kMultiple},
};

constexpr Argument kSinterArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
};

constexpr Argument kSintercardArguments[] = {
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "limit", .type = kInteger, .token = "LIMIT", .flags = kOptional},
};

constexpr KeySpec kSinterstoreKeys[] = {
    {.flags = kKeyRW | kKeyUpdate, .index = 1},
    {.flags = kKeyRO | kKeyAccess, .index = 2, .last_key = -1},
};

constexpr Argument kSinterstoreArguments[] = {
    {.name = "destination", .type = kKey, .key_spec_index = 0},
    {.name = "key", .type = kKey, .key_spec_index = 1, .flags = kMultiple},
};

constexpr Argument kSismemberArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member"},
};

constexpr Argument kSmismemberArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member", .flags = kMultiple},
};

constexpr KeySpec kSmoveKeys[] = {
    {.flags = kKeyRW | kKeyAccess | kKeyDelete, .index = 1},
    {.flags = kKeyRW | kKeyInsert, .index = 2},
};

constexpr Argument kSmoveArguments[] = {
    {.name = "source", .type = kKey, .key_spec_index = 0},
    {.name = "destination", .type = kKey, .key_spec_index = 1},
    {.name = "member"},
};

constexpr HistoryEntry kSpopHistory[] = {
    {"3.2.0", "Added the `count` argument."},
};

constexpr Argument kSpopArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "count", .type = kInteger, .since = "3.2.0", .flags = kOptional},
};

constexpr HistoryEntry kSrandmemberHistory[] = {
    {"2.6.0", "Added the optional `count` argument."},
};

constexpr Argument kSrandmemberArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "count", .type = kInteger, .since = "2.6.0", .flags = kOptional},
};

constexpr HistoryEntry kSremHistory[] = {
    {"2.4.0", "Accepts multiple `member` arguments."},
};

constexpr Argument kSremArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member", .flags = kMultiple},
};

constexpr Argument kSscanArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "cursor", .type = kInteger},
    {.name = "pattern", .type = kPattern, .token = "MATCH", .flags = kOptional},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
};

constexpr Argument kSunionArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
};

constexpr KeySpec kSunionstoreKeys[] = {
    {.flags = kKeyOW | kKeyUpdate, .index = 1},
    {.flags = kKeyRO | kKeyAccess, .index = 2, .last_key = -1},
};

constexpr Argument kSunionstoreArguments[] = {
    {.name = "destination", .type = kKey, .key_spec_index = 0},
    {.name = "key", .type = kKey, .key_spec_index = 1, .flags = kMultiple},
};

constexpr Spec kRows[] = {
    {.name = "sadd",
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclSet | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyInsert>,
     .group = "set",
     .summary = "Add one or more members to a set",
     .since = "1.0.0",
     .complexity = "O(1) for each element added, so O(N) to add N elements when the command is "
                   "called with multiple arguments.",
     .history = kSaddHistory,
     .arguments = kSaddArguments},
    {.name = "scard",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclSet | kAclFast,
     .key_specs = kKeys<kKeyRO>,
     .group = "set",
     .summary = "Get the number of members in a set",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "sdiff",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclRead | kAclSet | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess, 1, -1>,
     .tips = kNondeterministicOutputOrder,
     .route = Route::kGathered,
     .group = "set",
     .summary = "Subtract multiple sets",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of elements in all given sets.",
     .arguments = kSdiffArguments},
    {.name = "sdiffstore",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclSet | kAclSlow,
     .key_specs = kSdiffstoreKeys,
     .group = "set",
     .summary = "Subtract multiple sets and store the resulting set in a key",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of elements in all given sets.",
     .arguments = kSdiffstoreArguments},
    {.name = "sinter",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclRead | kAclSet | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess, 1, -1>,
     .tips = kNondeterministicOutputOrder,
     .route = Route::kGathered,
     .group = "set",
     .summary = "Intersect multiple sets",
     .since = "1.0.0",
     .complexity = "O(N*M) worst case where N is the cardinality of the smallest set and M is the "
                   "number of sets.",
     .arguments = kSinterArguments},
    {.name = "sintercard",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclRead | kAclSet | kAclSlow,
     .key_specs = kCountedKeys<kKeyRO | kKeyAccess, 1>,
     .key_rule = KeyRule::kNumkeys,
     .route = Route::kGathered,
     .group = "set",
     .summary = "Intersect multiple sets and return the cardinality of the result",
     .since = "7.0.0",
     .complexity = "O(N*M) worst case where N is the cardinality of the smallest set and M is the "
                   "number of sets.",
     .arguments = kSintercardArguments},
    {.name = "sinterstore",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclSet | kAclSlow,
     .key_specs = kSinterstoreKeys,
     .group = "set",
     .summary = "Intersect multiple sets and store the resulting set in a key",
     .since = "1.0.0",
     .complexity = "O(N*M) worst case where N is the cardinality of the smallest set and M is the "
                   "number of sets.",
     .arguments = kSinterstoreArguments},
    {.name = "sismember",
     .arity = 3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclSet | kAclFast,
     .key_specs = kKeys<kKeyRO>,
     .group = "set",
     .summary = "Determine if a given value is a member of a set",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kSismemberArguments},
    {.name = "smembers",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclRead | kAclSet | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutputOrder,
     .group = "set",
     .summary = "Get all the members in a set",
     .since = "1.0.0",
     .complexity = "O(N) where N is the set cardinality.",
     .arguments = kOnlyKey},
    {.name = "smismember",
     .arity = -3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclSet | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "set",
     .summary = "Returns the membership associated with the given elements for a set",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of elements being checked for membership",
     .arguments = kSmismemberArguments},
    {.name = "smove",
     .arity = 4,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclSet | kAclFast,
     .key_specs = kSmoveKeys,
     .group = "set",
     .summary = "Move a member from one set to another",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kSmoveArguments},
    {.name = "spop",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclSet | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyDelete>,
     .tips = kNondeterministicOutput,
     .group = "set",
     .summary = "Remove and return one or multiple random members from a set",
     .since = "1.0.0",
     .complexity = "Without the count argument O(1), otherwise O(N) where N is the value of the "
                   "passed count.",
     .history = kSpopHistory,
     .arguments = kSpopArguments},
    {.name = "srandmember",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclRead | kAclSet | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutput,
     .group = "set",
     .summary = "Get one or multiple random members from a set",
     .since = "1.0.0",
     .complexity = "Without the count argument O(1), otherwise O(N) where N is the absolute value "
                   "of the passed count.",
     .history = kSrandmemberHistory,
     .arguments = kSrandmemberArguments},
    {.name = "srem",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclSet | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .group = "set",
     .summary = "Remove one or more members from a set",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members to be removed.",
     .history = kSremHistory,
     .arguments = kSremArguments},
    {.name = "sscan",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclRead | kAclSet | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutput,
     .group = "set",
     .summary = "Incrementally iterate Set elements",
     .since = "2.8.0",
     .complexity =
         "O(1) for every call. O(N) for a complete iteration, including enough command calls for "
         "the cursor to return back to 0. N is the number of elements inside the collection..",
     .arguments = kSscanArguments},
    {.name = "sunion",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclRead | kAclSet | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess, 1, -1>,
     .tips = kNondeterministicOutputOrder,
     .route = Route::kGathered,
     .group = "set",
     .summary = "Add multiple sets",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of elements in all given sets.",
     .arguments = kSunionArguments},
    {.name = "sunionstore",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclSet | kAclSlow,
     .key_specs = kSunionstoreKeys,
     .group = "set",
     .summary = "Add multiple sets and store the resulting set in a key",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of elements in all given sets.",
     .arguments = kSunionstoreArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kSetRows = kRows;

}  // namespace keyway::command
