// The sorted set commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr Argument kBzmpopWhere[] = {
    {.name = "min", .type = kPureToken, .token = "MIN"},
    {.name = "max", .type = kPureToken, .token = "MAX"},
};

constexpr Argument kBzmpopArguments[] = {
    {.name = "timeout", .type = kDouble},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "where", .type = kOneOf, .arguments = kBzmpopWhere},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
};

constexpr HistoryEntry kBzpopmaxHistory[] = {
    {"6.0.0", "`timeout` is interpreted as a double instead of an integer."},
};

constexpr Argument kBzpopmaxArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "timeout", .type = kDouble},
};

constexpr HistoryEntry kBzpopminHistory[] = {
    {"6.0.0", "`timeout` is interpreted as a double instead of an integer."},
};

constexpr Argument kBzpopminArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "timeout", .type = kDouble},
};

constexpr HistoryEntry kZaddHistory[] = {
    {"2.4.0", "Accepts multiple elements."},
    {"3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."},
    {"6.2.0", "Added the `GT` and `LT` options."},
};

constexpr Argument kZaddCondition[] = {
    {.name = "nx", .type = kPureToken, .token = "NX"},
    {.name = "xx", .type = kPureToken, .token = "XX"},
};

constexpr Argument kZaddComparison[] = {
    {.name = "gt", .type = kPureToken, .token = "GT"},
    {.name = "lt", .type = kPureToken, .token = "LT"},
};

constexpr Argument kZaddScoreMember[] = {
    {.name = "score", .type = kDouble},
    {.name = "member"},
};

constexpr Argument kZaddArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "condition",
     .type = kOneOf,
     .since = "3.0.2",
     .flags = kOptional,
     .arguments = kZaddCondition},
    {.name = "comparison",
     .type = kOneOf,
     .since = "6.2.0",
     .flags = kOptional,
     .arguments = kZaddComparison},
    {.name = "change", .type = kPureToken, .token = "CH", .since = "3.0.2", .flags = kOptional},
    {.name = "increment",
     .type = kPureToken,
     .token = "INCR",
     .since = "3.0.2",
     .flags = kOptional},
    {.name = "score_member", .type = kBlock, .flags = kMultiple, .arguments = kZaddScoreMember},
};

constexpr Argument kZcountArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "min", .type = kDouble},
    {.name = "max", .type = kDouble},
};

constexpr Argument kZdiffArguments[] = {
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "withscores", .type = kPureToken, .token = "WITHSCORES", .flags = kOptional},
};

constexpr KeySpec kZdiffstoreKeys[] = {
    {.flags = kKeyOW | kKeyUpdate, .index = 1},
    {.flags = kKeyRO | kKeyAccess, .index = 2, .find = KeySpec::Find::kKeynum, .first_key = 1},
};

constexpr Argument kZdiffstoreArguments[] = {
    {.name = "destination", .type = kKey, .key_spec_index = 0},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 1, .flags = kMultiple},
};

constexpr Argument kZincrbyArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "increment", .type = kInteger},
    {.name = "member"},
};

constexpr Argument kZinterAggregate[] = {
    {.name = "sum", .type = kPureToken, .token = "SUM"},
    {.name = "min", .type = kPureToken, .token = "MIN"},
    {.name = "max", .type = kPureToken, .token = "MAX"},
};

constexpr Argument kZinterArguments[] = {
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "weight", .type = kInteger, .token = "WEIGHTS", .flags = kOptional | kMultiple},
    {.name = "aggregate",
     .type = kOneOf,
     .token = "AGGREGATE",
     .flags = kOptional,
     .arguments = kZinterAggregate},
    {.name = "withscores", .type = kPureToken, .token = "WITHSCORES", .flags = kOptional},
};

constexpr Argument kZintercardArguments[] = {
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "limit", .type = kInteger, .token = "LIMIT", .flags = kOptional},
};

constexpr KeySpec kZinterstoreKeys[] = {
    {.flags = kKeyOW | kKeyUpdate, .index = 1},
    {.flags = kKeyRO | kKeyAccess, .index = 2, .find = KeySpec::Find::kKeynum, .first_key = 1},
};

constexpr Argument kZinterstoreAggregate[] = {
    {.name = "sum", .type = kPureToken, .token = "SUM"},
    {.name = "min", .type = kPureToken, .token = "MIN"},
    {.name = "max", .type = kPureToken, .token = "MAX"},
};

constexpr Argument kZinterstoreArguments[] = {
    {.name = "destination", .type = kKey, .key_spec_index = 0},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 1, .flags = kMultiple},
    {.name = "weight", .type = kInteger, .token = "WEIGHTS", .flags = kOptional | kMultiple},
    {.name = "aggregate",
     .type = kOneOf,
     .token = "AGGREGATE",
     .flags = kOptional,
     .arguments = kZinterstoreAggregate},
};

constexpr Argument kZlexcountArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "min"},
    {.name = "max"},
};

constexpr Argument kZmpopWhere[] = {
    {.name = "min", .type = kPureToken, .token = "MIN"},
    {.name = "max", .type = kPureToken, .token = "MAX"},
};

constexpr Argument kZmpopArguments[] = {
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "where", .type = kOneOf, .arguments = kZmpopWhere},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
};

constexpr Argument kZmscoreArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member", .flags = kMultiple},
};

constexpr Argument kZpopmaxArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "count", .type = kInteger, .flags = kOptional},
};

constexpr Argument kZpopminArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "count", .type = kInteger, .flags = kOptional},
};

constexpr Argument kZrandmemberOptions[] = {
    {.name = "count", .type = kInteger},
    {.name = "withscores", .type = kPureToken, .token = "WITHSCORES", .flags = kOptional},
};

constexpr Argument kZrandmemberArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "options", .type = kBlock, .flags = kOptional, .arguments = kZrandmemberOptions},
};

constexpr HistoryEntry kZrangeHistory[] = {
    {"6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options."},
};

constexpr Argument kZrangeSortby[] = {
    {.name = "byscore", .type = kPureToken, .token = "BYSCORE"},
    {.name = "bylex", .type = kPureToken, .token = "BYLEX"},
};

constexpr Argument kZrangeOffsetCount[] = {
    {.name = "offset", .type = kInteger},
    {.name = "count", .type = kInteger},
};

constexpr Argument kZrangeArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "start"},
    {.name = "stop"},
    {.name = "sortby",
     .type = kOneOf,
     .since = "6.2.0",
     .flags = kOptional,
     .arguments = kZrangeSortby},
    {.name = "rev", .type = kPureToken, .token = "REV", .since = "6.2.0", .flags = kOptional},
    {.name = "offset_count",
     .type = kBlock,
     .token = "LIMIT",
     .since = "6.2.0",
     .flags = kOptional,
     .arguments = kZrangeOffsetCount},
    {.name = "withscores", .type = kPureToken, .token = "WITHSCORES", .flags = kOptional},
};

constexpr Argument kZrangebylexOffsetCount[] = {
    {.name = "offset", .type = kInteger},
    {.name = "count", .type = kInteger},
};

constexpr Argument kZrangebylexArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "min"},
    {.name = "max"},
    {.name = "offset_count",
     .type = kBlock,
     .token = "LIMIT",
     .flags = kOptional,
     .arguments = kZrangebylexOffsetCount},
};

constexpr HistoryEntry kZrangebyscoreHistory[] = {
    {"2.0.0", "Added the `WITHSCORES` modifier."},
};

constexpr Argument kZrangebyscoreOffsetCount[] = {
    {.name = "offset", .type = kInteger},
    {.name = "count", .type = kInteger},
};

constexpr Argument kZrangebyscoreArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "min", .type = kDouble},
    {.name = "max", .type = kDouble},
    {.name = "withscores",
     .type = kPureToken,
     .token = "WITHSCORES",
     .since = "2.0.0",
     .flags = kOptional},
    {.name = "offset_count",
     .type = kBlock,
     .token = "LIMIT",
     .flags = kOptional,
     .arguments = kZrangebyscoreOffsetCount},
};

constexpr KeySpec kZrangestoreKeys[] = {
    {.flags = kKeyOW | kKeyUpdate, .index = 1},
    {.flags = kKeyRO | kKeyAccess, .index = 2},
};

constexpr Argument kZrangestoreSortby[] = {
    {.name = "byscore", .type = kPureToken, .token = "BYSCORE"},
    {.name = "bylex", .type = kPureToken, .token = "BYLEX"},
};

constexpr Argument kZrangestoreOffsetCount[] = {
    {.name = "offset", .type = kInteger},
    {.name = "count", .type = kInteger},
};

constexpr Argument kZrangestoreArguments[] = {
    {.name = "dst", .type = kKey, .key_spec_index = 0},
    {.name = "src", .type = kKey, .key_spec_index = 1},
    {.name = "min"},
    {.name = "max"},
    {.name = "sortby", .type = kOneOf, .flags = kOptional, .arguments = kZrangestoreSortby},
    {.name = "rev", .type = kPureToken, .token = "REV", .flags = kOptional},
    {.name = "offset_count",
     .type = kBlock,
     .token = "LIMIT",
     .flags = kOptional,
     .arguments = kZrangestoreOffsetCount},
};

constexpr Argument kZrankArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member"},
};

constexpr HistoryEntry kZremHistory[] = {
    {"2.4.0", "Accepts multiple elements."},
};

constexpr Argument kZremArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member", .flags = kMultiple},
};

constexpr Argument kZremrangebylexArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "min"},
    {.name = "max"},
};

constexpr Argument kZremrangebyrankArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "start", .type = kInteger},
    {.name = "stop", .type = kInteger},
};

constexpr Argument kZremrangebyscoreArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "min", .type = kDouble},
    {.name = "max", .type = kDouble},
};

constexpr Argument kZrevrangeArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "start", .type = kInteger},
    {.name = "stop", .type = kInteger},
    {.name = "withscores", .type = kPureToken, .token = "WITHSCORES", .flags = kOptional},
};

constexpr Argument kZrevrangebylexOffsetCount[] = {
    {.name = "offset", .type = kInteger},
    {.name = "count", .type = kInteger},
};

constexpr Argument kZrevrangebylexArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "max"},
    {.name = "min"},
    {.name = "offset_count",
     .type = kBlock,
     .token = "LIMIT",
     .flags = kOptional,
     .arguments = kZrevrangebylexOffsetCount},
};

constexpr HistoryEntry kZrevrangebyscoreHistory[] = {
    {"2.1.6", "`min` and `max` can be exclusive."},
};

constexpr Argument kZrevrangebyscoreOffsetCount[] = {
    {.name = "offset", .type = kInteger},
    {.name = "count", .type = kInteger},
};

constexpr Argument kZrevrangebyscoreArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "max", .type = kDouble},
    {.name = "min", .type = kDouble},
    {.name = "withscores", .type = kPureToken, .token = "WITHSCORES", .flags = kOptional},
    {.name = "offset_count",
     .type = kBlock,
     .token = "LIMIT",
     .flags = kOptional,
     .arguments = kZrevrangebyscoreOffsetCount},
};

constexpr Argument kZrevrankArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member"},
};

constexpr Argument kZscanArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "cursor", .type = kInteger},
    {.name = "pattern", .type = kPattern, .token = "MATCH", .flags = kOptional},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
};

constexpr Argument kZscoreArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member"},
};

constexpr Argument kZunionAggregate[] = {
    {.name = "sum", .type = kPureToken, .token = "SUM"},
    {.name = "min", .type = kPureToken, .token = "MIN"},
    {.name = "max", .type = kPureToken, .token = "MAX"},
};

constexpr Argument kZunionArguments[] = {
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "weight", .type = kInteger, .token = "WEIGHTS", .flags = kOptional | kMultiple},
    {.name = "aggregate",
     .type = kOneOf,
     .token = "AGGREGATE",
     .flags = kOptional,
     .arguments = kZunionAggregate},
    {.name = "withscores", .type = kPureToken, .token = "WITHSCORES", .flags = kOptional},
};

constexpr KeySpec kZunionstoreKeys[] = {
    {.flags = kKeyOW | kKeyUpdate, .index = 1},
    {.flags = kKeyRO | kKeyAccess, .index = 2, .find = KeySpec::Find::kKeynum, .first_key = 1},
};

constexpr Argument kZunionstoreAggregate[] = {
    {.name = "sum", .type = kPureToken, .token = "SUM"},
    {.name = "min", .type = kPureToken, .token = "MIN"},
    {.name = "max", .type = kPureToken, .token = "MAX"},
};

constexpr Argument kZunionstoreArguments[] = {
    {.name = "destination", .type = kKey, .key_spec_index = 0},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 1, .flags = kMultiple},
    {.name = "weight", .type = kInteger, .token = "WEIGHTS", .flags = kOptional | kMultiple},
    {.name = "aggregate",
     .type = kOneOf,
     .token = "AGGREGATE",
     .flags = kOptional,
     .arguments = kZunionstoreAggregate},
};

constexpr Spec kRows[] = {
    {.name = "bzmpop",
     .arity = -5,
     .flags = kWrite | kBlocking | kMovableKeys,
     .acl = kAclWrite | kAclSortedset | kAclSlow | kAclBlocking,
     .key_specs = kCountedKeys<kKeyRW | kKeyAccess | kKeyDelete, 2>,
     .key_rule = KeyRule::kNumkeys,
     .group = "sorted-set",
     .summary =
         "Remove and return members with scores in a sorted set or block until one is available",
     .since = "7.0.0",
     .complexity = "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number "
                   "of elements in the sorted set, and M being the number of elements popped.",
     .arguments = kBzmpopArguments},
    {.name = "bzpopmax",
     .arity = -3,
     .flags = kWrite | kNoscript | kBlocking | kFast,
     .acl = kAclWrite | kAclSortedset | kAclFast | kAclBlocking,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyDelete, 1, -2>,
     .group = "sorted-set",
     .summary = "Remove and return the member with the highest score from one or more sorted sets, "
                "or block until one is available",
     .since = "5.0.0",
     .complexity = "O(log(N)) with N being the number of elements in the sorted set.",
     .history = kBzpopmaxHistory,
     .arguments = kBzpopmaxArguments},
    {.name = "bzpopmin",
     .arity = -3,
     .flags = kWrite | kNoscript | kBlocking | kFast,
     .acl = kAclWrite | kAclSortedset | kAclFast | kAclBlocking,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyDelete, 1, -2>,
     .group = "sorted-set",
     .summary = "Remove and return the member with the lowest score from one or more sorted sets, "
                "or block until one is available",
     .since = "5.0.0",
     .complexity = "O(log(N)) with N being the number of elements in the sorted set.",
     .history = kBzpopminHistory,
     .arguments = kBzpopminArguments},
    {.name = "zadd",
     .arity = -4,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .group = "sorted-set",
     .summary = "Add one or more members to a sorted set, or update its score if it already exists",
     .since = "1.2.0",
     .complexity =
         "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
     .history = kZaddHistory,
     .arguments = kZaddArguments},
    {.name = "zcard",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRO>,
     .group = "sorted-set",
     .summary = "Get the number of members in a sorted set",
     .since = "1.2.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "zcount",
     .arity = 4,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Count the members in a sorted set with scores within the given values",
     .since = "2.0.0",
     .complexity = "O(log(N)) with N being the number of elements in the sorted set.",
     .arguments = kZcountArguments},
    {.name = "zdiff",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kCountedKeys<kKeyRO | kKeyAccess, 1>,
     .key_rule = KeyRule::kNumkeys,
     .route = Route::kGathered,
     .group = "sorted-set",
     .summary = "Subtract multiple sorted sets",
     .since = "6.2.0",
     .complexity = "O(L + (N-K)log(N)) worst case where L is the total number of elements in all "
                   "the sets, N is the size of the first set, and K is the size of the result set.",
     .arguments = kZdiffArguments},
    {.name = "zdiffstore",
     .arity = -4,
     .flags = kWrite | kDenyOom | kMovableKeys,
     .acl = kAclWrite | kAclSortedset | kAclSlow,
     .key_specs = kZdiffstoreKeys,
     .key_rule = KeyRule::kNumkeys,
     .group = "sorted-set",
     .summary = "Subtract multiple sorted sets and store the resulting sorted set in a new key",
     .since = "6.2.0",
     .complexity = "O(L + (N-K)log(N)) worst case where L is the total number of elements in all "
                   "the sets, N is the size of the first set, and K is the size of the result set.",
     .arguments = kZdiffstoreArguments},
    {.name = "zincrby",
     .arity = 4,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "sorted-set",
     .summary = "Increment the score of a member in a sorted set",
     .since = "1.2.0",
     .complexity = "O(log(N)) where N is the number of elements in the sorted set.",
     .arguments = kZincrbyArguments},
    {.name = "zinter",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kCountedKeys<kKeyRO | kKeyAccess, 1>,
     .key_rule = KeyRule::kNumkeys,
     .route = Route::kGathered,
     .group = "sorted-set",
     .summary = "Intersect multiple sorted sets",
     .since = "6.2.0",
     .complexity = "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K "
                   "being the number of input sorted sets and M being the number of elements in "
                   "the resulting sorted set.",
     .arguments = kZinterArguments},
    {.name = "zintercard",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kCountedKeys<kKeyRO | kKeyAccess, 1>,
     .key_rule = KeyRule::kNumkeys,
     .route = Route::kGathered,
     .group = "sorted-set",
     .summary = "Intersect multiple sorted sets and return the cardinality of the result",
     .since = "7.0.0",
     .complexity = "O(N*K) worst case with N being the smallest input sorted set, K being the "
                   "number of input sorted sets.",
     .arguments = kZintercardArguments},
    {.name = "zinterstore",
     .arity = -4,
     .flags = kWrite | kDenyOom | kMovableKeys,
     .acl = kAclWrite | kAclSortedset | kAclSlow,
     .key_specs = kZinterstoreKeys,
     .key_rule = KeyRule::kNumkeys,
     .group = "sorted-set",
     .summary = "Intersect multiple sorted sets and store the resulting sorted set in a new key",
     .since = "2.0.0",
     .complexity = "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K "
                   "being the number of input sorted sets and M being the number of elements in "
                   "the resulting sorted set.",
     .arguments = kZinterstoreArguments},
    {.name = "zlexcount",
     .arity = 4,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Count the number of members in a sorted set between a given lexicographical range",
     .since = "2.8.9",
     .complexity = "O(log(N)) with N being the number of elements in the sorted set.",
     .arguments = kZlexcountArguments},
    {.name = "zmpop",
     .arity = -4,
     .flags = kWrite | kMovableKeys,
     .acl = kAclWrite | kAclSortedset | kAclSlow,
     .key_specs = kCountedKeys<kKeyRW | kKeyAccess | kKeyDelete, 1>,
     .key_rule = KeyRule::kNumkeys,
     .group = "sorted-set",
     .summary = "Remove and return members with scores in a sorted set",
     .since = "7.0.0",
     .complexity = "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number "
                   "of elements in the sorted set, and M being the number of elements popped.",
     .arguments = kZmpopArguments},
    {.name = "zmscore",
     .arity = -3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Get the score associated with the given members in a sorted set",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of members being requested.",
     .arguments = kZmscoreArguments},
    {.name = "zpopmax",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyDelete>,
     .group = "sorted-set",
     .summary = "Remove and return members with the highest scores in a sorted set",
     .since = "5.0.0",
     .complexity = "O(log(N)*M) with N being the number of elements in the sorted set, and M being "
                   "the number of elements popped.",
     .arguments = kZpopmaxArguments},
    {.name = "zpopmin",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyDelete>,
     .group = "sorted-set",
     .summary = "Remove and return members with the lowest scores in a sorted set",
     .since = "5.0.0",
     .complexity = "O(log(N)*M) with N being the number of elements in the sorted set, and M being "
                   "the number of elements popped.",
     .arguments = kZpopminArguments},
    {.name = "zrandmember",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutput,
     .group = "sorted-set",
     .summary = "Get one or multiple random elements from a sorted set",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of elements returned",
     .arguments = kZrandmemberArguments},
    {.name = "zrange",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Return a range of members in a sorted set",
     .since = "1.2.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements returned.",
     .history = kZrangeHistory,
     .arguments = kZrangeArguments},
    {.name = "zrangebylex",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Return a range of members in a sorted set, by lexicographical range",
     .since = "2.8.9",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements being returned. If M is constant (e.g. always asking for "
                   "the first 10 elements with LIMIT), you can consider it O(log(N)).",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYLEX` argument",
     .arguments = kZrangebylexArguments},
    {.name = "zrangebyscore",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Return a range of members in a sorted set, by score",
     .since = "1.0.5",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements being returned. If M is constant (e.g. always asking for "
                   "the first 10 elements with LIMIT), you can consider it O(log(N)).",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYSCORE` argument",
     .history = kZrangebyscoreHistory,
     .arguments = kZrangebyscoreArguments},
    {.name = "zrangestore",
     .arity = -5,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclSortedset | kAclSlow,
     .key_specs = kZrangestoreKeys,
     .group = "sorted-set",
     .summary = "Store a range of members from sorted set into another key",
     .since = "6.2.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements stored into the destination key.",
     .arguments = kZrangestoreArguments},
    {.name = "zrank",
     .arity = 3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Determine the index of a member in a sorted set",
     .since = "2.0.0",
     .complexity = "O(log(N))",
     .arguments = kZrankArguments},
    {.name = "zrem",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .group = "sorted-set",
     .summary = "Remove one or more members from a sorted set",
     .since = "1.2.0",
     .complexity = "O(M*log(N)) with N being the number of elements in the sorted set and M the "
                   "number of elements to be removed.",
     .history = kZremHistory,
     .arguments = kZremArguments},
    {.name = "zremrangebylex",
     .arity = 4,
     .flags = kWrite,
     .acl = kAclWrite | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .group = "sorted-set",
     .summary = "Remove all members in a sorted set between the given lexicographical range",
     .since = "2.8.9",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements removed by the operation.",
     .arguments = kZremrangebylexArguments},
    {.name = "zremrangebyrank",
     .arity = 4,
     .flags = kWrite,
     .acl = kAclWrite | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .group = "sorted-set",
     .summary = "Remove all members in a sorted set within the given indexes",
     .since = "2.0.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements removed by the operation.",
     .arguments = kZremrangebyrankArguments},
    {.name = "zremrangebyscore",
     .arity = 4,
     .flags = kWrite,
     .acl = kAclWrite | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .group = "sorted-set",
     .summary = "Remove all members in a sorted set within the given scores",
     .since = "1.2.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements removed by the operation.",
     .arguments = kZremrangebyscoreArguments},
    {.name = "zrevrange",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Return a range of members in a sorted set, by index, with scores ordered from "
                "high to low",
     .since = "1.2.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements returned.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` argument",
     .arguments = kZrevrangeArguments},
    {.name = "zrevrangebylex",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Return a range of members in a sorted set, by lexicographical range, ordered from "
                "higher to lower strings.",
     .since = "2.8.9",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements being returned. If M is constant (e.g. always asking for "
                   "the first 10 elements with LIMIT), you can consider it O(log(N)).",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments",
     .arguments = kZrevrangebylexArguments},
    {.name = "zrevrangebyscore",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Return a range of members in a sorted set, by score, with scores ordered from "
                "high to low",
     .since = "2.2.0",
     .complexity = "O(log(N)+M) with N being the number of elements in the sorted set and M the "
                   "number of elements being returned. If M is constant (e.g. always asking for "
                   "the first 10 elements with LIMIT), you can consider it O(log(N)).",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments",
     .history = kZrevrangebyscoreHistory,
     .arguments = kZrevrangebyscoreArguments},
    {.name = "zrevrank",
     .arity = 3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary =
         "Determine the index of a member in a sorted set, with scores ordered from high to low",
     .since = "2.0.0",
     .complexity = "O(log(N))",
     .arguments = kZrevrankArguments},
    {.name = "zscan",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutput,
     .group = "sorted-set",
     .summary = "Incrementally iterate sorted sets elements and associated scores",
     .since = "2.8.0",
     .complexity =
         "O(1) for every call. O(N) for a complete iteration, including enough command calls for "
         "the cursor to return back to 0. N is the number of elements inside the collection..",
     .arguments = kZscanArguments},
    {.name = "zscore",
     .arity = 3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclSortedset | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "sorted-set",
     .summary = "Get the score associated with the given member in a sorted set",
     .since = "1.2.0",
     .complexity = "O(1)",
     .arguments = kZscoreArguments},
    {.name = "zunion",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclRead | kAclSortedset | kAclSlow,
     .key_specs = kCountedKeys<kKeyRO | kKeyAccess, 1>,
     .key_rule = KeyRule::kNumkeys,
     .route = Route::kGathered,
     .group = "sorted-set",
     .summary = "Add multiple sorted sets",
     .since = "6.2.0",
     .complexity = "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, "
                   "and M being the number of elements in the resulting sorted set.",
     .arguments = kZunionArguments},
    {.name = "zunionstore",
     .arity = -4,
     .flags = kWrite | kDenyOom | kMovableKeys,
     .acl = kAclWrite | kAclSortedset | kAclSlow,
     .key_specs = kZunionstoreKeys,
     .key_rule = KeyRule::kNumkeys,
     .group = "sorted-set",
     .summary = "Add multiple sorted sets and store the resulting sorted set in a new key",
     .since = "2.0.0",
     .complexity = "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, "
                   "and M being the number of elements in the resulting sorted set.",
     .arguments = kZunionstoreArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kSortedSetRows = kRows;

}  // namespace keyway::command
