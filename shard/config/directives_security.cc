// Rows: security, and the lines of a file that are no directive with a value.
#include <strings.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "common/command/table.h"
#include "common/config/section.h"
#include "shard/config/rows.h"

namespace keyway::shard {

using namespace config;  // NOLINT: the flags and kinds of the rows

namespace {

std::vector<std::pair<const char*, ProtectedAction>> ProtectedActions() {
  return {{"no", ProtectedAction::kNo},
          {"yes", ProtectedAction::kYes},
          {"local", ProtectedAction::kLocal}};
}

Error BadUser(const std::string& name, const std::string& reason) {
  return Error{"Error in user declaration '" + name + "': " + reason};
}

// There are no ACLs yet, but CONFIG REWRITE of redis-server leaves the default user, who may do
// everything, in every file. Any other user or restriction must not be ignored.
Status ReadUser(std::span<const std::string> words, ShardConfig& c) {
  static constexpr std::array<const char*, 9> kAllowAll = {
      "on",          "nopass", "sanitize-payload", "skip-sanitize-payload", "~*", "allkeys", "&*",
      "allchannels", "+@all"};
  if (words[1] != "default") return BadUser(words[1], "ACL users are not supported yet");
  for (const std::string& rule : words.subspan(2)) {
    if (rule[0] == '#') {
      c.default_user_has_password = true;
      continue;
    }
    bool harmless = std::any_of(kAllowAll.begin(), kAllowAll.end(), [&rule](const char* known) {
      return strcasecmp(known, rule.c_str()) == 0;
    });
    if (!harmless && strcasecmp(rule.c_str(), "allcommands") != 0) {
      return BadUser(rule, "ACL rules are not supported yet");
    }
  }
  return {};
}

Status ReadRename(std::span<const std::string> words, ShardConfig& c) {
  const command::Command* command = command::FindCommand(words[1]);
  auto lower = [](std::string text) {
    for (char& ch : text) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
    return text;
  };
  std::string from = lower(words[1]), to = lower(words[2]);
  auto renamed_from = [&c](const std::string& name) {
    return std::any_of(c.renamed_commands.begin(), c.renamed_commands.end(),
                       [&name](const auto& rename) { return rename.first == name; });
  };
  auto renamed_to = [&c](const std::string& name) {
    return std::any_of(c.renamed_commands.begin(), c.renamed_commands.end(),
                       [&name](const auto& rename) { return rename.second == name; });
  };
  if (command == nullptr || renamed_from(from)) return Error{"No such command in rename-command"};
  bool taken =
      (command::FindCommand(to) != nullptr && !renamed_from(to) && to != from) || renamed_to(to);
  if (!to.empty() && taken) return Error{"Target command name already exists"};
  c.renamed_commands.emplace_back(from, to);
  return {};
}

}  // namespace

void AddSecurity(Registry& registry, ShardConfig& c) {
  Section rows(registry, "security");
  rows.Text("requirepass", c.requirepass, kSensitive,
            "Password that clients must give with AUTH; empty: none");
  rows.Text("aclfile", c.aclfile, kImmutable, "File with ACL users; not supported yet",
            [](const std::string& path) -> Status {
              if (path.empty()) return {};
              return Error{"ACL users are not supported yet"};
            });
  rows.Integer("acllog-max-len", c.acllog_max_len, {}, kNoEffectYet, "Entries kept in ACL LOG");
  rows.Enum("acl-pubsub-default", c.acl_pubsub_default,
            {{"allchannels", AclPubsubDefault::kAllChannels},
             {"resetchannels", AclPubsubDefault::kResetChannels}},
            kNoEffectYet, "Channels that a new ACL user may use");
  rows.Enum("enable-protected-configs", c.enable_protected_configs, ProtectedActions(), kImmutable,
            "Who may CONFIG SET protected directives");
  rows.Enum("enable-debug-command", c.enable_debug_command, ProtectedActions(), kImmutable,
            "Who may use DEBUG");
  rows.Enum("enable-module-command", c.enable_module_command, ProtectedActions(),
            kImmutable | kNoEffectYet, "Who may use MODULE");

  constexpr size_t kAny = 1 << 20;
  registry.AddLine(
      "user", 2, kAny, [&c](std::span<const std::string> words) { return ReadUser(words, c); },
      [&c]() -> std::vector<RewriteLine> {
        // With a password the line must go: requirepass says it, and "nopass" here would undo it.
        if (!c.requirepass.empty()) return {};
        return {{"default on nopass ~* &* +@all", true}};
      });
  registry.AddLine("rename-command", 3, 3,
                   [&c](std::span<const std::string> words) { return ReadRename(words, c); });
  registry.AddLine("loadmodule", 2, kAny, [](std::span<const std::string> words) -> Status {
    return Error{"Can't load module from " + words[1] + ": modules are not supported"};
  });
  registry.AddLine("sentinel", 1, kAny, [](std::span<const std::string>) -> Status {
    return Error{"sentinel directive while not in sentinel mode"};
  });
  registry.AddObsolete("list-max-ziplist-entries", 2);
  registry.AddObsolete("list-max-ziplist-value", 2);
  registry.AddObsolete("lua-replicate-commands", 2);
}

}  // namespace keyway::shard
