// SET, GET and their relatives, APPEND, ranges, and several keys at once.
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/lcs_command.h"
#include "shard/commands/number_commands.h"
#include "shard/commands/register_keyspace_commands.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/server/effects.h"
#include "shard/types/string.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;
using types::StringBytes;

namespace {

// The options of SET and GETEX.
struct Options {
  bool nx = false;
  bool xx = false;
  bool get = false;
  bool keep_ttl = false;
  bool persist = false;
  std::optional<ExpiryArgument> expiry;
  std::string_view expiry_word;
};

// Takes "EX seconds" or one of its relatives at `index`, whose number then is the next argument.
// The same word may come again, another one may not.
bool TakeExpiry(std::span<const std::string_view> args, size_t* index, Options* options) {
  struct Word {
    std::string_view text;
    bool in_seconds;
    bool from_now;
  };
  constexpr Word kWords[] = {
      {"EX", true, true}, {"PX", false, true}, {"EXAT", true, false}, {"PXAT", false, false}};
  for (const Word& word : kWords) {
    if (!Is(args[*index], word.text)) continue;
    if (options->keep_ttl || options->persist || *index + 1 == args.size()) return false;
    if (options->expiry.has_value() && options->expiry_word != word.text) return false;
    options->expiry = ExpiryArgument{args[*index + 1], word.in_seconds, word.from_now};
    options->expiry_word = word.text;
    ++*index;
    return true;
  }
  return false;
}

bool ReadOptions(CommandContext& context, size_t first, bool is_set, Options* options) {
  for (size_t i = first; i < context.args.size(); ++i) {
    const std::string_view word = context.args[i];
    if (is_set && Is(word, "NX") && !options->xx) {
      options->nx = true;
    } else if (is_set && Is(word, "XX") && !options->nx) {
      options->xx = true;
    } else if (is_set && Is(word, "GET")) {
      options->get = true;
    } else if (is_set && Is(word, "KEEPTTL") && !options->expiry.has_value()) {
      options->keep_ttl = true;
    } else if (!is_set && Is(word, "PERSIST") && !options->expiry.has_value()) {
      options->persist = true;
    } else if (!TakeExpiry(context.args, &i, options)) {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

// Writes the value of the key, or null. Returns false after an error.
bool ReplyValue(CommandContext& context, const Record* record) {
  if (record == nullptr) {
    context.reply.Null();
    return true;
  }
  if (!CheckString(context, *record)) return false;
  context.reply.Bulk(StringBytes(*record).view());
  return true;
}

void Get(CommandContext& context) {
  ReplyValue(context, context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead));
}

void Store(CommandContext& context, const Key& key, std::string_view value, int64_t expiry_ms) {
  context.db.Set(key, types::EncodeString(value), expiry_ms, context.now_ms, Event::kSet);
}

// Elsewhere nothing depends on what is there already, or on the clock.
void ReplaceSet(CommandContext& context, const Options& options, int64_t expiry_ms) {
  const auto args = context.args;
  if (options.expiry.has_value()) {
    context.effects->Replace({"SET", args[1], args[2], "PXAT", expiry_ms});
  } else if (options.get) {
    std::vector<std::string_view> without_get(args.begin(), args.begin() + 3);
    for (const std::string_view word : args.subspan(3)) {
      if (!Is(word, "GET")) without_get.push_back(word);
    }
    context.effects->Replace(without_get);
  }
}

void Set(CommandContext& context) {
  const Key key(context.args[1]);
  if (context.args.size() == 3) {
    Store(context, key, context.args[2], keyspace::kNoExpiry);
    context.reply.Ok();
    return;
  }
  Options options;
  if (!ReadOptions(context, 3, true, &options)) return;
  int64_t expiry_ms = options.keep_ttl ? keyspace::kKeepExpiry : keyspace::kNoExpiry;
  if (options.expiry.has_value() && !ReadPositiveExpiry(context, *options.expiry, &expiry_ms)) {
    return;
  }
  if (options.get && !ReplyValue(context, context.db.Find(key, context.now_ms, Access::kRead))) {
    return;
  }
  if (options.nx || options.xx) {
    const bool exists = context.db.Find(key, context.now_ms, Access::kWrite) != nullptr;
    if (exists == options.nx) {
      if (!options.get) context.reply.Null();
      return;
    }
  }
  Store(context, key, context.args[2], expiry_ms);
  if (context.effects != nullptr) ReplaceSet(context, options, expiry_ms);
  if (!options.get) context.reply.Ok();
}

void Setnx(CommandContext& context) {
  const Key key(context.args[1]);
  if (context.db.Find(key, context.now_ms, Access::kWrite) != nullptr) {
    context.reply.Integer(0);
    return;
  }
  Store(context, key, context.args[2], keyspace::kNoExpiry);
  context.reply.Integer(1);
}

void SetWithTtl(CommandContext& context, bool in_seconds) {
  int64_t expiry_ms;
  if (!ReadPositiveExpiry(context, {context.args[2], in_seconds, true}, &expiry_ms)) return;
  Store(context, Key(context.args[1]), context.args[3], expiry_ms);
  if (context.effects != nullptr) {
    context.effects->Replace({"SET", context.args[1], context.args[3], "PXAT", expiry_ms});
  }
  context.reply.Ok();
}

void Setex(CommandContext& context) {
  SetWithTtl(context, true);
}

void Psetex(CommandContext& context) {
  SetWithTtl(context, false);
}

void Getset(CommandContext& context) {
  const Key key(context.args[1]);
  if (!ReplyValue(context, context.db.Find(key, context.now_ms, Access::kRead))) return;
  Store(context, key, context.args[2], keyspace::kNoExpiry);
  if (context.effects != nullptr) context.effects->Replace({"SET", key.text, context.args[2]});
}

void Getdel(CommandContext& context) {
  const Key key(context.args[1]);
  const Record* record = context.db.Find(key, context.now_ms, Access::kRead);
  if (!ReplyValue(context, record) || record == nullptr) return;
  const bool lazily = context.services.config.lazyfree_lazy_user_del;
  context.db.Delete(key, context.now_ms,
                    lazily ? keyspace::Reclaim::kLater : keyspace::Reclaim::kNow);
  if (context.effects != nullptr) context.effects->Replace({DeletionName(lazily), key.text});
}

void Getex(CommandContext& context) {
  Options options;
  if (!ReadOptions(context, 2, false, &options)) return;
  const Key key(context.args[1]);
  const Record* record = context.db.Find(key, context.now_ms, Access::kRead);
  if (record == nullptr) {
    context.reply.Null();
    return;
  }
  if (!CheckString(context, *record)) return;
  int64_t expiry_ms = keyspace::kNoExpiry;
  if (options.expiry.has_value() && !ReadPositiveExpiry(context, *options.expiry, &expiry_ms)) {
    return;
  }
  context.reply.Bulk(StringBytes(*record).view());
  if (options.expiry.has_value() && context.db.IsPast(expiry_ms, context.now_ms)) {
    const bool lazily = context.services.config.lazyfree_lazy_expire;
    context.db.Delete(key, context.now_ms,
                      lazily ? keyspace::Reclaim::kLater : keyspace::Reclaim::kNow);
    if (context.effects != nullptr) context.effects->Replace({DeletionName(lazily), key.text});
  } else if (options.expiry.has_value() || (options.persist && record->has_expiry())) {
    context.db.SetExpiry(key, expiry_ms);
    if (context.effects == nullptr) return;
    if (options.persist) {
      context.effects->Replace({"PERSIST", key.text});
    } else {
      context.effects->Replace({"PEXPIREAT", key.text, expiry_ms});
    }
  }
}

void Append(CommandContext& context) {
  const auto length = types::Append(context.db, Key(context.args[1]), context.args[2],
                                    static_cast<size_t>(MaxStringBytes(context)), context.now_ms);
  if (!length.ok()) return ReplyError(context, length.error());
  context.reply.Integer(static_cast<int64_t>(*length));
}

void Strlen(CommandContext& context) {
  const Record* record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead);
  if (record == nullptr) return context.reply.Integer(0);
  if (!CheckString(context, *record)) return;
  context.reply.Integer(static_cast<int64_t>(types::StringLength(*record)));
}

void Setrange(CommandContext& context) {
  int64_t offset;
  if (!ReadInteger(context, context.args[2], &offset)) return;
  if (offset < 0) return context.reply.Error("ERR offset is out of range");
  const auto length = types::SetRange(
      context.db, Key(context.args[1]), static_cast<size_t>(offset), context.args[3],
      static_cast<size_t>(MaxStringBytes(context)), context.now_ms);
  if (!length.ok()) return ReplyError(context, length.error());
  context.reply.Integer(static_cast<int64_t>(*length));
}

void Getrange(CommandContext& context) {
  int64_t start;
  int64_t end;
  if (!ReadInteger(context, context.args[2], &start)) return;
  if (!ReadInteger(context, context.args[3], &end)) return;
  const Record* record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead);
  if (record == nullptr) return context.reply.Bulk("");
  if (!CheckString(context, *record)) return;
  context.reply.Bulk(types::Substring(StringBytes(*record).view(), start, end));
}

void Mget(CommandContext& context) {
  context.reply.ArrayHeader(context.args.size() - 1);
  for (std::string_view name : context.args.subspan(1)) {
    const Record* record = context.db.Find(Key(name), context.now_ms, Access::kRead);
    if (record == nullptr || record->type() != keyspace::Type::kString) {
      context.reply.Null();
    } else {
      context.reply.Bulk(StringBytes(*record).view());
    }
  }
}

bool CheckPairs(CommandContext& context) {
  if (context.args.size() % 2 == 1) return true;
  context.reply.Error("ERR wrong number of arguments for '" + context.command.full_name +
                      "' command");
  return false;
}

void StorePairs(CommandContext& context) {
  for (size_t i = 1; i < context.args.size(); i += 2) {
    Store(context, Key(context.args[i]), context.args[i + 1], keyspace::kNoExpiry);
  }
}

void Mset(CommandContext& context) {
  if (!CheckPairs(context)) return;
  StorePairs(context);
  context.reply.Ok();
}

void Msetnx(CommandContext& context) {
  if (!CheckPairs(context)) return;
  for (size_t i = 1; i < context.args.size(); i += 2) {
    if (context.db.Find(Key(context.args[i]), context.now_ms, Access::kWrite) != nullptr) {
      return context.reply.Integer(0);
    }
  }
  StorePairs(context);
  context.reply.Integer(1);
}

}  // namespace

void RegisterString(HandlerTable& handlers) {
  handlers.Register("get", Get);
  handlers.Register("set", Set);
  handlers.Register("setnx", Setnx);
  handlers.Register("setex", Setex);
  handlers.Register("psetex", Psetex);
  handlers.Register("getset", Getset);
  handlers.Register("getdel", Getdel);
  handlers.Register("getex", Getex);
  handlers.Register("append", Append);
  handlers.Register("strlen", Strlen);
  handlers.Register("setrange", Setrange);
  handlers.Register("getrange", Getrange);
  handlers.Register("substr", Getrange);
  handlers.Register("mget", Mget);
  handlers.Register("mset", Mset);
  handlers.Register("msetnx", Msetnx);
  RegisterNumber(handlers);
  RegisterLcs(handlers);
}

}  // namespace keyway::shard::commands
