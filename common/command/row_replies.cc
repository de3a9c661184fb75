#include "common/command/row_replies.h"

#include <algorithm>
#include <climits>
#include <vector>

namespace keyway::command {
namespace {

using resp::ReplyWriter;

void WriteWords(const std::vector<std::string_view>& words, ReplyWriter& reply) {
  reply.SetHeader(words.size());
  for (std::string_view word : words) reply.Simple(word);
}

// First key, last key and step, as clients from before key specs read them. Nought when the keys
// are in no single range.
struct LegacyRange {
  int first = 0;
  int last = 0;
  int step = 0;
};

LegacyRange LegacyRangeOf(const Spec& row) {
  LegacyRange range;
  for (const KeySpec& spec : row.key_specs) {
    if (spec.begin != KeySpec::Begin::kIndex || spec.find != KeySpec::Find::kRange) continue;
    const int last = spec.last_key >= 0 ? spec.index + spec.last_key : spec.last_key;
    if (row.key_specs.size() == 1) return {spec.index, last, spec.key_step};
    // Several specs make one range only when they have no gaps between them.
    if (spec.key_step != 1 || (range.step != 0 && spec.index != range.last + 1)) return range;
    range.first = range.step == 0 ? spec.index : std::min(range.first, spec.index);
    range.last = last;
    range.step = 1;
    if (last < 0) return range;
  }
  return range;
}

void WriteKeySpec(const KeySpec& spec, ReplyWriter& reply) {
  reply.MapHeader(spec.notes.empty() ? 3 : 4);
  if (!spec.notes.empty()) {
    reply.Bulk("notes");
    reply.Bulk(spec.notes);
  }
  reply.Bulk("flags");
  WriteWords(KeyFlagNames(spec.flags), reply);

  const auto field = [&reply](std::string_view name, int value) {
    reply.Bulk(name);
    reply.Integer(value);
  };
  const auto type = [&reply](std::string_view part, std::string_view name, size_t fields) {
    reply.Bulk(part);
    reply.MapHeader(2);
    reply.Bulk("type");
    reply.Bulk(name);
    reply.Bulk("spec");
    reply.MapHeader(fields);
  };
  switch (spec.begin) {
    case KeySpec::Begin::kIndex:
      type("begin_search", "index", 1);
      field("index", spec.index);
      break;
    case KeySpec::Begin::kKeyword:
      type("begin_search", "keyword", 2);
      reply.Bulk("keyword");
      reply.Bulk(spec.keyword);
      field("startfrom", spec.start_from);
      break;
    case KeySpec::Begin::kUnknown:
      type("begin_search", "unknown", 0);
      break;
  }
  switch (spec.find) {
    case KeySpec::Find::kRange:
      type("find_keys", "range", 3);
      field("lastkey", spec.last_key);
      field("keystep", spec.key_step);
      field("limit", spec.limit);
      break;
    case KeySpec::Find::kKeynum:
      type("find_keys", "keynum", 3);
      field("keynumidx", spec.keynum_index);
      field("firstkey", spec.first_key);
      field("keystep", spec.key_step);
      break;
    case KeySpec::Find::kUnknown:
      type("find_keys", "unknown", 0);
      break;
  }
}

std::vector<const Command*> ShownSubcommands(const Command& command, const Available& available) {
  std::vector<const Command*> shown;
  for (const Command* subcommand : command.subcommands) {
    if (IsShown(available, *subcommand)) shown.push_back(subcommand);
  }
  return shown;
}

std::string_view TypeName(Argument::Type type) {
  switch (type) {
    case Argument::Type::kString:
      return "string";
    case Argument::Type::kInteger:
      return "integer";
    case Argument::Type::kDouble:
      return "double";
    case Argument::Type::kKey:
      return "key";
    case Argument::Type::kPattern:
      return "pattern";
    case Argument::Type::kUnixTime:
      return "unix-time";
    case Argument::Type::kPureToken:
      return "pure-token";
    case Argument::Type::kOneOf:
      return "oneof";
    case Argument::Type::kBlock:
      return "block";
  }
  return "";
}

void WriteArguments(std::span<const Argument> arguments, ReplyWriter& reply) {
  reply.ArrayHeader(arguments.size());
  for (const Argument& argument : arguments) {
    const bool has_token = argument.token.data() != nullptr;
    reply.MapHeader(size_t{2} + (argument.key_spec_index >= 0) + has_token +
                    !argument.summary.empty() + !argument.since.empty() +
                    !argument.deprecated_since.empty() + (argument.flags != 0) +
                    !argument.arguments.empty());
    const auto field = [&reply](std::string_view name, std::string_view value) {
      reply.Bulk(name);
      reply.Bulk(value);
    };
    field("name", argument.name);
    field("type", TypeName(argument.type));
    if (argument.key_spec_index >= 0) {
      reply.Bulk("key_spec_index");
      reply.Integer(argument.key_spec_index);
    }
    if (has_token) field("token", argument.token);
    if (!argument.summary.empty()) field("summary", argument.summary);
    if (!argument.since.empty()) field("since", argument.since);
    if (!argument.deprecated_since.empty()) field("deprecated_since", argument.deprecated_since);
    if (argument.flags != 0) {
      std::vector<std::string_view> words;
      if ((argument.flags & Argument::kOptional) != 0) words.push_back("optional");
      if ((argument.flags & Argument::kMultiple) != 0) words.push_back("multiple");
      if ((argument.flags & Argument::kMultipleToken) != 0) words.push_back("multiple_token");
      reply.Bulk("flags");
      WriteWords(words, reply);
    }
    if (!argument.arguments.empty()) {
      reply.Bulk("arguments");
      WriteArguments(argument.arguments, reply);
    }
  }
}

}  // namespace

void WriteInfo(const Command& command, const Available& available, ReplyWriter& reply) {
  const Spec& row = *command.spec;
  reply.ArrayHeader(10);
  reply.Bulk(command.full_name);
  reply.Integer(row.arity);
  WriteWords(FlagNames(row.flags), reply);
  const LegacyRange range = LegacyRangeOf(row);
  reply.Integer(range.first);
  reply.Integer(range.last);
  reply.Integer(range.step);
  WriteWords(AclCategoryNames(row.acl), reply);

  const std::vector<std::string> tips = TipNames(row);
  reply.SetHeader(tips.size());
  for (const std::string& tip : tips) reply.Bulk(tip);

  reply.SetHeader(row.key_specs.size());
  for (const KeySpec& spec : row.key_specs) WriteKeySpec(spec, reply);

  const std::vector<const Command*> subcommands = ShownSubcommands(command, available);
  if (subcommands.empty()) {
    reply.SetHeader(0);
    return;
  }
  reply.ArrayHeader(subcommands.size());
  for (const Command* subcommand : subcommands) WriteInfo(*subcommand, available, reply);
}

void WriteDocs(const Command& command, const Available& available, ReplyWriter& reply) {
  const Spec& row = *command.spec;
  const bool is_deprecated = !row.deprecated_since.empty();
  const bool has_flags = is_deprecated || row.doc_syscmd;
  const std::vector<const Command*> subcommands = ShownSubcommands(command, available);
  const auto field = [&reply](std::string_view name, std::string_view value) {
    reply.Bulk(name);
    reply.Bulk(value);
  };

  reply.Bulk(command.full_name);
  reply.MapHeader(size_t{3} + !row.complexity.empty() + has_flags + is_deprecated +
                  !row.replaced_by.empty() + !row.history.empty() + !row.arguments.empty() +
                  !subcommands.empty());
  field("summary", row.summary);
  field("since", row.since);
  field("group", row.group);
  if (!row.complexity.empty()) field("complexity", row.complexity);
  if (has_flags) {
    std::vector<std::string_view> words;
    if (is_deprecated) words.push_back("deprecated");
    if (row.doc_syscmd) words.push_back("syscmd");
    reply.Bulk("doc_flags");
    WriteWords(words, reply);
  }
  if (is_deprecated) field("deprecated_since", row.deprecated_since);
  if (!row.replaced_by.empty()) field("replaced_by", row.replaced_by);
  if (!row.history.empty()) {
    reply.Bulk("history");
    reply.SetHeader(row.history.size());
    for (const HistoryEntry& entry : row.history) {
      reply.ArrayHeader(2);
      reply.Bulk(entry.version);
      reply.Bulk(entry.change);
    }
  }
  if (!row.arguments.empty()) {
    reply.Bulk("arguments");
    WriteArguments(row.arguments, reply);
  }
  if (!subcommands.empty()) {
    reply.Bulk("subcommands");
    reply.MapHeader(subcommands.size());
    for (const Command* subcommand : subcommands) WriteDocs(*subcommand, available, reply);
  }
}

}  // namespace keyway::command
