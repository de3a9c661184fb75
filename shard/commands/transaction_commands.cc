#include "shard/commands/transaction_commands.h"

#include "shard/commands/arguments.h"
#include "shard/commands/words.h"
#include "shard/server/blocking.h"
#include "shard/server/transactions.h"

namespace keyway::shard::commands {
namespace {

bool IsOpen(const CommandContext& context) {
  const Transaction* transaction = Transactions::Of(context.client);
  return transaction != nullptr && transaction->open();
}

void Multi(CommandContext& context) {
  if (context.services.transactions->Begin(context.client)) {
    context.reply.Ok();
  } else {
    context.reply.Error("ERR MULTI calls can not be nested");
  }
}

void Exec(CommandContext& context) {
  if (IsOpen(context)) {
    context.services.transactions->Execute(context);
  } else {
    context.reply.Error("ERR EXEC without MULTI");
  }
}

void Discard(CommandContext& context) {
  if (!IsOpen(context)) {
    context.reply.Error("ERR DISCARD without MULTI");
    return;
  }
  context.services.transactions->Discard(context.client);
  context.reply.Ok();
}

void Watch(CommandContext& context) {
  if (IsOpen(context)) {
    context.reply.Error("ERR WATCH inside MULTI is not allowed");
    return;
  }
  context.services.transactions->Watch(context, context.args.subspan(1));
  context.reply.Ok();
}

void Unwatch(CommandContext& context) {
  context.services.transactions->Unwatch(context.client);
  context.reply.Ok();
}

}  // namespace

void RegisterTransactions(HandlerTable& handlers) {
  handlers.Register("multi", Multi);
  handlers.Register("exec", Exec);
  handlers.Register("discard", Discard);
  handlers.Register("watch", Watch);
  handlers.Register("unwatch", Unwatch);
}

}  // namespace keyway::shard::commands
