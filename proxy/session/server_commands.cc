// TIME, LOLWUT, ROLE, COMMAND, INFO.
#include <functional>

#include "common/base/clock.h"
#include "common/command/command_replies.h"
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

// The art of versions 5 and 6 is left to the shards.
void Lolwut(LocalCall& call) {
  int64_t version = 0;
  if (call.arguments.size() >= 3 && EqualsIgnoreCase(call.arguments[1], "version") &&
      !ParseInteger(call.arguments[2], &version)) {
    return call.Error(kNotAnInteger);
  }
  call.reply.Verbatim("txt", "Redis ver. " + std::string(kRedisVersion) + "\n");
}

void Role(LocalCall& call) {
  call.reply.ArrayHeader(3);
  call.reply.Bulk("master");
  call.reply.Integer(0);
  call.reply.ArrayHeader(0);
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
  commands.Add("lolwut", Lolwut);
  commands.Add("role", Role);
  commands.Add("info", Info);
  commands.Add("command", CommandTable);
  commands.AddAll("command", CommandTable);
}

}  // namespace keyway::proxy::session
