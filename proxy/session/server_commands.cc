// TIME, ROLE, WAIT, COMMAND, INFO, MODULE.
#include <functional>

#include "common/base/clock.h"
#include "common/command/command_replies.h"
#include "proxy/execution/wait.h"
#include "proxy/session/info.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

void Time(LocalCall& call) {
  const int64_t now = SystemClock::Instance().WallMicros();
  call.reply.ArrayHeader(2);
  call.reply.BulkInteger(now / 1'000'000);
  call.reply.BulkInteger(now % 1'000'000);
}

void Role(LocalCall& call) {
  call.reply.ArrayHeader(3);
  call.reply.Bulk("master");
  call.reply.Integer(0);
  call.reply.ArrayHeader(0);
}

void ListModules(LocalCall& call) {
  call.reply.ArrayHeader(0);
}

constexpr std::string_view kModuleHelp[] = {
    "LIST",
    "    Return a list of loaded modules.",
    "LOAD <path> [<arg> ...]",
    "    Load a module library from <path>, passing to it any optional arguments.",
    "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
    "    Load a module library from <path>, while passing it module configurations and optional "
    "arguments.",
    "UNLOAD <name>",
    "    Unload a module.",
};

void ModuleHelp(LocalCall& call) {
  WriteHelp(call, kModuleHelp);
}

void Wait(LocalCall& call) {
  call.Defer(new execution::WaitOperation);
}

void CommandTable(LocalCall& call) {
  static const std::function<bool(const command::Command&)> supported =
      [](const command::Command& command) {
        return command.spec->route != command::Route::kRefused;
      };
  command::ReplyToCommand(call.arguments, supported, call.reply);
}

}  // namespace

void RegisterServerCommands(LocalCommands& commands) {
  commands.Add("time", Time);
  commands.Add("module|list", ListModules);
  commands.Add("module|help", ModuleHelp);
  commands.Add("role", Role);
  commands.AddQuiet("wait", Wait);
  commands.AddQuiet("info", Info);
  commands.Add("command", CommandTable);
  commands.AddAll("command", CommandTable);
}

}  // namespace keyway::proxy::session
