// Sorted sets: the commands that take the first or last members, and wait for them.
#include <algorithm>
#include <span>

#include "shard/commands/zset_arguments.h"
#include "shard/commands/zset_commands.h"
#include "shard/server/blocking.h"
#include "shard/server/effects.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;
using types::RankSpan;
using types::Zset;
using types::ZsetView;

namespace {

enum class End : uint8_t { kMin, kMax };

RankSpan SpanAt(End end, size_t count, size_t size) {
  count = std::min(count, size);
  return end == End::kMin ? RankSpan{0, count} : RankSpan{size - count, size};
}

// Removes what has been shown to the client.
void RemovePopped(CommandContext& context, const Key& key, const Record* record, End end,
                  RankSpan span) {
  types::ChangeZset(context.db, key, record, end == End::kMin ? Event::kZPopMin : Event::kZPopMax,
                    [&](Zset& zset) {
                      zset.RemoveSpan(span);
                      return span.size();
                    });
}

const char* PopName(End end) {
  return end == End::kMin ? "ZPOPMIN" : "ZPOPMAX";
}

// Writes [[member, score], ...] and removes them. Returns how many.
size_t PopPairs(CommandContext& context, const Key& key, const Record* record, End end,
                size_t count) {
  const ZsetView zset(*record);
  const RankSpan span = SpanAt(end, count, zset.size());
  context.reply.ArrayHeader(span.size());
  zset.ForEach(span, end == End::kMax, [&](const types::ZsetElement& element) {
    context.reply.ArrayHeader(2);
    context.reply.Bulk(element.member());
    context.reply.Double(element.score());
  });
  RemovePopped(context, key, record, end, span);
  return span.size();
}

// Writes member and score of one, without a header, and removes it.
void PopOne(CommandContext& context, const Key& key, const Record* record, End end) {
  const ZsetView zset(*record);
  const RankSpan span = SpanAt(end, 1, zset.size());
  zset.ForEach(span, false, [&](const types::ZsetElement& element) {
    context.reply.Bulk(element.member());
    context.reply.Double(element.score());
  });
  RemovePopped(context, key, record, end, span);
}

void Pop(CommandContext& context, End end) {
  if (context.args.size() > 3) return context.reply.Error(kSyntaxError);
  int64_t count = 1;
  const bool has_count = context.args.size() == 3;
  if (has_count && (!types::ParseInteger(context.args[2], &count) || count < 0)) {
    return context.reply.Error("ERR value is out of range, must be positive");
  }
  const Key key(context.args[1]);
  const Record* record;
  if (!FindZset(context, key, Access::kWrite, &record)) return;
  if (record == nullptr || count == 0) return context.reply.ArrayHeader(0);
  if (has_count && context.reply.version() == resp::Version::kResp3) {
    PopPairs(context, key, record, end, static_cast<size_t>(count));
    return;
  }
  const ZsetView zset(*record);
  const RankSpan span = SpanAt(end, static_cast<size_t>(count), zset.size());
  context.reply.ArrayHeader(span.size() * 2);
  zset.ForEach(span, end == End::kMax, [&](const types::ZsetElement& element) {
    context.reply.Bulk(element.member());
    context.reply.Double(element.score());
  });
  RemovePopped(context, key, record, end, span);
}

void Zpopmin(CommandContext& context) {
  Pop(context, End::kMin);
}

void Zpopmax(CommandContext& context) {
  Pop(context, End::kMax);
}

// *found: the first of the keys that has members, nullptr if none has. Fails at one of another
// type.
bool FindFirst(CommandContext& context, std::span<const std::string_view> keys,
               const Record** found, std::string_view* found_key) {
  *found = nullptr;
  for (std::string_view name : keys) {
    if (!context.MayServe(name)) continue;
    if (!FindZset(context, Key(name), Access::kWrite, found)) return false;
    *found_key = name;
    if (*found != nullptr) return true;
  }
  return true;
}

struct MultiPop {
  std::span<const std::string_view> keys;
  End end = End::kMin;
  int64_t count = 1;
};

// "numkeys key ... MIN|MAX [COUNT count]" from the argument `first` on.
bool ReadMultiPop(CommandContext& context, size_t first, MultiPop* request) {
  const auto args = context.args;
  int64_t keys;
  if (!types::ParseInteger(args[first], &keys) || keys < 1) {
    context.reply.Error("ERR numkeys should be greater than 0");
    return false;
  }
  // The word behind the keys must be there.
  if (static_cast<uint64_t>(keys) >= args.size() - first - 1) {
    context.reply.Error(kSyntaxError);
    return false;
  }
  request->keys = args.subspan(first + 1, static_cast<size_t>(keys));
  size_t i = first + 1 + static_cast<size_t>(keys);
  if (!Is(args[i], "MIN") && !Is(args[i], "MAX")) {
    context.reply.Error(kSyntaxError);
    return false;
  }
  request->end = Is(args[i], "MIN") ? End::kMin : End::kMax;
  ++i;
  if (i == args.size()) return true;
  if (!Is(args[i], "COUNT") || i + 1 == args.size()) {
    context.reply.Error(kSyntaxError);
    return false;
  }
  if (!types::ParseInteger(args[i + 1], &request->count) || request->count < 1) {
    context.reply.Error("ERR count should be greater than 0");
    return false;
  }
  if (i + 2 == args.size()) return true;
  context.reply.Error(kSyntaxError);
  return false;
}

// Whether it has replied, if only with an error.
bool TryMultiPop(CommandContext& context, const MultiPop& request) {
  const Record* record;
  std::string_view name;
  if (!FindFirst(context, request.keys, &record, &name)) return true;
  if (record == nullptr) return false;
  context.reply.ArrayHeader(2);
  context.reply.Bulk(name);
  const size_t popped =
      PopPairs(context, Key(name), record, request.end, static_cast<size_t>(request.count));
  if (context.effects != nullptr) {
    context.effects->Replace({PopName(request.end), name, static_cast<int64_t>(popped)});
  }
  return true;
}

void Zmpop(CommandContext& context) {
  MultiPop request;
  if (!ReadMultiPop(context, 1, &request)) return;
  if (!TryMultiPop(context, request)) context.reply.NullArray();
}

void WaitFor(CommandContext& context, std::span<const std::string_view> keys, int64_t timeout_ms) {
  context.services.blocking->Block(context, {.keys = keys,
                                             .type = keyspace::Type::kZset,
                                             .timeout_ms = timeout_ms,
                                             .on_timeout = Blocking::OnTimeout::kNullArray});
}

void Bzmpop(CommandContext& context) {
  MultiPop request;
  if (!ReadMultiPop(context, 2, &request)) return;
  int64_t timeout_ms;
  if (!ReadTimeoutSeconds(context, context.args[1], &timeout_ms)) return;
  if (!TryMultiPop(context, request)) WaitFor(context, request.keys, timeout_ms);
}

void BlockingPop(CommandContext& context, End end) {
  int64_t timeout_ms;
  if (!ReadTimeoutSeconds(context, context.args.back(), &timeout_ms)) return;
  const auto keys = context.args.subspan(1, context.args.size() - 2);
  const Record* record;
  std::string_view name;
  if (!FindFirst(context, keys, &record, &name)) return;
  if (record == nullptr) return WaitFor(context, keys, timeout_ms);
  context.reply.ArrayHeader(3);
  context.reply.Bulk(name);
  PopOne(context, Key(name), record, end);
  if (context.effects != nullptr) context.effects->Replace({PopName(end), name});
}

void Bzpopmin(CommandContext& context) {
  BlockingPop(context, End::kMin);
}

void Bzpopmax(CommandContext& context) {
  BlockingPop(context, End::kMax);
}

}  // namespace

void RegisterZsetPop(HandlerTable& handlers) {
  handlers.Register("zpopmin", Zpopmin);
  handlers.Register("zpopmax", Zpopmax);
  handlers.Register("zmpop", Zmpop);
  handlers.Register("bzpopmin", Bzpopmin);
  handlers.Register("bzpopmax", Bzpopmax);
  handlers.Register("bzmpop", Bzmpop);
}

}  // namespace keyway::shard::commands
