// The HyperLogLog commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr Argument kPfaddArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "element", .flags = kOptional | kMultiple},
};

constexpr KeySpec kPfcountKeys[] = {
    {.notes = "RW because it may change the internal representation of the key, and propagate to "
              "replicas",
     .flags = kKeyRW | kKeyAccess,
     .index = 1,
     .last_key = -1},
};

constexpr Argument kPfcountArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
};

constexpr Argument kPfdebugArguments[] = {
    {.name = "subcommand"},
    {.name = "key", .type = kKey, .key_spec_index = 0},
};

constexpr KeySpec kPfmergeKeys[] = {
    {.flags = kKeyRW | kKeyAccess | kKeyInsert, .index = 1},
    {.flags = kKeyRO | kKeyAccess, .index = 2, .last_key = -1},
};

constexpr Argument kPfmergeArguments[] = {
    {.name = "destkey", .type = kKey, .key_spec_index = 0},
    {.name = "sourcekey", .type = kKey, .key_spec_index = 1, .flags = kMultiple},
};

constexpr Spec kRows[] = {
    {.name = "pfadd",
     .arity = -2,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclHyperloglog | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyInsert>,
     .group = "hyperloglog",
     .summary = "Adds the specified elements to the specified HyperLogLog.",
     .since = "2.8.9",
     .complexity = "O(1) to add every element.",
     .arguments = kPfaddArguments},
    {.name = "pfcount",
     .arity = -2,
     .flags = kReadonly | kMayReplicate,
     .acl = kAclRead | kAclHyperloglog | kAclSlow,
     .key_specs = kPfcountKeys,
     .route = Route::kGathered,
     .group = "hyperloglog",
     .summary =
         "Return the approximated cardinality of the set(s) observed by the HyperLogLog at key(s).",
     .since = "2.8.9",
     .complexity = "O(1) with a very small average constant time when called with a single key. "
                   "O(N) with N being the number of keys, and much bigger constant times, when "
                   "called with multiple keys.",
     .arguments = kPfcountArguments},
    {.name = "pfdebug",
     .arity = 3,
     .flags = kWrite | kDenyOom | kAdmin,
     .acl = kAclWrite | kAclHyperloglog | kAclAdmin | kAclSlow | kAclDangerous,
     .key_specs = kKeys<kKeyRW | kKeyAccess, 2>,
     .group = "hyperloglog",
     .summary = "Internal commands for debugging HyperLogLog values",
     .since = "2.8.9",
     .complexity = "N/A",
     .doc_syscmd = true,
     .arguments = kPfdebugArguments},
    {.name = "pfmerge",
     .arity = -2,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclHyperloglog | kAclSlow,
     .key_specs = kPfmergeKeys,
     .group = "hyperloglog",
     .summary = "Merge N different HyperLogLogs into a single one.",
     .since = "2.8.9",
     .complexity = "O(N) to merge N HyperLogLogs, but with high constant times.",
     .arguments = kPfmergeArguments},
    {.name = "pfselftest",
     .arity = 1,
     .flags = kAdmin,
     .acl = kAclHyperloglog | kAclAdmin | kAclSlow | kAclDangerous,
     .group = "hyperloglog",
     .summary = "An internal command for testing HyperLogLog values",
     .since = "2.8.9",
     .complexity = "N/A",
     .doc_syscmd = true},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kHyperloglogRows = kRows;

}  // namespace keyway::command
