// Where the keys of a call stand: what COMMAND GETKEYS of Redis 7.0.15 answers.
//
// The key specs come first. Where they fail (a number of keys that is no number, an unknown or
// incomplete spec), or give only a worst case of the flags, the rule of the row decides, reading
// the arguments as the command itself would. A call that no one can make sense of has no keys,
// which is an error unless the command can do without.
#include <algorithm>
#include <charconv>
#include <limits>

#include "common/command/table.h"

namespace keyway::command {
namespace {

using Arguments = std::span<const std::string_view>;

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Whether `argument` is `word`, any case.
bool Is(std::string_view argument, std::string_view word) {
  return std::equal(argument.begin(), argument.end(), word.begin(), word.end(),
                    [](char a, char b) { return Lower(a) == Lower(b); });
}

// A count as Redis's strict integer parser takes it: digits without a leading zero. -1: is none.
int64_t StrictCount(std::string_view text) {
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return -1;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return -1;
  return value;
}

// As C's atoi: blanks, a sign, digits, then whatever. 0 when there is no number.
int64_t LenientCount(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\n\v\f\r");
  if (start == std::string_view::npos) return 0;
  text.remove_prefix(start);
  if (text[0] == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text[0] == '-') return 0;
  }
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? value : 0;
}

// Index of the first key behind the keyword of `spec`; 0 when the keyword is not there.
int64_t BehindKeyword(const KeySpec& spec, Arguments arguments) {
  const auto count = static_cast<int64_t>(arguments.size());
  if (spec.start_from > 0) {
    // The keyword is never the last argument: a key follows it.
    for (int64_t i = spec.start_from; i < count - 1; ++i) {
      if (Is(arguments[i], spec.keyword)) return i + 1;
    }
  } else {
    for (int64_t i = count + spec.start_from; i > 1; --i) {
      if (Is(arguments[i], spec.keyword)) return i + 1;
    }
  }
  return 0;
}

// Appends the keys of one spec, none when its keyword is missing; false when the arguments do not
// fit it.
bool AddBySpec(const KeySpec& spec, Arguments arguments, std::vector<KeyPosition>* out) {
  const auto count = static_cast<int64_t>(arguments.size());
  int64_t first = 0;
  switch (spec.begin) {
    case KeySpec::Begin::kIndex:
      first = spec.index;
      break;
    case KeySpec::Begin::kKeyword:
      first = BehindKeyword(spec, arguments);
      if (first == 0) return true;
      break;
    case KeySpec::Begin::kUnknown:
      return false;
  }

  int64_t last = 0;
  switch (spec.find) {
    case KeySpec::Find::kRange:
      if (spec.last_key >= 0) {
        last = first + spec.last_key;
      } else if (spec.limit == 0) {
        last = count + spec.last_key;
      } else {
        last = first + (count - first) / spec.limit + spec.last_key;
      }
      break;
    case KeySpec::Find::kKeynum: {
      if (first + spec.keynum_index >= count) return false;
      const int64_t keys = StrictCount(arguments[first + spec.keynum_index]);
      if (keys < 0 || keys > count) return false;
      first += spec.first_key;
      last = first + (keys - 1) * spec.key_step;
      break;
    }
    case KeySpec::Find::kUnknown:
      return false;
  }
  if (last >= count || last < first) return false;
  for (int64_t i = first; i <= last; i += spec.key_step) {
    out->push_back({static_cast<int>(i), spec.flags});
  }
  return (spec.flags & kKeyIncomplete) == 0;
}

// False, with `out` empty, when some spec does not fit the arguments.
bool FindBySpecs(const Spec& row, Arguments arguments, std::vector<KeyPosition>* out) {
  for (const KeySpec& spec : row.key_specs) {
    if (!AddBySpec(spec, arguments, out)) {
      out->clear();
      return false;
    }
  }
  return true;
}

// Of ZUNIONSTORE, the source keys come before the destination here, as Redis has it.
void FindByLenientNumkeys(const Spec& row, Arguments arguments, std::vector<KeyPosition>* out) {
  const auto count = static_cast<int64_t>(arguments.size());
  for (const KeySpec& spec : row.key_specs) {
    if (spec.find != KeySpec::Find::kKeynum) continue;
    const int64_t number = spec.index + spec.keynum_index;
    const int64_t first = spec.index + spec.first_key;
    if (number >= count) return;
    const int64_t keys = LenientCount(arguments[number]);
    if (keys < 1 || keys > (count - first) / spec.key_step) return;
    for (int64_t i = 0; i < keys; ++i) {
      out->push_back({static_cast<int>(first + i * spec.key_step), 0});
    }
  }
  for (const KeySpec& spec : row.key_specs) {
    if (spec.find == KeySpec::Find::kRange) out->push_back({spec.index, 0});
  }
}

uint32_t SetFlags(Arguments arguments) {
  for (size_t i = 3; i < arguments.size(); ++i) {
    if (Is(arguments[i], "get")) return kKeyRW | kKeyAccess | kKeyUpdate;
  }
  return kKeyOW | kKeyUpdate;
}

// A sequence of GETs, with OVERFLOWs between them, only reads.
uint32_t BitfieldFlags(Arguments arguments) {
  size_t i = 2;
  while (i < arguments.size()) {
    const size_t left = arguments.size() - i - 1;
    if (Is(arguments[i], "get") && left >= 2) {
      i += 3;
    } else if (Is(arguments[i], "overflow") && left >= 1) {
      i += 2;
    } else {
      return kKeyRW | kKeyAccess | kKeyUpdate;
    }
  }
  return kKeyRO | kKeyAccess;
}

void FindSortKeys(Arguments arguments, std::vector<KeyPosition>* out) {
  out->push_back({1, kKeyRO | kKeyAccess});
  size_t store = 0;
  for (size_t i = 2; i < arguments.size(); ++i) {
    if (Is(arguments[i], "limit")) {
      i += 2;
    } else if (Is(arguments[i], "get") || Is(arguments[i], "by")) {
      i += 1;
    } else if (Is(arguments[i], "store") && i + 1 < arguments.size()) {
      store = i + 1;
    }
  }
  if (store != 0) out->push_back({static_cast<int>(store), kKeyOW | kKeyUpdate});
}

// The key argument, or the keys behind KEYS when it is empty; both is a syntax error.
void FindMigrateKeys(Arguments arguments, std::vector<KeyPosition>* out) {
  constexpr uint32_t kFlags = kKeyRW | kKeyAccess | kKeyDelete;
  size_t first = 3;
  size_t end = 4;
  for (size_t i = 6; i < arguments.size(); ++i) {
    if (Is(arguments[i], "keys")) {
      if (!arguments[3].empty()) return;
      first = i + 1;
      end = arguments.size();
      break;
    }
    if (Is(arguments[i], "auth")) {
      i += 1;
    } else if (Is(arguments[i], "auth2")) {
      i += 2;
    }
  }
  for (size_t i = first; i < end; ++i) out->push_back({static_cast<int>(i), kFlags});
}

void FindByRule(const Spec& row, Arguments arguments, std::vector<KeyPosition>* out) {
  switch (row.key_rule) {
    case KeyRule::kSpecs:
      return;
    case KeyRule::kNumkeys:
      return FindByLenientNumkeys(row, arguments, out);
    case KeyRule::kSet:
      return out->push_back({1, SetFlags(arguments)});
    case KeyRule::kBitfield:
      return out->push_back({1, BitfieldFlags(arguments)});
    case KeyRule::kSort:
      return FindSortKeys(arguments, out);
    case KeyRule::kSortRo:
      return out->push_back({1, kKeyRO | kKeyAccess});
    case KeyRule::kMigrate:
      return FindMigrateKeys(arguments, out);
  }
}

bool CanDoWithoutKeys(const Spec& row) {
  return row.is(kNoMandatoryKeys) ||
         std::all_of(row.key_specs.begin(), row.key_specs.end(),
                     [](const KeySpec& spec) { return (spec.flags & kKeyNotKey) != 0; });
}

}  // namespace

Status FindKeys(const Command& command, std::span<const std::string_view> arguments,
                std::vector<KeyPosition>* out) {
  out->clear();
  const Spec& row = *command.spec;
  if (row.key_specs.empty()) return {};

  const KeySpec& first = row.key_specs.front();
  if (row.key_specs.size() == 1 && row.key_rule == KeyRule::kSpecs && first.last_key == 0 &&
      first.begin == KeySpec::Begin::kIndex && first.find == KeySpec::Find::kRange &&
      first.index < static_cast<int64_t>(arguments.size())) {
    out->push_back({first.index, first.flags});
    return {};
  }

  if (arguments.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return Error{"Invalid arguments specified for command"};
  }
  const bool flags_vary = row.key_rule == KeyRule::kSet || row.key_rule == KeyRule::kBitfield;
  if (flags_vary || !FindBySpecs(row, arguments, out)) FindByRule(row, arguments, out);
  if (out->empty() && !CanDoWithoutKeys(row)) {
    return Error{"Invalid arguments specified for command"};
  }
  return {};
}

Status FindSlotKeys(const Command& command, std::span<const std::string_view> arguments,
                    std::vector<KeyPosition>* out) {
  const auto count = static_cast<int64_t>(arguments.size());
  for (const KeySpec& spec : command.spec->key_specs) {
    if (spec.limit < 2 || spec.begin != KeySpec::Begin::kKeyword) continue;
    const int64_t first = BehindKeyword(spec, arguments);
    if (first == 0 || (count - first) % spec.limit == 0) continue;
    out->clear();
    return Error{"Invalid arguments specified for command"};
  }
  Status found = FindKeys(command, arguments, out);
  if (found.ok() || command.spec->key_specs.empty()) return found;
  const KeySpec& first = command.spec->key_specs.front();
  if (first.begin != KeySpec::Begin::kIndex || first.find != KeySpec::Find::kRange ||
      first.index >= count) {
    return found;
  }
  out->push_back({static_cast<int>(first.index), first.flags});
  return {};
}

int KeyStep(const Command& command) {
  for (const KeySpec& spec : command.spec->key_specs) {
    if (spec.find == KeySpec::Find::kRange) return spec.key_step;
  }
  return 0;
}

bool IsRepeatable(const Command& command, Arguments arguments) {
  switch (command.spec->repeat) {
    case Repeat::kIfReads:
      return command.spec->is(kReadonly);
    case Repeat::kHarmless:
      return true;
    case Repeat::kUnlessConditional:
      return std::none_of(arguments.begin() + std::min<size_t>(3, arguments.size()), arguments.end(),
                          [](std::string_view option) {
                            return Is(option, "nx") || Is(option, "xx") || Is(option, "get");
                          });
  }
  return false;
}

}  // namespace keyway::command
