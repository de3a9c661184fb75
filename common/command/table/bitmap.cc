// The bitmap commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr HistoryEntry kBitcountHistory[] = {
    {"7.0.0", "Added the `BYTE|BIT` option."},
};

constexpr Argument kBitcountIndexIndexUnit[] = {
    {.name = "byte", .type = kPureToken, .token = "BYTE"},
    {.name = "bit", .type = kPureToken, .token = "BIT"},
};

constexpr Argument kBitcountIndex[] = {
    {.name = "start", .type = kInteger},
    {.name = "end", .type = kInteger},
    {.name = "index_unit",
     .type = kOneOf,
     .since = "7.0.0",
     .flags = kOptional,
     .arguments = kBitcountIndexIndexUnit},
};

constexpr Argument kBitcountArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "index", .type = kBlock, .flags = kOptional, .arguments = kBitcountIndex},
};

constexpr KeySpec kBitfieldKeys[] = {
    {.notes = "This command allows both access and modification of the key",
     .flags = kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariableFlags,
     .index = 1},
};

constexpr Argument kBitfieldOperationEncodingOffset[] = {
    {.name = "encoding"},
    {.name = "offset", .type = kInteger},
};

constexpr Argument kBitfieldOperationWriteWrapSatFail[] = {
    {.name = "wrap", .type = kPureToken, .token = "WRAP"},
    {.name = "sat", .type = kPureToken, .token = "SAT"},
    {.name = "fail", .type = kPureToken, .token = "FAIL"},
};

constexpr Argument kBitfieldOperationWriteWriteOperationEncodingOffsetValue[] = {
    {.name = "encoding"},
    {.name = "offset", .type = kInteger},
    {.name = "value", .type = kInteger},
};

constexpr Argument kBitfieldOperationWriteWriteOperationEncodingOffsetIncrement[] = {
    {.name = "encoding"},
    {.name = "offset", .type = kInteger},
    {.name = "increment", .type = kInteger},
};

constexpr Argument kBitfieldOperationWriteWriteOperation[] = {
    {.name = "encoding_offset_value",
     .type = kBlock,
     .token = "SET",
     .arguments = kBitfieldOperationWriteWriteOperationEncodingOffsetValue},
    {.name = "encoding_offset_increment",
     .type = kBlock,
     .token = "INCRBY",
     .arguments = kBitfieldOperationWriteWriteOperationEncodingOffsetIncrement},
};

constexpr Argument kBitfieldOperationWrite[] = {
    {.name = "wrap_sat_fail",
     .type = kOneOf,
     .token = "OVERFLOW",
     .flags = kOptional,
     .arguments = kBitfieldOperationWriteWrapSatFail},
    {.name = "write_operation", .type = kOneOf, .arguments = kBitfieldOperationWriteWriteOperation},
};

constexpr Argument kBitfieldOperation[] = {
    {.name = "encoding_offset",
     .type = kBlock,
     .token = "GET",
     .arguments = kBitfieldOperationEncodingOffset},
    {.name = "write", .type = kBlock, .arguments = kBitfieldOperationWrite},
};

constexpr Argument kBitfieldArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "operation",
     .type = kOneOf,
     .flags = kOptional | kMultiple,
     .arguments = kBitfieldOperation},
};

constexpr Argument kBitfieldRoEncodingOffset[] = {
    {.name = "encoding"},
    {.name = "offset", .type = kInteger},
};

constexpr Argument kBitfieldRoArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "encoding_offset",
     .type = kBlock,
     .token = "GET",
     .flags = kOptional | kMultiple | kMultipleToken,
     .arguments = kBitfieldRoEncodingOffset},
};

constexpr KeySpec kBitopKeys[] = {
    {.flags = kKeyOW | kKeyUpdate, .index = 2},
    {.flags = kKeyRO | kKeyAccess, .index = 3, .last_key = -1},
};

constexpr Argument kBitopArguments[] = {
    {.name = "operation"},
    {.name = "destkey", .type = kKey, .key_spec_index = 0},
    {.name = "key", .type = kKey, .key_spec_index = 1, .flags = kMultiple},
};

constexpr HistoryEntry kBitposHistory[] = {
    {"7.0.0", "Added the `BYTE|BIT` option."},
};

constexpr Argument kBitposIndexEndIndexIndexUnit[] = {
    {.name = "byte", .type = kPureToken, .token = "BYTE"},
    {.name = "bit", .type = kPureToken, .token = "BIT"},
};

constexpr Argument kBitposIndexEndIndex[] = {
    {.name = "end", .type = kInteger},
    {.name = "index_unit",
     .type = kOneOf,
     .since = "7.0.0",
     .flags = kOptional,
     .arguments = kBitposIndexEndIndexIndexUnit},
};

constexpr Argument kBitposIndex[] = {
    {.name = "start", .type = kInteger},
    {.name = "end_index", .type = kBlock, .flags = kOptional, .arguments = kBitposIndexEndIndex},
};

constexpr Argument kBitposArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "bit", .type = kInteger},
    {.name = "index", .type = kBlock, .flags = kOptional, .arguments = kBitposIndex},
};

constexpr Argument kGetbitArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "offset", .type = kInteger},
};

constexpr Argument kSetbitArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "offset", .type = kInteger},
    {.name = "value", .type = kInteger},
};

constexpr Spec kRows[] = {
    {.name = "bitcount",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclRead | kAclBitmap | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "bitmap",
     .summary = "Count set bits in a string",
     .since = "2.6.0",
     .complexity = "O(N)",
     .history = kBitcountHistory,
     .arguments = kBitcountArguments},
    {.name = "bitfield",
     .arity = -2,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclBitmap | kAclSlow,
     .key_specs = kBitfieldKeys,
     .key_rule = KeyRule::kBitfield,
     .group = "bitmap",
     .summary = "Perform arbitrary bitfield integer operations on strings",
     .since = "3.2.0",
     .complexity = "O(1) for each subcommand specified",
     .arguments = kBitfieldArguments},
    {.name = "bitfield_ro",
     .arity = -2,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclBitmap | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "bitmap",
     .summary =
         "Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD",
     .since = "6.0.0",
     .complexity = "O(1) for each subcommand specified",
     .arguments = kBitfieldRoArguments},
    {.name = "bitop",
     .arity = -4,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclBitmap | kAclSlow,
     .key_specs = kBitopKeys,
     .group = "bitmap",
     .summary = "Perform bitwise operations between strings",
     .since = "2.6.0",
     .complexity = "O(N)",
     .arguments = kBitopArguments},
    {.name = "bitpos",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclRead | kAclBitmap | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "bitmap",
     .summary = "Find first bit set or clear in a string",
     .since = "2.8.7",
     .complexity = "O(N)",
     .history = kBitposHistory,
     .arguments = kBitposArguments},
    {.name = "getbit",
     .arity = 3,
     .flags = kReadonly | kFast,
     .acl = kAclRead | kAclBitmap | kAclFast,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "bitmap",
     .summary = "Returns the bit value at offset in the string value stored at key",
     .since = "2.2.0",
     .complexity = "O(1)",
     .arguments = kGetbitArguments},
    {.name = "setbit",
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclBitmap | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyAccess | kKeyUpdate>,
     .group = "bitmap",
     .summary = "Sets or clears the bit at offset in the string value stored at key",
     .since = "2.2.0",
     .complexity = "O(1)",
     .arguments = kSetbitArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kBitmapRows = kRows;

}  // namespace keyway::command
