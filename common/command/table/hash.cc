// The hash commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr HistoryEntry kHdelHistory[] = {
    {"2.4.0", "Accepts multiple `field` arguments."},
};

constexpr Argument kHdelArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "field", .flags = kMultiple},
};

constexpr Argument kHexistsArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "field"},
};

constexpr Argument kHgetArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "field"},
};

constexpr Argument kHincrbyArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "field"},
    {.name = "increment", .type = kInteger},
};

constexpr Argument kHincrbyfloatArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "field"},
    {.name = "increment", .type = kDouble},
};

constexpr Argument kHmgetArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "field", .flags = kMultiple},
};

constexpr Argument kHmsetFieldValue[] = {
    {.name = "field"},
    {.name = "value"},
};

constexpr Argument kHmsetArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "field_value", .type = kBlock, .flags = kMultiple, .arguments = kHmsetFieldValue},
};

constexpr Argument kHrandfieldOptions[] = {
    {.name = "count", .type = kInteger},
    {.name = "withvalues", .type = kPureToken, .token = "WITHVALUES", .flags = kOptional},
};

constexpr Argument kHrandfieldArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "options", .type = kBlock, .flags = kOptional, .arguments = kHrandfieldOptions},
};

constexpr Argument kHscanArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "cursor", .type = kInteger},
    {.name = "pattern", .type = kPattern, .token = "MATCH", .flags = kOptional},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
};

constexpr HistoryEntry kHsetHistory[] = {
    {"4.0.0", "Accepts multiple `field` and `value` arguments."},
};

constexpr Argument kHsetFieldValue[] = {
    {.name = "field"},
    {.name = "value"},
};

constexpr Argument kHsetArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "field_value", .type = kBlock, .flags = kMultiple, .arguments = kHsetFieldValue},
};

constexpr Argument kHsetnxArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "field"},
    {.name = "value"},
};

constexpr Argument kHstrlenArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "field"},
};

constexpr Spec kRows[] = {
    {.name = "hdel",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .group = "hash",
     .summary = "Delete one or more hash fields",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of fields to be removed.",
     .history = kHdelHistory,
     .arguments = kHdelArguments},
    {.name = "hexists",
     .arity = 3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRO>,
     .group = "hash",
     .summary = "Determine if a hash field exists",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arguments = kHexistsArguments},
    {.name = "hget",
     .arity = 3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "hash",
     .summary = "Get the value of a hash field",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arguments = kHgetArguments},
    {.name = "hgetall",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclRead | kAclHash | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutputOrder,
     .group = "hash",
     .summary = "Get all the fields and values in a hash",
     .since = "2.0.0",
     .complexity = "O(N) where N is the size of the hash.",
     .arguments = kOnlyKey},
    {.name = "hincrby",
     .arity = 4,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "hash",
     .summary = "Increment the integer value of a hash field by the given number",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arguments = kHincrbyArguments},
    {.name = "hincrbyfloat",
     .arity = 4,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "hash",
     .summary = "Increment the float value of a hash field by the given amount",
     .since = "2.6.0",
     .complexity = "O(1)",
     .arguments = kHincrbyfloatArguments},
    {.name = "hkeys",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclRead | kAclHash | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutputOrder,
     .group = "hash",
     .summary = "Get all the fields in a hash",
     .since = "2.0.0",
     .complexity = "O(N) where N is the size of the hash.",
     .arguments = kOnlyKey},
    {.name = "hlen",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRO>,
     .group = "hash",
     .summary = "Get the number of fields in a hash",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "hmget",
     .arity = -3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "hash",
     .summary = "Get the values of all the given hash fields",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of fields being requested.",
     .arguments = kHmgetArguments},
    {.name = "hmset",
     .arity = -4,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .repeat = Repeat::kHarmless,
     .group = "hash",
     .summary = "Set multiple hash fields to multiple values",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of fields being set.",
     .deprecated_since = "4.0.0",
     .replaced_by = "`HSET` with multiple field-value pairs",
     .arguments = kHmsetArguments},
    {.name = "hrandfield",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclRead | kAclHash | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutput,
     .group = "hash",
     .summary = "Get one or multiple random fields from a hash",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of fields returned",
     .arguments = kHrandfieldArguments},
    {.name = "hscan",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclRead | kAclHash | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutput,
     .group = "hash",
     .summary = "Incrementally iterate hash fields and associated values",
     .since = "2.8.0",
     .complexity =
         "O(1) for every call. O(N) for a complete iteration, including enough command calls for "
         "the cursor to return back to 0. N is the number of elements inside the collection..",
     .arguments = kHscanArguments},
    {.name = "hset",
     .arity = -4,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .group = "hash",
     .summary = "Set the string value of a hash field",
     .since = "2.0.0",
     .complexity = "O(1) for each field/value pair added, so O(N) to add N field/value pairs when "
                   "the command is called with multiple field/value pairs.",
     .history = kHsetHistory,
     .arguments = kHsetArguments},
    {.name = "hsetnx",
     .arity = 4,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyInsert>,
     .group = "hash",
     .summary = "Set the value of a hash field, only if the field does not exist",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arguments = kHsetnxArguments},
    {.name = "hstrlen",
     .arity = 3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclHash | kAclFast,
     .key_specs = kKeys<kKeyRO>,
     .group = "hash",
     .summary = "Get the length of the value of a hash field",
     .since = "3.2.0",
     .complexity = "O(1)",
     .arguments = kHstrlenArguments},
    {.name = "hvals",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclRead | kAclHash | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .tips = kNondeterministicOutputOrder,
     .group = "hash",
     .summary = "Get all the values in a hash",
     .since = "2.0.0",
     .complexity = "O(N) where N is the size of the hash.",
     .arguments = kOnlyKey},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kHashRows = kRows;

}  // namespace keyway::command
