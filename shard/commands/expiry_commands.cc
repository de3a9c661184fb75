// EXPIRE, TTL, EXPIRETIME and their relatives, PERSIST.
#include <string>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/register_keyspace_commands.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/server/effects.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Reclaim;
using keyspace::Record;

namespace {

struct ExpireOptions {
  bool nx = false;
  bool xx = false;
  bool gt = false;
  bool lt = false;
};

bool ReadOptions(CommandContext& context, ExpireOptions* options) {
  for (std::string_view word : context.args.subspan(3)) {
    if (Is(word, "NX")) {
      options->nx = true;
    } else if (Is(word, "XX")) {
      options->xx = true;
    } else if (Is(word, "GT")) {
      options->gt = true;
    } else if (Is(word, "LT")) {
      options->lt = true;
    } else {
      // As "%s" repeats it: to the first NUL, without line ends.
      word = word.substr(0, word.find('\0'));
      word = word.substr(0, word.find_last_not_of("\r\n") + 1);
      context.reply.Error("ERR Unsupported option " + std::string(word));
      return false;
    }
  }
  if (options->nx && (options->xx || options->gt || options->lt)) {
    context.reply.Error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if (options->gt && options->lt) {
    context.reply.Error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

// A key without an expiry counts as one that expires last.
bool Applies(const ExpireOptions& options, const Record& record, int64_t expiry_ms) {
  if (options.nx && record.has_expiry()) return false;
  if (options.xx && !record.has_expiry()) return false;
  if (options.gt && (!record.has_expiry() || expiry_ms <= record.expiry_ms())) return false;
  if (options.lt && record.has_expiry() && expiry_ms >= record.expiry_ms()) return false;
  return true;
}

void ReplaceByPexpireat(CommandContext& context, int64_t expiry_ms) {
  const EffectWord text(expiry_ms);
  std::vector<std::string_view> args(context.args.begin(), context.args.end());
  args[0] = "PEXPIREAT";
  args[2] = text.text();
  context.effects->Replace(args);
}

void SetExpiry(CommandContext& context, bool in_seconds, bool from_now) {
  ExpireOptions options;
  if (!ReadOptions(context, &options)) return;
  int64_t expiry_ms;
  if (!ReadExpiry(context, {context.args[2], in_seconds, from_now}, &expiry_ms)) return;
  const Key key(context.args[1]);
  const Record* record = context.db.Find(key, context.now_ms, Access::kWrite);
  if (record == nullptr || !Applies(options, *record, expiry_ms)) {
    return context.reply.Integer(0);
  }
  if (context.db.IsPast(expiry_ms, context.now_ms)) {
    const bool lazily = context.services.config.lazyfree_lazy_expire;
    context.db.Delete(key, context.now_ms, lazily ? Reclaim::kLater : Reclaim::kNow);
    if (context.effects != nullptr) context.effects->Replace({DeletionName(lazily), key.text});
  } else {
    context.db.SetExpiry(key, expiry_ms);
    if (context.effects != nullptr && (in_seconds || from_now)) {
      ReplaceByPexpireat(context, expiry_ms);
    }
  }
  context.reply.Integer(1);
}

void Expire(CommandContext& context) {
  SetExpiry(context, true, true);
}

void Pexpire(CommandContext& context) {
  SetExpiry(context, false, true);
}

void Expireat(CommandContext& context) {
  SetExpiry(context, true, false);
}

void Pexpireat(CommandContext& context) {
  SetExpiry(context, false, false);
}

int64_t RoundToSeconds(int64_t millis) {
  return millis / 1000 + (millis % 1000 >= 500 ? 1 : 0);
}

void ReplyExpiry(CommandContext& context, bool in_seconds, bool from_now) {
  const Record* record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kPeek);
  if (record == nullptr) return context.reply.Integer(-2);
  if (!record->has_expiry()) return context.reply.Integer(-1);
  const int64_t millis = record->expiry_ms() - (from_now ? context.now_ms : 0);
  context.reply.Integer(in_seconds ? RoundToSeconds(millis) : millis);
}

void Ttl(CommandContext& context) {
  ReplyExpiry(context, true, true);
}

void Pttl(CommandContext& context) {
  ReplyExpiry(context, false, true);
}

void Expiretime(CommandContext& context) {
  ReplyExpiry(context, true, false);
}

void Pexpiretime(CommandContext& context) {
  ReplyExpiry(context, false, false);
}

void Persist(CommandContext& context) {
  const Key key(context.args[1]);
  const Record* record = context.db.Find(key, context.now_ms, Access::kWrite);
  if (record == nullptr || !record->has_expiry()) return context.reply.Integer(0);
  context.db.SetExpiry(key, keyspace::kNoExpiry);
  context.reply.Integer(1);
}

}  // namespace

void RegisterExpiry(HandlerTable& handlers) {
  handlers.Register("expire", Expire);
  handlers.Register("pexpire", Pexpire);
  handlers.Register("expireat", Expireat);
  handlers.Register("pexpireat", Pexpireat);
  handlers.Register("ttl", Ttl);
  handlers.Register("pttl", Pttl);
  handlers.Register("expiretime", Expiretime);
  handlers.Register("pexpiretime", Pexpiretime);
  handlers.Register("persist", Persist);
}

}  // namespace keyway::shard::commands
