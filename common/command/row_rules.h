// The rules that every row of the command table keeps by itself. They hold when a row file compiles
// (its static_assert); what concerns several rows is checked by ValidateTable.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "common/command/spec.h"

namespace keyway::command {

// `text` breaks no rule: empty; otherwise the rule that `row` breaks. Subcommands are not looked
// at.
constexpr std::string_view RuleBrokenBy(const Spec& row, bool is_subcommand) {
  if (row.name.empty()) return "a row has a name";
  for (char c : row.name) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
      return "names are lower case";
    }
  }
  if (row.arity == 0) return "arity counts the name";
  if (is_subcommand && row.arity > -2 && row.arity < 2) return "arity counts the container's name";
  if (row.is(kWrite) && row.is(kReadonly)) return "a command reads or writes";
  if (row.is(kFast) != ((row.acl & kAclFast) != 0)) return "@fast goes with the flag fast";
  if (row.is(kFast) == ((row.acl & kAclSlow) != 0)) return "@slow goes without the flag fast";
  if (row.is(kAdmin) && ((row.acl & kAclAdmin) == 0 || (row.acl & kAclDangerous) == 0)) {
    return "@admin and @dangerous go with the flag admin";
  }
  if (row.is(kBlocking) != ((row.acl & kAclBlocking) != 0)) {
    return "@blocking goes with the flag blocking";
  }
  if (row.is(kPubsub) && (row.acl & kAclPubsub) == 0) return "@pubsub goes with the flag pubsub";

  // Of SET and BITFIELD only the flags of the key vary, not its place.
  bool movable = row.key_rule != KeyRule::kSpecs && row.key_rule != KeyRule::kSet &&
                 row.key_rule != KeyRule::kBitfield;
  bool multi_shard_splits = !row.key_specs.empty();
  for (const KeySpec& spec : row.key_specs) {
    if (spec.flags == 0) return "a key spec has flags";
    if (spec.begin == KeySpec::Begin::kIndex && spec.index < 1) return "no key at the name's place";
    if (spec.begin == KeySpec::Begin::kKeyword &&
        (spec.keyword.empty() || spec.start_from == 0 || spec.index != 0)) {
      return "a keyword spec has a keyword and a start, and no index";
    }
    if ((spec.begin == KeySpec::Begin::kUnknown) != (spec.find == KeySpec::Find::kUnknown)) {
      return "an unknown begin goes with an unknown find";
    }
    if (spec.key_step < 1 || spec.limit < 0) return "a key step is positive, a limit not negative";
    if (spec.limit > 0 && spec.last_key >= 0) return "a limit needs a last key from the end";
    if (spec.find == KeySpec::Find::kKeynum && spec.first_key <= spec.keynum_index) {
      return "keys follow their number";
    }
    const bool plain = spec.begin == KeySpec::Begin::kIndex && spec.find == KeySpec::Find::kRange;
    movable = movable || !plain;
    multi_shard_splits = multi_shard_splits && plain && spec.limit == 0;
  }
  if (movable != row.is(kMovableKeys)) return "movablekeys does not agree with the key specs";
  if (row.is(kNoMandatoryKeys) && row.key_specs.empty())
    return "no_mandatory_keys needs a key spec";

  if (row.request_policy == RequestPolicy::kMultiShard &&
      (!multi_shard_splits || row.key_specs.size() != 1)) {
    return "multi_shard needs one key spec of the range kind";
  }
  if (row.request_policy != RequestPolicy::kMultiShard &&
      row.request_policy != RequestPolicy::kNone && !row.key_specs.empty()) {
    return "all_shards, all_nodes and special are for commands without keys";
  }
  if (row.response_policy != ResponsePolicy::kNone && row.request_policy == RequestPolicy::kNone) {
    return "a response policy needs a request policy";
  }
  if (row.route == Route::kByPolicy && (row.request_policy == RequestPolicy::kSpecial ||
                                        row.response_policy == ResponsePolicy::kSpecial)) {
    return "a special policy says nothing that a router could follow";
  }
  if (row.route == Route::kGathered && (!row.is(kReadonly) || row.key_specs.empty())) {
    return "what is gathered has keys and only reads";
  }
  if (row.repeat != Repeat::kIfReads && (!row.is(kWrite) || row.is(kBlocking))) {
    return "only a write that does not wait says whether it can be repeated";
  }
  if (row.policies_first && (row.tips.empty() || row.request_policy == RequestPolicy::kNone)) {
    return "policies_first needs tips and policies";
  }

  if (!row.subcommands.empty()) {
    if (is_subcommand) return "containers do not nest";
    if (!row.key_specs.empty() || !row.arguments.empty()) {
      return "a container has neither keys nor arguments of its own";
    }
    if (row.arity >= 0) return "a container's arity is open";
  }
  if (row.group.empty() || row.summary.empty() || row.since.empty()) {
    return "a row has a group, a summary and a version";
  }
  if (row.deprecated_since.empty() != row.replaced_by.empty()) {
    return "what is deprecated has a replacement";
  }
  return {};
}

// The same for the arguments of a row with `key_specs` key specs.
constexpr std::string_view RuleBrokenBy(std::span<const Argument> arguments, size_t key_specs) {
  for (const Argument& argument : arguments) {
    if (argument.name.empty()) return "an argument has a name";
    const bool nests =
        argument.type == Argument::Type::kOneOf || argument.type == Argument::Type::kBlock;
    if (nests == argument.arguments.empty()) return "oneof and block have arguments, others none";
    if (argument.key_spec_index >= static_cast<int>(key_specs)) {
      return "key_spec_index points to a key spec";
    }
    if (argument.type == Argument::Type::kPureToken && argument.token.data() == nullptr) {
      return "a pure token has a token";
    }
    if (std::string_view rule = RuleBrokenBy(argument.arguments, key_specs); !rule.empty()) {
      return rule;
    }
  }
  return {};
}

// The rule that `row`, its arguments, or one of its subcommands break; empty when they keep them.
constexpr std::string_view RuleBrokenWithin(const Spec& row, bool is_subcommand = false) {
  if (std::string_view rule = RuleBrokenBy(row, is_subcommand); !rule.empty()) return rule;
  if (std::string_view rule = RuleBrokenBy(row.arguments, row.key_specs.size()); !rule.empty()) {
    return rule;
  }
  for (const Spec& subcommand : row.subcommands) {
    if (std::string_view rule = RuleBrokenWithin(subcommand, true); !rule.empty()) return rule;
  }
  return {};
}

// The index of the first row that breaks a rule; -1 when there is none.
constexpr int FirstBadRow(std::span<const Spec> rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!RuleBrokenWithin(rows[i]).empty()) return static_cast<int>(i);
  }
  return -1;
}

// static_assert(RowsKeepRules<FirstBadRow(kRows)>::value): the compiler's message names the row.
template <int bad_row>
struct RowsKeepRules {
  static_assert(bad_row == -1, "kRows[bad_row] breaks a rule of row_rules.h");
  static constexpr bool value = bad_row == -1;
};

}  // namespace keyway::command
