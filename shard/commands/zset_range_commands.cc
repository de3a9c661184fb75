// Sorted sets: ZRANGE, the commands that it has replaced, and ZRANGESTORE.
#include <algorithm>
#include <utility>

#include "shard/commands/zset_arguments.h"
#include "shard/commands/zset_commands.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;
using types::RankSpan;
using types::Zset;
using types::ZsetView;

namespace {

enum class By : uint8_t { kAny, kRank, kScore, kLex };
enum class Direction : uint8_t { kAny, kForward, kReverse };

// kAny: for the client to choose.
struct RangeCommand {
  By by = By::kAny;
  Direction direction = Direction::kAny;
  bool store = false;  // the first key is the destination
};

struct RangeRequest {
  By by;
  bool reverse;
  bool store;
  bool with_scores = false;
  int64_t offset = 0;
  int64_t limit = -1;  // negative: none
  int64_t start = 0;
  int64_t stop = 0;
  types::ScoreRange scores;
  types::LexRange members;
};

bool ReadOptions(CommandContext& context, size_t first, RangeCommand command,
                 RangeRequest* request) {
  for (size_t i = first; i < context.args.size(); ++i) {
    const std::string_view word = context.args[i];
    if (!command.store && Is(word, "WITHSCORES")) {
      request->with_scores = true;
    } else if (Is(word, "LIMIT") && i + 2 < context.args.size()) {
      if (!ReadInteger(context, context.args[i + 1], &request->offset)) return false;
      if (!ReadInteger(context, context.args[i + 2], &request->limit)) return false;
      i += 2;
    } else if (command.direction == Direction::kAny && Is(word, "REV")) {
      command.direction = Direction::kReverse;
    } else if (command.by == By::kAny && Is(word, "BYLEX")) {
      command.by = By::kLex;
    } else if (command.by == By::kAny && Is(word, "BYSCORE")) {
      command.by = By::kScore;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  request->by = command.by == By::kAny ? By::kRank : command.by;
  request->reverse = command.direction == Direction::kReverse;
  request->store = command.store;
  if (request->limit != -1 && request->by == By::kRank) {
    context.reply.Error(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
    return false;
  }
  if (request->with_scores && request->by == By::kLex) {
    context.reply.Error("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    return false;
  }
  return true;
}

bool ReadRange(CommandContext& context, size_t first, RangeRequest* request) {
  std::string_view min = context.args[first];
  std::string_view max = context.args[first + 1];
  if (request->by == By::kRank) {
    return ReadInteger(context, min, &request->start) && ReadInteger(context, max, &request->stop);
  }
  if (request->reverse) std::swap(min, max);
  return request->by == By::kScore ? ReadScoreRange(context, min, max, &request->scores)
                                   : ReadLexRange(context, min, max, &request->members);
}

// The part of `span` that LIMIT leaves, counted from its end with `reverse`.
RankSpan Limited(RankSpan span, const RangeRequest& request) {
  // A negative offset is never reached.
  if (request.offset < 0 || static_cast<uint64_t>(request.offset) >= span.size()) return {};
  const auto offset = static_cast<size_t>(request.offset);
  size_t size = span.size() - offset;
  if (request.limit >= 0) size = std::min(size, static_cast<size_t>(request.limit));
  if (request.reverse) return {span.end - offset - size, span.end - offset};
  return {span.begin + offset, span.begin + offset + size};
}

RankSpan SpanOf(const ZsetView& zset, const RangeRequest& request) {
  switch (request.by) {
    case By::kScore:
      return Limited(zset.Span(request.scores), request);
    case By::kLex:
      return Limited(zset.Span(request.members, request.reverse), request);
    case By::kAny:
    case By::kRank:
      break;
  }
  const RankSpan span = types::SpanOfIndexes(request.start, request.stop, zset.size());
  if (!request.reverse || span.empty()) return span;
  return {zset.size() - span.end, zset.size() - span.begin};
}

void StoreRange(CommandContext& context, const Record* record, const RangeRequest& request) {
  const types::ZsetLimits limits = ZsetLimitsOf(context);
  const RankSpan span = record == nullptr ? RankSpan() : SpanOf(ZsetView(*record), request);
  Zset result = Zset::ForMembers(span.size(), limits);
  if (record != nullptr) {
    ZsetView(*record).ForEach(span, false, [&](const types::ZsetElement& element) {
      double score = element.score();
      result.Add(element.member(), &score, {}, limits);
    });
  }
  const size_t size = types::StoreZset(context.db, Key(context.args[1]), std::move(result),
                                       context.now_ms, Event::kZRangeStore);
  context.reply.Integer(static_cast<int64_t>(size));
}

void Range(CommandContext& context, const RangeCommand& command) {
  const size_t key_index = command.store ? 2 : 1;
  RangeRequest request{};
  request.limit = -1;
  if (!ReadOptions(context, key_index + 3, command, &request)) return;
  if (!ReadRange(context, key_index + 1, &request)) return;
  const Record* record;
  if (!FindZset(context, Key(context.args[key_index]), Access::kRead, &record)) return;
  if (command.store) return StoreRange(context, record, request);
  if (record == nullptr) return context.reply.ArrayHeader(0);
  const ZsetView zset(*record);
  ReplySpan(context, zset, SpanOf(zset, request), request.reverse, request.with_scores);
}

void Zrange(CommandContext& context) {
  Range(context, {});
}

void Zrangestore(CommandContext& context) {
  Range(context, {.store = true});
}

void Zrevrange(CommandContext& context) {
  Range(context, {.by = By::kRank, .direction = Direction::kReverse});
}

void Zrangebyscore(CommandContext& context) {
  Range(context, {.by = By::kScore, .direction = Direction::kForward});
}

void Zrevrangebyscore(CommandContext& context) {
  Range(context, {.by = By::kScore, .direction = Direction::kReverse});
}

void Zrangebylex(CommandContext& context) {
  Range(context, {.by = By::kLex, .direction = Direction::kForward});
}

void Zrevrangebylex(CommandContext& context) {
  Range(context, {.by = By::kLex, .direction = Direction::kReverse});
}

}  // namespace

void RegisterZsetRange(HandlerTable& handlers) {
  handlers.Register("zrange", Zrange);
  handlers.Register("zrangestore", Zrangestore);
  handlers.Register("zrevrange", Zrevrange);
  handlers.Register("zrangebyscore", Zrangebyscore);
  handlers.Register("zrevrangebyscore", Zrevrangebyscore);
  handlers.Register("zrangebylex", Zrangebylex);
  handlers.Register("zrevrangebylex", Zrevrangebylex);
}

}  // namespace keyway::shard::commands
