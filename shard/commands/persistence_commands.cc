#include "shard/commands/persistence_commands.h"

#include "shard/commands/arguments.h"
#include "shard/server/command_context.h"
#include "shard/server/persistence.h"

namespace keyway::shard::commands {
namespace {

void Save(CommandContext& context) {
  if (const Status saved = context.services.persistence->Save(); !saved.ok()) {
    return context.reply.Error(saved.error().message);
  }
  context.reply.Ok();
}

void BackgroundSave(CommandContext& context) {
  const bool schedule = context.args.size() == 2 && Is(context.args[1], "SCHEDULE");
  if (context.args.size() > 1 && !schedule) return context.reply.Error(kSyntaxError);
  const auto begun = context.services.persistence->SaveInBackground(schedule);
  if (!begun.ok()) return context.reply.Error(begun.error().message);
  context.reply.Simple(*begun == Persistence::Begun::kNow ? "Background saving started"
                                                          : "Background saving scheduled");
}

void LastSave(CommandContext& context) {
  context.reply.Integer(context.services.persistence->status().last_save_seconds);
}

void BackgroundRewrite(CommandContext& context) {
  const auto begun = context.services.persistence->RewriteInBackground();
  if (!begun.ok()) return context.reply.Error(begun.error().message);
  context.reply.Simple(*begun == Persistence::Begun::kNow
                           ? "Background append only file rewriting started"
                           : "Background append only file rewriting scheduled");
}

}  // namespace

void RegisterPersistence(HandlerTable& handlers) {
  handlers.Register("save", Save);
  handlers.Register("bgsave", BackgroundSave);
  handlers.Register("lastsave", LastSave);
  handlers.Register("bgrewriteaof", BackgroundRewrite);
}

}  // namespace keyway::shard::commands
