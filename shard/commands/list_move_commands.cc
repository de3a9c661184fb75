// Commands that move elements from list to list or pop them from the first of several lists, and
// those of them that wait when there are none.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "shard/commands/list_commands.h"
#include "shard/server/blocking.h"
#include "shard/server/effects.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using types::ListEnd;
using types::ListOf;
using types::Quicklist;

namespace {

bool ReadEnd(CommandContext& context, std::string_view argument, ListEnd* end) {
  const bool left = Is(argument, "LEFT");
  if (!left && !Is(argument, "RIGHT")) {
    context.reply.Error(kSyntaxError);
    return false;
  }
  *end = left ? ListEnd::kHead : ListEnd::kTail;
  return true;
}

// Moves an element between the lists of the first two arguments and replies it. Returns false,
// without a reply, if there is none, or it is another key's turn.
bool Move(CommandContext& context, ListEnd from, ListEnd to) {
  const Key source_key(context.args[1]);
  if (!context.MayServe(source_key.text)) return false;
  const Record* source;
  if (!FindList(context, source_key, Access::kWrite, &source)) return true;
  if (source == nullptr) return false;
  const Key destination_key(context.args[2]);
  const Record* destination;
  if (!FindList(context, destination_key, Access::kWrite, &destination)) return true;
  const Quicklist& list = ListOf(*source);
  ReplyElement(context, list.At(list.Begin(from)));
  types::MoveInList(context.db, {source_key, *source, from, destination_key, destination, to},
                    NewListOptions(context), context.now_ms);
  return true;
}

// BLMOVE or BRPOPLPUSH has moved an element. After a wait Redis names the ends in its own words.
void ReplaceBlockingMove(CommandContext& context) {
  const auto args = context.args;
  if (args.size() == 4) {
    context.effects->Replace({"RPOPLPUSH", args[1], args[2]});
  } else if (context.ready_key == nullptr) {
    context.effects->Replace({"LMOVE", args[1], args[2], args[3], args[4]});
  } else {
    const auto word = [](std::string_view end) { return Is(end, "LEFT") ? "left" : "right"; };
    context.effects->Replace({"LMOVE", args[1], args[2], word(args[3]), word(args[4])});
  }
}

void BlockingMove(CommandContext& context, ListEnd from, ListEnd to, std::string_view timeout) {
  int64_t timeout_ms;
  if (!ReadTimeoutSeconds(context, timeout, &timeout_ms)) return;
  if (Move(context, from, to)) {
    if (context.effects != nullptr && context.effects->changed()) ReplaceBlockingMove(context);
    return;
  }
  // Unlike the end of the wait, which is a null array.
  if (!context.may_block) return context.reply.Null();
  context.services.blocking->Block(context, {.keys = context.args.subspan(1, 1),
                                             .type = keyspace::Type::kList,
                                             .timeout_ms = timeout_ms,
                                             .on_timeout = Blocking::OnTimeout::kNullArray});
}

void Lmove(CommandContext& context) {
  ListEnd from;
  ListEnd to;
  if (!ReadEnd(context, context.args[3], &from) || !ReadEnd(context, context.args[4], &to)) return;
  if (!Move(context, from, to)) context.reply.Null();
}

void Rpoplpush(CommandContext& context) {
  if (!Move(context, ListEnd::kTail, ListEnd::kHead)) context.reply.Null();
}

void Blmove(CommandContext& context) {
  ListEnd from;
  ListEnd to;
  if (!ReadEnd(context, context.args[3], &from) || !ReadEnd(context, context.args[4], &to)) return;
  BlockingMove(context, from, to, context.args[5]);
}

void Brpoplpush(CommandContext& context) {
  BlockingMove(context, ListEnd::kTail, ListEnd::kHead, context.args[3]);
}

// The first of `keys` that holds a list, nullptr if none does or it is another key's turn. Returns
// false after an error.
bool FindFirst(CommandContext& context, std::span<const std::string_view> keys,
               std::string_view* found, const Record** record) {
  *record = nullptr;
  for (const std::string_view key : keys) {
    if (!context.MayServe(key)) continue;
    if (!FindList(context, Key(key), Access::kWrite, record)) return false;
    if (*record == nullptr) continue;
    *found = key;
    return true;
  }
  return true;
}

void Block(CommandContext& context, std::span<const std::string_view> keys, int64_t timeout_ms) {
  context.services.blocking->Block(context, {.keys = keys,
                                             .type = keyspace::Type::kList,
                                             .timeout_ms = timeout_ms,
                                             .on_timeout = Blocking::OnTimeout::kNullArray});
}

const char* PopName(ListEnd end) {
  return end == ListEnd::kHead ? "LPOP" : "RPOP";
}

void BlockingPop(CommandContext& context, ListEnd end) {
  int64_t timeout_ms;
  if (!ReadTimeoutSeconds(context, context.args.back(), &timeout_ms)) return;
  const auto keys = context.args.subspan(1, context.args.size() - 2);
  std::string_view key;
  const Record* record;
  if (!FindFirst(context, keys, &key, &record)) return;
  if (record == nullptr) return Block(context, keys, timeout_ms);
  const Quicklist& list = ListOf(*record);
  context.reply.ArrayHeader(2);
  context.reply.Bulk(key);
  ReplyElement(context, list.At(list.Begin(end)));
  types::PopFromList(context.db, Key(key), *record, end, 1);
  if (context.effects != nullptr) context.effects->Replace({PopName(end), key});
}

void Blpop(CommandContext& context) {
  BlockingPop(context, ListEnd::kHead);
}

void Brpop(CommandContext& context) {
  BlockingPop(context, ListEnd::kTail);
}

// The arguments of LMPOP behind the timeout: numkeys key ... LEFT|RIGHT [COUNT count].
struct MultiPop {
  std::span<const std::string_view> keys;
  ListEnd end = ListEnd::kHead;
  int64_t count = 1;
};

bool ReadPositive(CommandContext& context, std::string_view argument, std::string_view error,
                  int64_t* value) {
  if (types::ParseInteger(argument, value) && *value > 0) return true;
  context.reply.Error(error);
  return false;
}

bool ReadMultiPop(CommandContext& context, size_t first, MultiPop* pop) {
  const auto args = context.args.subspan(first);
  int64_t key_count;
  if (!ReadPositive(context, args[0], "ERR numkeys should be greater than 0", &key_count)) {
    return false;
  }
  // The word behind the keys must be there.
  if (static_cast<uint64_t>(key_count) >= args.size() - 1) {
    context.reply.Error(kSyntaxError);
    return false;
  }
  pop->keys = args.subspan(1, static_cast<size_t>(key_count));
  const auto rest = args.subspan(1 + pop->keys.size());
  if (!ReadEnd(context, rest[0], &pop->end)) return false;
  if (rest.size() == 1) return true;
  if (!Is(rest[1], "COUNT") || rest.size() < 3) {
    context.reply.Error(kSyntaxError);
    return false;
  }
  if (!ReadPositive(context, rest[2], "ERR count should be greater than 0", &pop->count)) {
    return false;
  }
  if (rest.size() == 3) return true;
  context.reply.Error(kSyntaxError);
  return false;
}

// Returns false, without a reply, if there is nothing to pop.
bool PopFromFirst(CommandContext& context, const MultiPop& pop) {
  std::string_view key;
  const Record* record;
  if (!FindFirst(context, pop.keys, &key, &record)) return true;
  if (record == nullptr) return false;
  const Quicklist& list = ListOf(*record);
  const size_t count = std::min(static_cast<size_t>(pop.count), list.size());
  context.reply.ArrayHeader(2);
  context.reply.Bulk(key);
  ReplyElements(context, list, list.Begin(pop.end), pop.end, count);
  types::PopFromList(context.db, Key(key), *record, pop.end, count);
  if (context.effects != nullptr) {
    context.effects->Replace({PopName(pop.end), key, static_cast<int64_t>(count)});
  }
  return true;
}

void Lmpop(CommandContext& context) {
  MultiPop pop;
  if (!ReadMultiPop(context, 1, &pop)) return;
  if (!PopFromFirst(context, pop)) context.reply.NullArray();
}

void Blmpop(CommandContext& context) {
  int64_t timeout_ms;
  MultiPop pop;
  if (!ReadMultiPop(context, 2, &pop)) return;
  if (!ReadTimeoutSeconds(context, context.args[1], &timeout_ms)) return;
  if (!PopFromFirst(context, pop)) Block(context, pop.keys, timeout_ms);
}

}  // namespace

void RegisterListMoves(HandlerTable& handlers) {
  handlers.Register("lmove", Lmove);
  handlers.Register("rpoplpush", Rpoplpush);
  handlers.Register("lmpop", Lmpop);
  handlers.Register("blpop", Blpop);
  handlers.Register("brpop", Brpop);
  handlers.Register("blmove", Blmove);
  handlers.Register("brpoplpush", Brpoplpush);
  handlers.Register("blmpop", Blmpop);
}

}  // namespace keyway::shard::commands
