// What the row files share: the name of each group's rows and short words to write rows with.
//
// A row file holds, command by command in alphabetical order, the arrays that its rows point to,
// then the rows. A new command goes into the file of its group (COMMAND DOCS's word).
#pragma once

#include <span>
#include <string_view>

#include "common/command/row_rules.h"
#include "common/command/spec.h"

namespace keyway::command {

extern const std::span<const Spec> kBitmapRows;
extern const std::span<const Spec> kClusterRows;
extern const std::span<const Spec> kConnectionRows;
extern const std::span<const Spec> kGenericRows;
extern const std::span<const Spec> kGeoRows;
extern const std::span<const Spec> kHashRows;
extern const std::span<const Spec> kHyperloglogRows;
extern const std::span<const Spec> kListRows;
extern const std::span<const Spec> kPubsubRows;
extern const std::span<const Spec> kScriptingRows;
extern const std::span<const Spec> kServerRows;
extern const std::span<const Spec> kServerAdminRows;
extern const std::span<const Spec> kSetRows;
extern const std::span<const Spec> kSortedSetRows;
extern const std::span<const Spec> kStreamRows;
extern const std::span<const Spec> kStringRows;
extern const std::span<const Spec> kTransactionsRows;

// Short words for the row files; nothing else includes this header, but table.cc.
namespace rows {

using enum Argument::Type;
constexpr uint8_t kOptional = Argument::kOptional;
constexpr uint8_t kMultiple = Argument::kMultiple;
constexpr uint8_t kMultipleToken = Argument::kMultipleToken;

// One key spec: keys from argument `first` to `last` (relative to the first; negative: from the
// end), every `step` arguments.
template <uint32_t flags, int first = 1, int last = 0, int step = 1>
inline constexpr KeySpec kKeys[] = {
    {.flags = flags, .index = first, .last_key = last, .key_step = step},
};

// One key spec: the number of keys at argument `number`, the keys behind it.
template <uint32_t flags, int number>
inline constexpr KeySpec kCountedKeys[] = {
    {.flags = flags, .index = number, .find = KeySpec::Find::kKeynum, .first_key = 1},
};

inline constexpr std::string_view kNondeterministicOutput[] = {"nondeterministic_output"};
inline constexpr std::string_view kNondeterministicOutputOrder[] = {
    "nondeterministic_output_order"};

// The arguments of a command that takes one key and nothing else.
inline constexpr Argument kOnlyKey[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
};

}  // namespace rows

}  // namespace keyway::command
