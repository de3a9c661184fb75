// The list commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr KeySpec kBlmoveKeys[] = {
    {.flags = kKeyRW | kKeyAccess | kKeyDelete, .index = 1},
    {.flags = kKeyRW | kKeyInsert, .index = 2},
};

constexpr Argument kBlmoveWherefrom[] = {
    {.name = "left", .type = kPureToken, .token = "LEFT"},
    {.name = "right", .type = kPureToken, .token = "RIGHT"},
};

constexpr Argument kBlmoveArguments[] = {
    {.name = "source", .type = kKey, .key_spec_index = 0},
    {.name = "destination", .type = kKey, .key_spec_index = 1},
    {.name = "wherefrom", .type = kOneOf, .arguments = kBlmoveWherefrom},
    {.name = "whereto", .type = kOneOf, .arguments = kBlmoveWherefrom},
    {.name = "timeout", .type = kDouble},
};

constexpr Argument kBlmpopWhere[] = {
    {.name = "left", .type = kPureToken, .token = "LEFT"},
    {.name = "right", .type = kPureToken, .token = "RIGHT"},
};

constexpr Argument kBlmpopArguments[] = {
    {.name = "timeout", .type = kDouble},
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "where", .type = kOneOf, .arguments = kBlmpopWhere},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
};

constexpr HistoryEntry kBlpopHistory[] = {
    {"6.0.0", "`timeout` is interpreted as a double instead of an integer."},
};

constexpr Argument kBlpopArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "timeout", .type = kDouble},
};

constexpr HistoryEntry kBrpopHistory[] = {
    {"6.0.0", "`timeout` is interpreted as a double instead of an integer."},
};

constexpr Argument kBrpopArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "timeout", .type = kDouble},
};

constexpr KeySpec kBrpoplpushKeys[] = {
    {.flags = kKeyRW | kKeyAccess | kKeyDelete, .index = 1},
    {.flags = kKeyRW | kKeyInsert, .index = 2},
};

constexpr HistoryEntry kBrpoplpushHistory[] = {
    {"6.0.0", "`timeout` is interpreted as a double instead of an integer."},
};

constexpr Argument kBrpoplpushArguments[] = {
    {.name = "source", .type = kKey, .key_spec_index = 0},
    {.name = "destination", .type = kKey, .key_spec_index = 1},
    {.name = "timeout", .type = kDouble},
};

constexpr Argument kLindexArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "index", .type = kInteger},
};

constexpr Argument kLinsertWhere[] = {
    {.name = "before", .type = kPureToken, .token = "BEFORE"},
    {.name = "after", .type = kPureToken, .token = "AFTER"},
};

constexpr Argument kLinsertArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "where", .type = kOneOf, .arguments = kLinsertWhere},
    {.name = "pivot"},
    {.name = "element"},
};

constexpr KeySpec kLmoveKeys[] = {
    {.flags = kKeyRW | kKeyAccess | kKeyDelete, .index = 1},
    {.flags = kKeyRW | kKeyInsert, .index = 2},
};

constexpr Argument kLmoveWherefrom[] = {
    {.name = "left", .type = kPureToken, .token = "LEFT"},
    {.name = "right", .type = kPureToken, .token = "RIGHT"},
};

constexpr Argument kLmoveArguments[] = {
    {.name = "source", .type = kKey, .key_spec_index = 0},
    {.name = "destination", .type = kKey, .key_spec_index = 1},
    {.name = "wherefrom", .type = kOneOf, .arguments = kLmoveWherefrom},
    {.name = "whereto", .type = kOneOf, .arguments = kLmoveWherefrom},
};

constexpr Argument kLmpopWhere[] = {
    {.name = "left", .type = kPureToken, .token = "LEFT"},
    {.name = "right", .type = kPureToken, .token = "RIGHT"},
};

constexpr Argument kLmpopArguments[] = {
    {.name = "numkeys", .type = kInteger},
    {.name = "key", .type = kKey, .key_spec_index = 0, .flags = kMultiple},
    {.name = "where", .type = kOneOf, .arguments = kLmpopWhere},
    {.name = "count", .type = kInteger, .token = "COUNT", .flags = kOptional},
};

constexpr HistoryEntry kLpopHistory[] = {
    {"6.2.0", "Added the `count` argument."},
};

constexpr Argument kLpopArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "count", .type = kInteger, .since = "6.2.0", .flags = kOptional},
};

constexpr Argument kLposArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "element"},
    {.name = "rank", .type = kInteger, .token = "RANK", .flags = kOptional},
    {.name = "num-matches", .type = kInteger, .token = "COUNT", .flags = kOptional},
    {.name = "len", .type = kInteger, .token = "MAXLEN", .flags = kOptional},
};

constexpr HistoryEntry kLpushHistory[] = {
    {"2.4.0", "Accepts multiple `element` arguments."},
};

constexpr Argument kLpushArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "element", .flags = kMultiple},
};

constexpr HistoryEntry kLpushxHistory[] = {
    {"4.0.0", "Accepts multiple `element` arguments."},
};

constexpr Argument kLpushxArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "element", .flags = kMultiple},
};

constexpr Argument kLrangeArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "start", .type = kInteger},
    {.name = "stop", .type = kInteger},
};

constexpr Argument kLremArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "count", .type = kInteger},
    {.name = "element"},
};

constexpr Argument kLsetArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "index", .type = kInteger},
    {.name = "element"},
};

constexpr Argument kLtrimArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "start", .type = kInteger},
    {.name = "stop", .type = kInteger},
};

constexpr HistoryEntry kRpopHistory[] = {
    {"6.2.0", "Added the `count` argument."},
};

constexpr Argument kRpopArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "count", .type = kInteger, .since = "6.2.0", .flags = kOptional},
};

constexpr KeySpec kRpoplpushKeys[] = {
    {.flags = kKeyRW | kKeyAccess | kKeyDelete, .index = 1},
    {.flags = kKeyRW | kKeyInsert, .index = 2},
};

constexpr Argument kRpoplpushArguments[] = {
    {.name = "source", .type = kKey, .key_spec_index = 0},
    {.name = "destination", .type = kKey, .key_spec_index = 1},
};

constexpr HistoryEntry kRpushHistory[] = {
    {"2.4.0", "Accepts multiple `element` arguments."},
};

constexpr Argument kRpushArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "element", .flags = kMultiple},
};

constexpr HistoryEntry kRpushxHistory[] = {
    {"4.0.0", "Accepts multiple `element` arguments."},
};

constexpr Argument kRpushxArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "element", .flags = kMultiple},
};

constexpr Spec kRows[] = {
    {.name = "blmove",
     .arity = 6,
     .flags = kWrite | kDenyOom | kNoscript | kBlocking,
     .acl = kAclWrite | kAclList | kAclSlow | kAclBlocking,
     .key_specs = kBlmoveKeys,
     .group = "list",
     .summary = "Pop an element from a list, push it to another list and return it; or block until "
                "one is available",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arguments = kBlmoveArguments},
    {.name = "blmpop",
     .arity = -5,
     .flags = kWrite | kBlocking | kMovableKeys,
     .acl = kAclWrite | kAclList | kAclSlow | kAclBlocking,
     .key_specs = kCountedKeys<kKeyRW | kKeyAccess | kKeyDelete, 2>,
     .key_rule = KeyRule::kNumkeys,
     .group = "list",
     .summary = "Pop elements from a list, or block until one is available",
     .since = "7.0.0",
     .complexity =
         "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
     .arguments = kBlmpopArguments},
    {.name = "blpop",
     .arity = -3,
     .flags = kWrite | kNoscript | kBlocking,
     .acl = kAclWrite | kAclList | kAclSlow | kAclBlocking,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyDelete, 1, -2>,
     .group = "list",
     .summary = "Remove and get the first element in a list, or block until one is available",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of provided keys.",
     .history = kBlpopHistory,
     .arguments = kBlpopArguments},
    {.name = "brpop",
     .arity = -3,
     .flags = kWrite | kNoscript | kBlocking,
     .acl = kAclWrite | kAclList | kAclSlow | kAclBlocking,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyDelete, 1, -2>,
     .group = "list",
     .summary = "Remove and get the last element in a list, or block until one is available",
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of provided keys.",
     .history = kBrpopHistory,
     .arguments = kBrpopArguments},
    {.name = "brpoplpush",
     .arity = 4,
     .flags = kWrite | kDenyOom | kNoscript | kBlocking,
     .acl = kAclWrite | kAclList | kAclSlow | kAclBlocking,
     .key_specs = kBrpoplpushKeys,
     .group = "list",
     .summary = "Pop an element from a list, push it to another list and return it; or block until "
                "one is available",
     .since = "2.2.0",
     .complexity = "O(1)",
     .deprecated_since = "6.2.0",
     .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
     .history = kBrpoplpushHistory,
     .arguments = kBrpoplpushArguments},
    {.name = "lindex",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclRead | kAclList | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "list",
     .summary = "Get an element from a list by its index",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements to traverse to get to the element at "
                   "index. This makes asking for the first or the last element of the list O(1).",
     .arguments = kLindexArguments},
    {.name = "linsert",
     .arity = 5,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclList | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyInsert>,
     .group = "list",
     .summary = "Insert an element before or after another element in a list",
     .since = "2.2.0",
     .complexity =
         "O(N) where N is the number of elements to traverse before seeing the value pivot. This "
         "means that inserting somewhere on the left end on the list (head) can be considered O(1) "
         "and inserting somewhere on the right end (tail) is O(N).",
     .arguments = kLinsertArguments},
    {.name = "llen",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclList | kAclFast,
     .key_specs = kKeys<kKeyRO>,
     .group = "list",
     .summary = "Get the length of a list",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arguments = kOnlyKey},
    {.name = "lmove",
     .arity = 5,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclList | kAclSlow,
     .key_specs = kLmoveKeys,
     .group = "list",
     .summary = "Pop an element from a list, push it to another list and return it",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arguments = kLmoveArguments},
    {.name = "lmpop",
     .arity = -4,
     .flags = kWrite | kMovableKeys,
     .acl = kAclWrite | kAclList | kAclSlow,
     .key_specs = kCountedKeys<kKeyRW | kKeyAccess | kKeyDelete, 1>,
     .key_rule = KeyRule::kNumkeys,
     .group = "list",
     .summary = "Pop elements from a list",
     .since = "7.0.0",
     .complexity =
         "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
     .arguments = kLmpopArguments},
    {.name = "lpop",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclList | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyDelete>,
     .group = "list",
     .summary = "Remove and get the first elements in a list",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements returned",
     .history = kLpopHistory,
     .arguments = kLpopArguments},
    {.name = "lpos",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclRead | kAclList | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "list",
     .summary = "Return the index of matching elements on a list",
     .since = "6.0.6",
     .complexity = "O(N) where N is the number of elements in the list, for the average case. When "
                   "searching for elements near the head or the tail of the list, or when the "
                   "MAXLEN option is provided, the command may run in constant time.",
     .arguments = kLposArguments},
    {.name = "lpush",
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclList | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyInsert>,
     .group = "list",
     .summary = "Prepend one or multiple elements to a list",
     .since = "1.0.0",
     .complexity = "O(1) for each element added, so O(N) to add N elements when the command is "
                   "called with multiple arguments.",
     .history = kLpushHistory,
     .arguments = kLpushArguments},
    {.name = "lpushx",
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclList | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyInsert>,
     .group = "list",
     .summary = "Prepend an element to a list, only if the list exists",
     .since = "2.2.0",
     .complexity = "O(1) for each element added, so O(N) to add N elements when the command is "
                   "called with multiple arguments.",
     .history = kLpushxHistory,
     .arguments = kLpushxArguments},
    {.name = "lrange",
     .arity = 4,
     .flags = kReadonly,
     .acl = kAclRead | kAclList | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "list",
     .summary = "Get a range of elements from a list",
     .since = "1.0.0",
     .complexity = "O(S+N) where S is the distance of start offset from HEAD for small lists, from "
                   "nearest end (HEAD or TAIL) for large lists; and N is the number of elements in "
                   "the specified range.",
     .arguments = kLrangeArguments},
    {.name = "lrem",
     .arity = 4,
     .flags = kWrite,
     .acl = kAclWrite | kAclList | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .group = "list",
     .summary = "Remove elements from a list",
     .since = "1.0.0",
     .complexity =
         "O(N+M) where N is the length of the list and M is the number of elements removed.",
     .arguments = kLremArguments},
    {.name = "lset",
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclList | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .repeat = Repeat::kHarmless,
     .group = "list",
     .summary = "Set the value of an element in a list by its index",
     .since = "1.0.0",
     .complexity = "O(N) where N is the length of the list. Setting either the first or the last "
                   "element of the list is O(1).",
     .arguments = kLsetArguments},
    {.name = "ltrim",
     .arity = 4,
     .flags = kWrite,
     .acl = kAclWrite | kAclList | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyDelete>,
     .group = "list",
     .summary = "Trim a list to the specified range",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements to be removed by the operation.",
     .arguments = kLtrimArguments},
    {.name = "rpop",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclWrite | kAclList | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyDelete>,
     .group = "list",
     .summary = "Remove and get the last elements in a list",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements returned",
     .history = kRpopHistory,
     .arguments = kRpopArguments},
    {.name = "rpoplpush",
     .arity = 3,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclList | kAclSlow,
     .key_specs = kRpoplpushKeys,
     .group = "list",
     .summary = "Remove the last element in a list, prepend it to another list and return it",
     .since = "1.2.0",
     .complexity = "O(1)",
     .deprecated_since = "6.2.0",
     .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments",
     .arguments = kRpoplpushArguments},
    {.name = "rpush",
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclList | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyInsert>,
     .group = "list",
     .summary = "Append one or multiple elements to a list",
     .since = "1.0.0",
     .complexity = "O(1) for each element added, so O(N) to add N elements when the command is "
                   "called with multiple arguments.",
     .history = kRpushHistory,
     .arguments = kRpushArguments},
    {.name = "rpushx",
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclWrite | kAclList | kAclFast,
     .key_specs = kKeys<kKeyRW | kKeyInsert>,
     .group = "list",
     .summary = "Append an element to a list, only if the list exists",
     .since = "2.2.0",
     .complexity = "O(1) for each element added, so O(N) to add N elements when the command is "
                   "called with multiple arguments.",
     .history = kRpushxHistory,
     .arguments = kRpushxArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kListRows = kRows;

}  // namespace keyway::command
