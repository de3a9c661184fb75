// Commands on one list: pushing, reading, changing its elements.
#include "shard/commands/list_commands.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "shard/config/shard_config.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using types::ListEnd;
using types::ListOf;
using types::Quicklist;

bool FindList(CommandContext& context, const Key& key, Access access, const Record** record) {
  *record = context.db.Find(key, context.now_ms, access);
  if (*record == nullptr || (*record)->type() == keyspace::Type::kList) return true;
  context.reply.Error(kWrongType);
  return false;
}

Quicklist::Options NewListOptions(const CommandContext& context) {
  const ShardConfig& config = context.services.config;
  const auto to_int = [](int64_t value) {
    return static_cast<int>(std::clamp<int64_t>(value, std::numeric_limits<int>::min(),
                                                std::numeric_limits<int>::max()));
  };
  return {.fill = to_int(config.list_max_listpack_size),
          .compress_depth = to_int(config.list_compress_depth)};
}

void ReplyElement(CommandContext& context, const types::ListpackView::Element& element) {
  if (element.is_integer) {
    context.reply.BulkInteger(element.integer);
  } else {
    context.reply.Bulk(element.bytes);
  }
}

void ReplyElements(CommandContext& context, const Quicklist& list, Quicklist::Cursor cursor,
                   ListEnd end, size_t count) {
  context.reply.ArrayHeader(count);
  for (; count > 0; --count, cursor = list.Step(cursor, end)) {
    ReplyElement(context, list.At(cursor));
  }
}

namespace {

// Of a count that may be any integer but must not be negative.
bool ReadNotNegative(CommandContext& context, std::string_view argument, std::string_view error,
                     int64_t* value) {
  if (types::ParseInteger(argument, value) && *value >= 0) return true;
  context.reply.Error(error);
  return false;
}

void Push(CommandContext& context, ListEnd end, bool only_if_exists) {
  const Key key(context.args[1]);
  const Record* record;
  if (!FindList(context, key, Access::kWrite, &record)) return;
  if (record == nullptr && only_if_exists) return context.reply.Integer(0);
  const size_t length = types::PushToList(context.db, key, record, end, context.args.subspan(2),
                                          NewListOptions(context), context.now_ms);
  context.reply.Integer(static_cast<int64_t>(length));
}

void Lpush(CommandContext& context) {
  Push(context, ListEnd::kHead, false);
}

void Rpush(CommandContext& context) {
  Push(context, ListEnd::kTail, false);
}

void Lpushx(CommandContext& context) {
  Push(context, ListEnd::kHead, true);
}

void Rpushx(CommandContext& context) {
  Push(context, ListEnd::kTail, true);
}

void Pop(CommandContext& context, ListEnd end) {
  const bool has_count = context.args.size() == 3;
  if (context.args.size() > 3) {
    return context.reply.Error("ERR wrong number of arguments for '" + context.command.full_name +
                               "' command");
  }
  int64_t count = 1;
  if (has_count && !ReadNotNegative(context, context.args[2],
                                    "ERR value is out of range, must be positive", &count)) {
    return;
  }
  const Key key(context.args[1]);
  const Record* record;
  if (!FindList(context, key, Access::kWrite, &record)) return;
  if (record == nullptr) return has_count ? context.reply.NullArray() : context.reply.Null();
  if (count == 0) return context.reply.ArrayHeader(0);
  const Quicklist& list = ListOf(*record);
  const size_t popped = std::min(static_cast<size_t>(count), list.size());
  if (has_count) {
    ReplyElements(context, list, list.Begin(end), end, popped);
  } else {
    ReplyElement(context, list.At(list.Begin(end)));
  }
  types::PopFromList(context.db, key, *record, end, popped);
}

void Lpop(CommandContext& context) {
  Pop(context, ListEnd::kHead);
}

void Rpop(CommandContext& context) {
  Pop(context, ListEnd::kTail);
}

void Llen(CommandContext& context) {
  const Record* record;
  if (!FindList(context, Key(context.args[1]), Access::kRead, &record)) return;
  context.reply.Integer(record == nullptr ? 0 : static_cast<int64_t>(ListOf(*record).size()));
}

void Lindex(CommandContext& context) {
  const Record* record;
  if (!FindList(context, Key(context.args[1]), Access::kRead, &record)) return;
  if (record == nullptr) return context.reply.Null();
  int64_t index;
  if (!ReadInteger(context, context.args[2], &index)) return;
  const Quicklist& list = ListOf(*record);
  const Quicklist::Cursor cursor = list.Seek(index);
  if (!cursor) return context.reply.Null();
  ReplyElement(context, list.At(cursor));
}

void Lset(CommandContext& context) {
  const Key key(context.args[1]);
  const Record* record;
  if (!FindList(context, key, Access::kWrite, &record)) return;
  if (record == nullptr) return context.reply.Error(kNoSuchKey);
  int64_t index;
  if (!ReadInteger(context, context.args[2], &index)) return;
  if (!types::SetInList(context.db, key, *record, index, context.args[3])) {
    return context.reply.Error("ERR index out of range");
  }
  context.reply.Ok();
}

void Linsert(CommandContext& context) {
  const bool after = Is(context.args[2], "AFTER");
  if (!after && !Is(context.args[2], "BEFORE")) return context.reply.Error(kSyntaxError);
  const Key key(context.args[1]);
  const Record* record;
  if (!FindList(context, key, Access::kWrite, &record)) return;
  if (record == nullptr) return context.reply.Integer(0);
  const auto length = static_cast<int64_t>(ListOf(*record).size());
  const bool inserted =
      types::InsertIntoList(context.db, key, *record, context.args[3], after, context.args[4]);
  context.reply.Integer(inserted ? length + 1 : -1);
}

void Lrange(CommandContext& context) {
  int64_t start;
  int64_t end;
  if (!ReadInteger(context, context.args[2], &start)) return;
  if (!ReadInteger(context, context.args[3], &end)) return;
  const Record* record;
  if (!FindList(context, Key(context.args[1]), Access::kRead, &record)) return;
  if (record == nullptr) return context.reply.ArrayHeader(0);
  const Quicklist& list = ListOf(*record);
  const types::ListRange range = types::ClampToList(start, end, list.size());
  ReplyElements(context, list, list.Seek(static_cast<int64_t>(range.first)), ListEnd::kHead,
                range.count);
}

void Lrem(CommandContext& context) {
  int64_t count;
  if (!ReadInteger(context, context.args[2], &count)) return;
  const Key key(context.args[1]);
  const Record* record;
  if (!FindList(context, key, Access::kWrite, &record)) return;
  if (record == nullptr) return context.reply.Integer(0);
  const size_t removed = types::RemoveFromList(context.db, key, *record, count, context.args[3]);
  context.reply.Integer(static_cast<int64_t>(removed));
}

void Ltrim(CommandContext& context) {
  int64_t start;
  int64_t end;
  if (!ReadInteger(context, context.args[2], &start)) return;
  if (!ReadInteger(context, context.args[3], &end)) return;
  const Key key(context.args[1]);
  const Record* record;
  if (!FindList(context, key, Access::kWrite, &record)) return;
  if (record != nullptr) types::TrimList(context.db, key, *record, start, end);
  context.reply.Ok();
}

struct LposOptions {
  int64_t rank = 1;
  std::optional<int64_t> count;
  int64_t max_compared = 0;
};

bool ReadRank(CommandContext& context, std::string_view argument, int64_t* rank) {
  if (!ReadInteger(context, argument, rank)) return false;
  if (*rank != 0) return true;
  context.reply.Error(
      "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
      "negative to start from the end of the list");
  return false;
}

bool ReadLposOptions(CommandContext& context, LposOptions* options) {
  for (size_t i = 3; i < context.args.size(); i += 2) {
    const std::string_view word = context.args[i];
    const bool has_value = i + 1 < context.args.size();
    if (has_value && Is(word, "RANK")) {
      if (!ReadRank(context, context.args[i + 1], &options->rank)) return false;
    } else if (has_value && Is(word, "COUNT")) {
      int64_t count;
      if (!ReadNotNegative(context, context.args[i + 1], "ERR COUNT can't be negative", &count)) {
        return false;
      }
      options->count = count;
    } else if (has_value && Is(word, "MAXLEN")) {
      if (!ReadNotNegative(context, context.args[i + 1], "ERR MAXLEN can't be negative",
                           &options->max_compared)) {
        return false;
      }
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  if (options->rank == std::numeric_limits<int64_t>::min()) {
    // It has no positive counterpart: for Redis every match is far enough, and never one too many.
    options->rank = -1;
    if (options->count.has_value()) options->count = 0;
  }
  return true;
}

void Lpos(CommandContext& context) {
  LposOptions options;
  if (!ReadLposOptions(context, &options)) return;
  const Record* record;
  if (!FindList(context, Key(context.args[1]), Access::kRead, &record)) return;
  if (record == nullptr) {
    return options.count.has_value() ? context.reply.ArrayHeader(0) : context.reply.Null();
  }
  constexpr size_t kAll = std::numeric_limits<size_t>::max();
  const auto limit = [](int64_t number) {
    return number == 0 ? kAll : static_cast<size_t>(number);
  };
  types::ListSearch search(ListOf(*record), context.args[2], options.rank,
                           limit(options.max_compared));
  if (!options.count.has_value()) {
    const std::optional<size_t> index = search.Next();
    if (!index.has_value()) return context.reply.Null();
    return context.reply.Integer(static_cast<int64_t>(*index));
  }
  const auto place = context.reply.BeginDeferred();
  size_t found = 0;
  for (const size_t most = limit(*options.count); found < most; ++found) {
    const std::optional<size_t> index = search.Next();
    if (!index.has_value()) break;
    context.reply.Integer(static_cast<int64_t>(*index));
  }
  context.reply.EndDeferredArray(place, found);
}

}  // namespace

void RegisterList(HandlerTable& handlers) {
  handlers.Register("lpush", Lpush);
  handlers.Register("rpush", Rpush);
  handlers.Register("lpushx", Lpushx);
  handlers.Register("rpushx", Rpushx);
  handlers.Register("lpop", Lpop);
  handlers.Register("rpop", Rpop);
  handlers.Register("llen", Llen);
  handlers.Register("lindex", Lindex);
  handlers.Register("lset", Lset);
  handlers.Register("linsert", Linsert);
  handlers.Register("lrange", Lrange);
  handlers.Register("lrem", Lrem);
  handlers.Register("ltrim", Ltrim);
  handlers.Register("lpos", Lpos);
  RegisterListMoves(handlers);
}

}  // namespace keyway::shard::commands
