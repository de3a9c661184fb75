#include "shard/commands/server.h"

#include <string>

#include "common/command/command_replies.h"
#include "common/log/log.h"
#include "shard/commands/server_config.h"
#include "shard/commands/server_debug.h"
#include "shard/commands/server_lolwut.h"
#include "shard/commands/words.h"
#include "shard/server/blocking.h"
#include "shard/server/client.h"
#include "shard/server/client_registry.h"
#include "shard/server/dispatcher.h"
#include "shard/server/info.h"
#include "shard/server/lifecycle.h"
#include "shard/server/scripts.h"

namespace keyway::shard::commands {
namespace {

void Time(CommandContext& context) {
  const int64_t micros = context.services.clock.WallMicros();
  context.reply.ArrayHeader(2);
  context.reply.BulkInteger(micros / 1'000'000);
  context.reply.BulkInteger(micros % 1'000'000);
}

void Info(CommandContext& context) {
  context.reply.Verbatim("txt", InfoText(context.services, context.args.subspan(1)));
}

void Command(CommandContext& context) {
  Dispatcher& dispatcher = context.services.clients.dispatcher();
  command::ReplyToCommand(
      context.args,
      [&dispatcher](const command::Command& command) { return dispatcher.Implements(command); },
      context.reply);
}

void Shutdown(CommandContext& context) {
  Lifecycle::ShutdownOptions options;
  bool abort = false;
  for (std::string_view word : context.args.subspan(1)) {
    if (Is(word, "save")) {
      options.save = true;
    } else if (Is(word, "nosave")) {
      options.nosave = true;
    } else if (Is(word, "abort")) {
      abort = true;
    } else if (Is(word, "now")) {
      options.now = true;
    } else if (Is(word, "force")) {
      options.force = true;
    } else {
      context.reply.Error(kSyntaxError);
      return;
    }
  }
  const bool any = options.save || options.nosave || options.now || options.force;
  if ((abort && any) || (options.save && options.nosave)) {
    context.reply.Error(kSyntaxError);
    return;
  }
  if (abort) {
    if (context.services.lifecycle.AbortShutdown()) {
      KEYWAY_NOTICE() << "Shutdown manually aborted.";
      context.reply.Ok();
    } else {
      context.reply.Error("ERR No shutdown in progress.");
    }
    return;
  }
  const Scripts* scripts = context.services.scripts;
  if (!options.nosave && scripts != nullptr && scripts->busy()) {
    context.reply.Error(scripts->BusyError());
    return;
  }
  switch (context.services.lifecycle.Shutdown(options)) {
    case Lifecycle::ShutdownOutcome::kEnds:
      context.client.CloseAfterReply();  // the closed connection is the answer
      break;
    case Lifecycle::ShutdownOutcome::kWaits:
      context.services.blocking->Block(context, {.on_timeout = Blocking::OnTimeout::kShutdown});
      break;
    case Lifecycle::ShutdownOutcome::kFails:
      context.reply.Error("ERR Errors trying to SHUTDOWN. Check logs.");
      break;
  }
}

}  // namespace

void RegisterServer(HandlerTable& handlers) {
  handlers.Register("time", Time);
  handlers.Register("info", Info);
  handlers.Register("lolwut", Lolwut);
  handlers.Register("shutdown", Shutdown);
  handlers.Register("debug", Debug);
  for (const char* name :
       {"command", "command|count", "command|docs", "command|getkeys", "command|getkeysandflags",
        "command|help", "command|info", "command|list"}) {
    handlers.Register(name, Command);
  }
  RegisterConfig(handlers);
}

}  // namespace keyway::shard::commands
