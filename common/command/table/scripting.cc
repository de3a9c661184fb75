// The commands for scripts and functions.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr KeySpec kEvalKeys[] = {
    {.notes = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE",
     .flags = kKeyRW | kKeyAccess | kKeyUpdate,
     .index = 2,
     .find = KeySpec::Find::kKeynum,
     .first_key = 1},
};

constexpr Argument kEvalArguments[] = {
    {.name = "script"},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kOptional | kMultiple},
    {.name = "arg", .flags = kOptional | kMultiple},
};

constexpr KeySpec kEvalRoKeys[] = {
    {.notes = "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS",
     .flags = kKeyRO | kKeyAccess,
     .index = 2,
     .find = KeySpec::Find::kKeynum,
     .first_key = 1},
};

constexpr Argument kEvalRoArguments[] = {
    {.name = "script"},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kOptional | kMultiple},
    {.name = "arg", .flags = kOptional | kMultiple},
};

constexpr Argument kEvalshaArguments[] = {
    {.name = "sha1"},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kOptional | kMultiple},
    {.name = "arg", .flags = kOptional | kMultiple},
};

constexpr Argument kEvalshaRoArguments[] = {
    {.name = "sha1"},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kOptional | kMultiple},
    {.name = "arg", .flags = kOptional | kMultiple},
};

constexpr KeySpec kFcallKeys[] = {
    {.notes = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE",
     .flags = kKeyRW | kKeyAccess | kKeyUpdate,
     .index = 2,
     .find = KeySpec::Find::kKeynum,
     .first_key = 1},
};

constexpr Argument kFcallArguments[] = {
    {.name = "function"},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kOptional | kMultiple},
    {.name = "arg", .flags = kOptional | kMultiple},
};

constexpr KeySpec kFcallRoKeys[] = {
    {.notes = "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS",
     .flags = kKeyRO | kKeyAccess,
     .index = 2,
     .find = KeySpec::Find::kKeynum,
     .first_key = 1},
};

constexpr Argument kFcallRoArguments[] = {
    {.name = "function"},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kOptional | kMultiple},
    {.name = "arg", .flags = kOptional | kMultiple},
};

constexpr Argument kFunctionDeleteArguments[] = {
    {.name = "library-name"},
};

constexpr Argument kFunctionFlushAsync[] = {
    {.name = "async", .type = kPureToken, .token = "ASYNC"},
    {.name = "sync", .type = kPureToken, .token = "SYNC"},
};

constexpr Argument kFunctionFlushArguments[] = {
    {.name = "async", .type = kOneOf, .flags = kOptional, .arguments = kFunctionFlushAsync},
};

constexpr Argument kFunctionListArguments[] = {
    {.name = "library-name-pattern", .token = "LIBRARYNAME", .flags = kOptional},
    {.name = "withcode", .type = kPureToken, .token = "WITHCODE", .flags = kOptional},
};

constexpr Argument kFunctionLoadArguments[] = {
    {.name = "replace", .type = kPureToken, .token = "REPLACE", .flags = kOptional},
    {.name = "function-code"},
};

constexpr Argument kFunctionRestorePolicy[] = {
    {.name = "flush", .type = kPureToken, .token = "FLUSH"},
    {.name = "append", .type = kPureToken, .token = "APPEND"},
    {.name = "replace", .type = kPureToken, .token = "REPLACE"},
};

constexpr Argument kFunctionRestoreArguments[] = {
    {.name = "serialized-value"},
    {.name = "policy", .type = kOneOf, .flags = kOptional, .arguments = kFunctionRestorePolicy},
};

constexpr Spec kFunctionSubcommands[] = {
    {.name = "delete",
     .arity = 3,
     .flags = kWrite | kNoscript,
     .acl = kAclWrite | kAclSlow | kAclScripting,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kAllSucceeded,
     .route = Route::kSpecial,
     .group = "scripting",
     .summary = "Delete a function by name",
     .since = "7.0.0",
     .complexity = "O(1)",
     .arguments = kFunctionDeleteArguments},
    {.name = "dump",
     .arity = 2,
     .flags = kNoscript,
     .acl = kAclSlow | kAclScripting,
     .group = "scripting",
     .summary = "Dump all functions into a serialized binary payload",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of functions"},
    {.name = "flush",
     .arity = -2,
     .flags = kWrite | kNoscript,
     .acl = kAclWrite | kAclSlow | kAclScripting,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kAllSucceeded,
     .route = Route::kSpecial,
     .group = "scripting",
     .summary = "Deleting all functions",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of functions deleted",
     .arguments = kFunctionFlushArguments},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclSlow | kAclScripting,
     .group = "scripting",
     .summary = "Show helpful text about the different subcommands",
     .since = "7.0.0",
     .complexity = "O(1)"},
    {.name = "kill",
     .arity = 2,
     .flags = kNoscript | kAllowBusy,
     .acl = kAclSlow | kAclScripting,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kOneSucceeded,
     .group = "scripting",
     .summary = "Kill the function currently in execution.",
     .since = "7.0.0",
     .complexity = "O(1)"},
    {.name = "list",
     .arity = -2,
     .flags = kNoscript,
     .acl = kAclSlow | kAclScripting,
     .tips = kNondeterministicOutputOrder,
     .group = "scripting",
     .summary = "List information about all the functions",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of functions",
     .arguments = kFunctionListArguments},
    {.name = "load",
     .arity = -3,
     .flags = kWrite | kDenyOom | kNoscript,
     .acl = kAclWrite | kAclSlow | kAclScripting,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kAllSucceeded,
     .route = Route::kSpecial,
     .group = "scripting",
     .summary = "Create a function with the given arguments (name, code, description)",
     .since = "7.0.0",
     .complexity = "O(1) (considering compilation time is redundant)",
     .arguments = kFunctionLoadArguments},
    {.name = "restore",
     .arity = -3,
     .flags = kWrite | kDenyOom | kNoscript,
     .acl = kAclWrite | kAclSlow | kAclScripting,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kAllSucceeded,
     .route = Route::kSpecial,
     .group = "scripting",
     .summary = "Restore all the functions on the given payload",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of functions on the payload",
     .arguments = kFunctionRestoreArguments},
    {.name = "stats",
     .arity = 2,
     .flags = kNoscript | kAllowBusy,
     .acl = kAclSlow | kAclScripting,
     .tips = kNondeterministicOutput,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kSpecial,
     .route = Route::kSpecial,
     .group = "scripting",
     .summary =
         "Return information about the function currently running (name, description, duration)",
     .since = "7.0.0",
     .complexity = "O(1)"},
};

constexpr Argument kScriptDebugMode[] = {
    {.name = "yes", .type = kPureToken, .token = "YES"},
    {.name = "sync", .type = kPureToken, .token = "SYNC"},
    {.name = "no", .type = kPureToken, .token = "NO"},
};

constexpr Argument kScriptDebugArguments[] = {
    {.name = "mode", .type = kOneOf, .arguments = kScriptDebugMode},
};

constexpr Argument kScriptExistsArguments[] = {
    {.name = "sha1", .flags = kMultiple},
};

constexpr HistoryEntry kScriptFlushHistory[] = {
    {"6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers."},
};

constexpr Argument kScriptFlushAsync[] = {
    {.name = "async", .type = kPureToken, .token = "ASYNC"},
    {.name = "sync", .type = kPureToken, .token = "SYNC"},
};

constexpr Argument kScriptFlushArguments[] = {
    {.name = "async",
     .type = kOneOf,
     .since = "6.2.0",
     .flags = kOptional,
     .arguments = kScriptFlushAsync},
};

constexpr Argument kScriptLoadArguments[] = {
    {.name = "script"},
};

constexpr Spec kScriptSubcommands[] = {
    {.name = "debug",
     .arity = 3,
     .flags = kNoscript,
     .acl = kAclSlow | kAclScripting,
     .route = Route::kLocal,
     .group = "scripting",
     .summary = "Set the debug mode for executed scripts.",
     .since = "3.2.0",
     .complexity = "O(1)",
     .arguments = kScriptDebugArguments},
    {.name = "exists",
     .arity = -3,
     .flags = kNoscript,
     .acl = kAclSlow | kAclScripting,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kAggLogicalAnd,
     .route = Route::kSpecial,
     .group = "scripting",
     .summary = "Check existence of scripts in the script cache.",
     .since = "2.6.0",
     .complexity = "O(N) with N being the number of scripts to check (so checking a single script "
                   "is an O(1) operation).",
     .arguments = kScriptExistsArguments},
    {.name = "flush",
     .arity = -2,
     .flags = kNoscript,
     .acl = kAclSlow | kAclScripting,
     .request_policy = RequestPolicy::kAllNodes,
     .response_policy = ResponsePolicy::kAllSucceeded,
     .route = Route::kSpecial,
     .group = "scripting",
     .summary = "Remove all the scripts from the script cache.",
     .since = "2.6.0",
     .complexity = "O(N) with N being the number of scripts in cache",
     .history = kScriptFlushHistory,
     .arguments = kScriptFlushArguments},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclSlow | kAclScripting,
     .group = "scripting",
     .summary = "Show helpful text about the different subcommands",
     .since = "5.0.0",
     .complexity = "O(1)"},
    {.name = "kill",
     .arity = 2,
     .flags = kNoscript | kAllowBusy,
     .acl = kAclSlow | kAclScripting,
     .request_policy = RequestPolicy::kAllShards,
     .response_policy = ResponsePolicy::kOneSucceeded,
     .group = "scripting",
     .summary = "Kill the script currently in execution.",
     .since = "2.6.0",
     .complexity = "O(1)"},
    {.name = "load",
     .arity = 3,
     .flags = kNoscript | kStale,
     .acl = kAclSlow | kAclScripting,
     .request_policy = RequestPolicy::kAllNodes,
     .response_policy = ResponsePolicy::kAllSucceeded,
     .route = Route::kSpecial,
     .group = "scripting",
     .summary = "Load the specified Lua script into the script cache.",
     .since = "2.6.0",
     .complexity = "O(N) with N being the length in bytes of the script body.",
     .arguments = kScriptLoadArguments},
};

constexpr Spec kRows[] = {
    {.name = "eval",
     .arity = -3,
     .flags = kNoscript | kStale | kSkipMonitor | kNoMandatoryKeys | kMovableKeys | kMayReplicate |
              kRunsScript,
     .acl = kAclSlow | kAclScripting,
     .key_specs = kEvalKeys,
     .key_rule = KeyRule::kNumkeys,
     .group = "scripting",
     .summary = "Execute a Lua script server side",
     .since = "2.6.0",
     .complexity = "Depends on the script that is executed.",
     .arguments = kEvalArguments},
    {.name = "eval_ro",
     .arity = -3,
     .flags = kReadonly | kNoscript | kStale | kSkipMonitor | kNoMandatoryKeys | kMovableKeys |
              kRunsScript,
     .acl = kAclSlow | kAclScripting,
     .key_specs = kEvalRoKeys,
     .key_rule = KeyRule::kNumkeys,
     .group = "scripting",
     .summary = "Execute a read-only Lua script server side",
     .since = "7.0.0",
     .complexity = "Depends on the script that is executed.",
     .arguments = kEvalRoArguments},
    {.name = "evalsha",
     .arity = -3,
     .flags = kNoscript | kStale | kSkipMonitor | kNoMandatoryKeys | kMovableKeys | kMayReplicate |
              kRunsScript,
     .acl = kAclSlow | kAclScripting,
     .key_specs = kCountedKeys<kKeyRW | kKeyAccess | kKeyUpdate, 2>,
     .key_rule = KeyRule::kNumkeys,
     .group = "scripting",
     .summary = "Execute a Lua script server side",
     .since = "2.6.0",
     .complexity = "Depends on the script that is executed.",
     .arguments = kEvalshaArguments},
    {.name = "evalsha_ro",
     .arity = -3,
     .flags = kReadonly | kNoscript | kStale | kSkipMonitor | kNoMandatoryKeys | kMovableKeys |
              kRunsScript,
     .acl = kAclSlow | kAclScripting,
     .key_specs = kCountedKeys<kKeyRO | kKeyAccess, 2>,
     .key_rule = KeyRule::kNumkeys,
     .group = "scripting",
     .summary = "Execute a read-only Lua script server side",
     .since = "7.0.0",
     .complexity = "Depends on the script that is executed.",
     .arguments = kEvalshaRoArguments},
    {.name = "fcall",
     .arity = -3,
     .flags = kNoscript | kStale | kSkipMonitor | kNoMandatoryKeys | kMovableKeys | kMayReplicate |
              kRunsScript,
     .acl = kAclSlow | kAclScripting,
     .key_specs = kFcallKeys,
     .key_rule = KeyRule::kNumkeys,
     .group = "scripting",
     .summary = "Invoke a function",
     .since = "7.0.0",
     .complexity = "Depends on the function that is executed.",
     .arguments = kFcallArguments},
    {.name = "fcall_ro",
     .arity = -3,
     .flags = kReadonly | kNoscript | kStale | kSkipMonitor | kNoMandatoryKeys | kMovableKeys |
              kRunsScript,
     .acl = kAclSlow | kAclScripting,
     .key_specs = kFcallRoKeys,
     .key_rule = KeyRule::kNumkeys,
     .group = "scripting",
     .summary = "Invoke a read-only function",
     .since = "7.0.0",
     .complexity = "Depends on the function that is executed.",
     .arguments = kFcallRoArguments},
    {.name = "function",
     .arity = -2,
     .acl = kAclSlow,
     .subcommands = kFunctionSubcommands,
     .group = "scripting",
     .summary = "A container for function commands",
     .since = "7.0.0",
     .complexity = "Depends on subcommand."},
    {.name = "script",
     .arity = -2,
     .acl = kAclSlow,
     .subcommands = kScriptSubcommands,
     .group = "scripting",
     .summary = "A container for Lua scripts management commands",
     .since = "2.6.0",
     .complexity = "Depends on subcommand."},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kScriptingRows = kRows;

}  // namespace keyway::command
