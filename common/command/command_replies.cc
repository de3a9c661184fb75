#include "common/command/command_replies.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "common/base/glob.h"
#include "common/command/row_replies.h"

namespace keyway::command {
namespace {

using resp::ReplyWriter;
using Arguments = std::span<const std::string_view>;

constexpr std::array<std::string_view, 21> kHelp = {
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full Redis command.",
    "HELP",
    "    Prints this help.",
};

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::vector<const Command*> ShownCommands(const Available& available) {
  std::vector<const Command*> shown;
  for (const Command* command : TopLevelCommands()) {
    if (IsShown(available, *command)) shown.push_back(command);
  }
  return shown;
}

// The command of that full name, if it is shown.
const Command* FindShown(std::string_view full_name, const Available& available) {
  const Command* command = FindByFullName(full_name);
  if (command == nullptr || !IsShown(available, *command)) return nullptr;
  if (command->container != nullptr && !IsShown(available, *command->container)) return nullptr;
  return command;
}

void ReplyToInfo(Arguments names, const Available& available, ReplyWriter& reply) {
  if (names.empty()) {
    const std::vector<const Command*> shown = ShownCommands(available);
    reply.ArrayHeader(shown.size());
    for (const Command* command : shown) WriteInfo(*command, available, reply);
    return;
  }
  reply.ArrayHeader(names.size());
  for (std::string_view name : names) {
    if (const Command* command = FindShown(name, available)) {
      WriteInfo(*command, available, reply);
    } else {
      reply.Null();
    }
  }
}

void ReplyToDocs(Arguments names, const Available& available, ReplyWriter& reply) {
  std::vector<const Command*> shown;
  if (names.empty()) {
    shown = ShownCommands(available);
  } else {
    for (std::string_view name : names) {
      if (const Command* command = FindShown(name, available)) shown.push_back(command);
    }
  }
  reply.MapHeader(shown.size());
  for (const Command* command : shown) WriteDocs(*command, available, reply);
}

// What COMMAND LIST FILTERBY lets through.
using Filter = std::function<bool(const Command&)>;

// Nothing when the arguments behind COMMAND LIST are no filter.
std::optional<Filter> ParseFilter(Arguments arguments) {
  if (arguments.empty()) return [](const Command&) { return true; };
  if (arguments.size() != 3 || LowerCase(arguments[0]) != "filterby") return std::nullopt;
  const std::string kind = LowerCase(arguments[1]);
  if (kind == "module") return [](const Command&) { return false; };  // there are no modules
  if (kind == "aclcat") {
    uint32_t wanted = 0;
    const std::string category = "@" + LowerCase(arguments[2]);
    for (uint32_t bit = 1; bit != 0 && bit <= kAclScripting; bit <<= 1) {
      if (AclCategoryNames(bit).front() == category) wanted = bit;
    }
    return [wanted](const Command& command) { return (command.spec->acl & wanted) != 0; };
  }
  if (kind == "pattern") {
    return [pattern = arguments[2]](const Command& command) {
      return GlobMatch(pattern, command.full_name, /*ignore_case=*/true);
    };
  }
  return std::nullopt;
}

void ReplyToList(Arguments arguments, const Available& available, ReplyWriter& reply) {
  const std::optional<Filter> filter = ParseFilter(arguments);
  if (!filter) return reply.Error("ERR syntax error");
  std::vector<const Command*> chosen;
  for (const Command* command : ShownCommands(available)) {
    if ((*filter)(*command)) chosen.push_back(command);
    for (const Command* subcommand : command->subcommands) {
      if (IsShown(available, *subcommand) && (*filter)(*subcommand)) chosen.push_back(subcommand);
    }
  }
  reply.ArrayHeader(chosen.size());
  for (const Command* command : chosen) reply.Bulk(command->full_name);
}

void ReplyToGetKeys(Arguments call, bool with_flags, const Available& available,
                    ReplyWriter& reply) {
  const Lookup lookup = LookupCommand(call, &available);
  if (lookup.command == nullptr || lookup.status == Lookup::Status::kUnknownSubcommand) {
    return reply.Error("ERR Invalid command specified");
  }
  const std::span<const KeySpec> specs = lookup.command->spec->key_specs;
  // A channel chooses the slot, but clients are not told of it as a key.
  if (std::all_of(specs.begin(), specs.end(),
                  [](const KeySpec& spec) { return (spec.flags & kKeyNotKey) != 0; })) {
    return reply.Error("ERR The command has no key arguments");
  }
  if (lookup.status == Lookup::Status::kWrongArity) {
    return reply.Error("ERR Invalid number of arguments specified for command");
  }
  std::vector<KeyPosition> keys;
  if (const Status status = FindKeys(*lookup.command, call, &keys); !status.ok()) {
    return reply.Error("ERR " + status.error().message);
  }
  reply.ArrayHeader(keys.size());
  for (const KeyPosition& key : keys) {
    if (with_flags) reply.ArrayHeader(2);
    reply.Bulk(call[key.index]);
    if (!with_flags) continue;
    const std::vector<std::string_view> flags = KeyFlagNames(key.flags);
    reply.SetHeader(flags.size());
    for (std::string_view flag : flags) reply.Simple(flag);
  }
}

}  // namespace

void ReplyToCommand(std::span<const std::string_view> arguments,
                    const std::function<bool(const Command&)>& available,
                    resp::ReplyWriter& reply) {
  if (arguments.size() == 1) return ReplyToInfo({}, available, reply);
  // The caller has found COMMAND to be available: no filter here.
  const Lookup lookup = LookupCommand(arguments);
  if (lookup.status != Lookup::Status::kFound) {
    return reply.Error(LookupError(lookup, arguments));
  }
  const std::string_view subcommand = lookup.command->spec->name;
  const Arguments rest = arguments.subspan(2);
  if (subcommand == "count") {
    reply.Integer(static_cast<int64_t>(ShownCommands(available).size()));
  } else if (subcommand == "info") {
    ReplyToInfo(rest, available, reply);
  } else if (subcommand == "docs") {
    ReplyToDocs(rest, available, reply);
  } else if (subcommand == "list") {
    ReplyToList(rest, available, reply);
  } else if (subcommand == "getkeys") {
    ReplyToGetKeys(rest, /*with_flags=*/false, available, reply);
  } else if (subcommand == "getkeysandflags") {
    ReplyToGetKeys(rest, /*with_flags=*/true, available, reply);
  } else {
    reply.ArrayHeader(kHelp.size());
    for (std::string_view line : kHelp) reply.Simple(line);
  }
}

}  // namespace keyway::command
