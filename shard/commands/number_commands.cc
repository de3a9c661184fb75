#include "shard/commands/number_commands.h"

#include <limits>

#include "shard/commands/arguments.h"
#include "shard/keyspace/database.h"
#include "shard/server/effects.h"
#include "shard/types/long_double.h"
#include "shard/types/string.h"

namespace keyway::shard::commands {

using keyspace::Key;

namespace {

void Add(CommandContext& context, int64_t increment) {
  const auto value =
      types::IncrementBy(context.db, Key(context.args[1]), increment, context.now_ms);
  if (!value.ok()) return ReplyError(context, value.error());
  context.reply.Integer(*value);
}

void Incr(CommandContext& context) {
  Add(context, 1);
}

void Decr(CommandContext& context) {
  Add(context, -1);
}

void Incrby(CommandContext& context) {
  int64_t increment;
  if (ReadInteger(context, context.args[2], &increment)) Add(context, increment);
}

void Decrby(CommandContext& context) {
  int64_t decrement;
  if (!ReadInteger(context, context.args[2], &decrement)) return;
  if (decrement == std::numeric_limits<int64_t>::min()) {
    return context.reply.Error("ERR decrement would overflow");
  }
  Add(context, -decrement);
}

void Incrbyfloat(CommandContext& context) {
  const Key key(context.args[1]);
  // The value is looked at before the argument.
  const keyspace::Record* record = context.db.Find(key, context.now_ms, keyspace::Access::kNone);
  if (record != nullptr && !CheckString(context, *record)) return;
  long double increment;
  if (!types::ParseLongDouble(context.args[2], &increment)) {
    return ReplyError(context, types::StringError::kNotFloat);
  }
  const auto value = types::IncrementByFloat(context.db, key, increment, context.now_ms);
  if (!value.ok()) return ReplyError(context, value.error());
  if (context.effects != nullptr) context.effects->Replace({"SET", key.text, *value, "KEEPTTL"});
  context.reply.Bulk(*value);
}

}  // namespace

void RegisterNumber(HandlerTable& handlers) {
  handlers.Register("incr", Incr);
  handlers.Register("decr", Decr);
  handlers.Register("incrby", Incrby);
  handlers.Register("decrby", Decrby);
  handlers.Register("incrbyfloat", Incrbyfloat);
}

}  // namespace keyway::shard::commands
