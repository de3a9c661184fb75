#include "proxy/routing/command_classes.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <vector>

#include "proxy/routing/router.h"

namespace keyway::proxy::routing {
namespace {

using command::Command;

struct ClassRow {
  std::string_view name;
  std::string_view meaning;
};

// In the order of CommandClass.
constexpr std::array kClasses = {
    ClassRow{"routed", "to the shard of its keys; keys in several slots: CROSSSLOT"},
    ClassRow{"any shard", "has no keys: to one shard, the same for a client as long as it is there"},
    ClassRow{"split", "by key, each part to its shard; replies merged in the order of the keys"},
    ClassRow{"gathered",
             "keys in one slot: routed; in several: the proxy reads them and computes the reply"},
    ClassRow{"pinned", "may wait: on a connection to its shard that no other client uses"},
    ClassRow{"all shards", "to every primary; replies reduced by the response policy"},
    ClassRow{"special", "by an executor of its own, which asks one primary or all and makes the reply"},
    ClassRow{"local", "answered or led by the proxy, which asks shards where they know"},
    ClassRow{"refused", "an error reply that says why; the connection stays open"},
};

// What can be called: a container alone is an error, but for COMMAND.
std::vector<const Command*> Callable() {
  std::vector<const Command*> commands;
  for (size_t id = 0; id < command::CommandCount(); ++id) {
    const Command& command = command::CommandById(static_cast<command::CommandId>(id));
    if (command.subcommands.empty() || command.spec->arity >= -1) commands.push_back(&command);
  }
  std::sort(commands.begin(), commands.end(), [](const Command* a, const Command* b) {
    return a->full_name < b->full_name;
  });
  return commands;
}

std::string ShownName(const Command& command) {
  std::string name = command.full_name;
  for (char& c : name) {
    if (c == '|') c = ' ';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

std::string_view GroupOf(const Command& command) {
  return command.container != nullptr ? command.container->spec->group : command.spec->group;
}

// The error without what all refusals begin with.
std::string Reason(const Command& command) {
  const std::string text = RefusalText(command);
  const size_t colon = text.find(": ");
  return colon == std::string::npos ? "`" + text + "`" : text.substr(colon + 2);
}

}  // namespace

std::string_view ClassName(CommandClass command_class) {
  return kClasses[static_cast<size_t>(command_class)].name;
}

std::string CommandClassesText() {
  const std::vector<const Command*> commands = Callable();
  std::array<size_t, kClasses.size()> counts{};
  std::map<std::string_view, std::vector<const Command*>> groups;
  for (const Command* command : commands) {
    ++counts[static_cast<size_t>(Router::ClassOf(*command))];
    groups[GroupOf(*command)].push_back(command);
  }
  std::string text =
      "# What keyway-proxy does with each command of Redis 7.0.15\n\n"
      "Made from the command table by `bazel run //tests/support:command_classes`; a test compares.\n\n"
      "| class | commands | what happens |\n| --- | ---: | --- |\n";
  for (size_t i = 0; i < kClasses.size(); ++i) {
    text += "| " + std::string(kClasses[i].name) + " | " + std::to_string(counts[i]) + " | " +
            std::string(kClasses[i].meaning) + " |\n";
  }
  text += "| all | " + std::to_string(commands.size()) + " | |\n";
  for (const auto& [group, members] : groups) {
    text += "\n## " + std::string(group) + "\n\n| command | class | |\n| --- | --- | --- |\n";
    for (const Command* command : members) {
      const CommandClass command_class = Router::ClassOf(*command);
      text += "| " + ShownName(*command) + " | " + std::string(ClassName(command_class)) + " | ";
      if (command_class == CommandClass::kRefused) text += Reason(*command) + " ";
      text += "|\n";
    }
  }
  return text;
}

}  // namespace keyway::proxy::routing
