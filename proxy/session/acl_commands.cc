// ACL. Until users and rules exist, there is the one user of a Redis without any: "default".
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "proxy/routing/router.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

constexpr std::string_view kDefaultUser = "default";
constexpr int64_t kMaxPasswordBits = 4096;

void Refuse(LocalCall& call) {
  call.Error(routing::RefusalText(call.command));
}

void WhoAmI(LocalCall& call) {
  call.reply.Bulk(kDefaultUser);
}

void Users(LocalCall& call) {
  call.reply.ArrayHeader(1);
  call.reply.Bulk(kDefaultUser);
}

void List(LocalCall& call) {
  // With a password Redis shows its SHA-256, which nobody needs from a proxy.
  if (!call.session.context().options.password.empty()) return Refuse(call);
  call.reply.ArrayHeader(1);
  call.reply.Bulk("user default on nopass ~* &* +@all");
}

void GetUser(LocalCall& call) {
  if (call.arguments[2] != kDefaultUser) return call.reply.Null();
  if (!call.session.context().options.password.empty()) return Refuse(call);
  call.reply.MapHeader(6);
  call.reply.Bulk("flags");
  call.reply.SetHeader(2);
  call.reply.Bulk("on");
  call.reply.Bulk("nopass");
  call.reply.Bulk("passwords");
  call.reply.ArrayHeader(0);
  call.reply.Bulk("commands");
  call.reply.Bulk("+@all");
  call.reply.Bulk("keys");
  call.reply.Bulk("~*");
  call.reply.Bulk("channels");
  call.reply.Bulk("&*");
  call.reply.Bulk("selectors");
  call.reply.ArrayHeader(0);
}

void Cat(LocalCall& call) {
  if (call.arguments.size() > 3) {
    return TooManyArguments(call);
  }
  const std::vector<std::string_view> categories = command::AclCategoryNames(~uint32_t{0});
  if (call.arguments.size() == 2) {
    call.reply.ArrayHeader(categories.size());
    for (std::string_view category : categories) call.reply.Bulk(category.substr(1));
    return;
  }
  const std::string_view wanted = call.arguments[2];
  const auto is_wanted = [wanted](std::string_view name) {
    return EqualsIgnoreCase(name.substr(1), wanted);
  };
  if (std::none_of(categories.begin(), categories.end(), is_wanted)) {
    return call.Error("ERR Unknown category '" + std::string(wanted) + "'");
  }
  std::vector<std::string_view> names;
  for (size_t id = 0; id < command::CommandCount(); ++id) {
    const command::Command& command = command::CommandById(static_cast<command::CommandId>(id));
    const auto its = command::AclCategoryNames(command.spec->acl);
    if (std::any_of(its.begin(), its.end(), is_wanted)) names.push_back(command.full_name);
  }
  call.reply.ArrayHeader(names.size());
  for (std::string_view name : names) call.reply.Bulk(name);
}

void GenPass(LocalCall& call) {
  int64_t bits = 256;
  if (call.arguments.size() > 3) {
    return TooManyArguments(call);
  }
  if (call.arguments.size() == 3) {
    if (!ParseInteger(call.arguments[2], &bits)) return call.Error(kNotAnInteger);
    if (bits <= 0 || bits > kMaxPasswordBits) {
      return call.Error(
          "ERR ACL GENPASS argument must be the number of bits for the output "
          "password, a positive number up to 4096");
    }
  }
  // From the system's entropy, as it is meant for a secret.
  std::random_device entropy;
  std::string digits;
  while (static_cast<int64_t>(digits.size()) < (bits + 3) / 4) {
    digits.push_back("0123456789abcdef"[entropy() & 15]);
  }
  call.reply.Bulk(digits);
}

void DryRun(LocalCall& call) {
  if (call.arguments[2] != kDefaultUser) {
    return call.Error("ERR User '" + std::string(call.arguments[2]) + "' not found");
  }
  const auto arguments = call.arguments.subspan(3);
  const command::Lookup lookup = command::LookupCommand(arguments);
  if (lookup.status == command::Lookup::Status::kWrongArity) {
    return call.Error(command::LookupError(lookup, arguments));
  }
  if (lookup.status != command::Lookup::Status::kFound) {
    return call.Error("ERR Command '" + std::string(arguments[0]) + "' not found");
  }
  call.reply.Ok();
}

// There is none but the one that cannot go.
void DelUser(LocalCall& call) {
  for (std::string_view user : call.arguments.subspan(2)) {
    if (user == kDefaultUser) return call.Error("ERR The 'default' user cannot be removed");
  }
  call.reply.Integer(0);
}

void NoAclFile(LocalCall& call) {
  call.Error(
      "ERR This Redis instance is not configured to use an ACL file. You may want to specify users "
      "via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
      "configuration file set) in order to store users in the Redis configuration.");
}

// Nobody is ever denied what he is allowed to ask: without users the log stays empty.
void Log(LocalCall& call) {
  if (call.arguments.size() > 3) {
    return TooManyArguments(call);
  }
  int64_t count = 0;
  if (call.arguments.size() == 3 && EqualsIgnoreCase(call.arguments[2], "reset")) {
    return call.reply.Ok();
  }
  if (call.arguments.size() == 3 && !ParseInteger(call.arguments[2], &count)) {
    return call.Error(kNotAnInteger);
  }
  call.reply.ArrayHeader(0);
}

constexpr std::string_view kHelp[] = {
    "CAT [<category>]",
    "    List all commands that belong to <category>, or all command categories",
    "    when no category is specified.",
    "DELUSER <username> [<username> ...]",
    "    Delete a list of users.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Returns whether the user can execute the given command without executing the command.",
    "GETUSER <username>",
    "    Get the user's details.",
    "GENPASS [<bits>]",
    "    Generate a secure 256-bit user password. The optional `bits` argument can",
    "    be used to specify a different size.",
    "LIST",
    "    Show users details in config file format.",
    "LOAD",
    "    Reload users from the ACL file.",
    "LOG [<count> | RESET]",
    "    Show the ACL log entries.",
    "SAVE",
    "    Save the current config to the ACL file.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Create or modify a user with the specified attributes.",
    "USERS",
    "    List all the registered usernames.",
    "WHOAMI",
    "    Return the current connection username.",
};

void Help(LocalCall& call) {
  WriteHelp(call, kHelp);
}

}  // namespace

void RegisterAclCommands(LocalCommands& commands) {
  commands.Add("acl|whoami", WhoAmI);
  commands.Add("acl|users", Users);
  commands.Add("acl|list", List);
  commands.Add("acl|getuser", GetUser);
  commands.Add("acl|cat", Cat);
  commands.Add("acl|genpass", GenPass);
  commands.Add("acl|dryrun", DryRun);
  commands.Add("acl|help", Help);
  commands.Add("acl|deluser", DelUser);
  commands.Add("acl|load", NoAclFile);
  commands.Add("acl|save", NoAclFile);
  commands.Add("acl|log", Log);
}

}  // namespace keyway::proxy::session
