// The transaction commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr Argument kWatchArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
};

constexpr Spec kRows[] = {
    {.name = "discard",
     .arity = 1,
     .flags = kNoscript | kLoading | kStale | kFast | kAllowBusy,
     .acl = kAclFast | kAclTransaction,
     .route = Route::kLocal,
     .group = "transactions",
     .summary = "Discard all commands issued after MULTI",
     .since = "2.0.0",
     .complexity = "O(N), when N is the number of queued commands"},
    {.name = "exec",
     .arity = 1,
     .flags = kNoscript | kLoading | kStale | kSkipSlowlog,
     .acl = kAclSlow | kAclTransaction,
     .route = Route::kLocal,
     .group = "transactions",
     .summary = "Execute all commands issued after MULTI",
     .since = "1.2.0",
     .complexity = "Depends on commands in the transaction"},
    {.name = "multi",
     .arity = 1,
     .flags = kNoscript | kLoading | kStale | kFast | kAllowBusy,
     .acl = kAclFast | kAclTransaction,
     .route = Route::kLocal,
     .group = "transactions",
     .summary = "Mark the start of a transaction block",
     .since = "1.2.0",
     .complexity = "O(1)"},
    {.name = "unwatch",
     .arity = 1,
     .flags = kNoscript | kLoading | kStale | kFast | kAllowBusy,
     .acl = kAclFast | kAclTransaction,
     .route = Route::kLocal,
     .group = "transactions",
     .summary = "Forget about all watched keys",
     .since = "2.2.0",
     .complexity = "O(1)"},
    {.name = "watch",
     .arity = -2,
     .flags = kNoscript | kLoading | kStale | kFast | kAllowBusy,
     .acl = kAclFast | kAclTransaction,
     .key_specs = kKeys<kKeyRO, 1, -1>,
     .route = Route::kLocal,
     .group = "transactions",
     .summary = "Watch the given keys to determine execution of the MULTI/EXEC block",
     .since = "2.2.0",
     .complexity = "O(1) for every key.",
     .arguments = kWatchArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kTransactionsRows = kRows;

}  // namespace keyway::command
