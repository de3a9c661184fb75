// Sorted sets: the commands that add and remove members.
#include <array>
#include <span>
#include <string>
#include <vector>

#include "shard/commands/zset_arguments.h"
#include "shard/commands/zset_commands.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;
using types::Zset;

namespace {

// What it did to all members.
struct AddOutcome {
  size_t added = 0;
  size_t updated = 0;
  bool refused = false;  // the last one
  bool nan = false;
  double score = 0;  // of the last one
};

bool ReadAddOptions(CommandContext& context, AddRequest* request) {
  Zset::AddOptions& options = request->options;
  for (; request->first < context.args.size(); ++request->first) {
    const std::string_view word = context.args[request->first];
    if (Is(word, "NX")) {
      options.only_new = true;
    } else if (Is(word, "XX")) {
      options.only_existing = true;
    } else if (Is(word, "GT")) {
      options.only_greater = true;
    } else if (Is(word, "LT")) {
      options.only_less = true;
    } else if (Is(word, "CH")) {
      request->count_updated = true;
    } else if (Is(word, "INCR")) {
      options.increment = true;
    } else {
      break;
    }
  }
  const size_t left = context.args.size() - request->first;
  std::string_view error;
  if (left == 0 || left % 2 != 0) {
    error = kSyntaxError;
  } else if (options.only_new && options.only_existing) {
    error = "ERR XX and NX options at the same time are not compatible";
  } else if ((options.only_greater && options.only_new) ||
             (options.only_less && options.only_new) ||
             (options.only_greater && options.only_less)) {
    error = "ERR GT, LT, and/or NX options at the same time are not compatible";
  } else if (options.increment && left > 2) {
    error = "ERR INCR option supports a single increment-element pair";
  }
  if (error.empty()) return true;
  context.reply.Error(error);
  return false;
}

size_t AddAll(const AddRequest& request, const types::ZsetLimits& limits, Zset& zset,
              AddOutcome* outcome) {
  for (const auto& [score, member] : request.members) {
    outcome->score = score;
    const Zset::AddResult result = zset.Add(member, &outcome->score, request.options, limits);
    outcome->refused = result == Zset::AddResult::kRefused;
    outcome->nan = result == Zset::AddResult::kNan;
    if (result == Zset::AddResult::kAdded) ++outcome->added;
    if (result == Zset::AddResult::kUpdated) ++outcome->updated;
  }
  return outcome->added + outcome->updated;
}

}  // namespace

void AddToZset(CommandContext& context, const AddRequest& request) {
  const Key key(context.args[1]);
  const Record* record;
  if (!FindZset(context, key, Access::kWrite, &record)) return;
  const Event event = request.options.increment ? Event::kZIncr : Event::kZAdd;
  const types::ZsetLimits limits = ZsetLimitsOf(context);
  AddOutcome outcome;
  if (record != nullptr) {
    types::ChangeZset(context.db, key, record, event,
                      [&](Zset& zset) { return AddAll(request, limits, zset, &outcome); });
  } else if (request.options.only_existing) {
    outcome.refused = true;
  } else {
    Zset zset = Zset::ForFirstMember(request.members.front().member.size(), limits);
    const size_t changes = AddAll(request, limits, zset, &outcome);
    context.db.Set(key, zset.Release(), keyspace::kNoExpiry, context.now_ms, event);
    context.db.CountMoreChanges(changes - 1);
  }
  if (!request.options.increment) {
    const size_t counted = outcome.added + (request.count_updated ? outcome.updated : 0);
    context.reply.Integer(static_cast<int64_t>(counted));
  } else if (outcome.nan) {
    context.reply.Error("ERR resulting score is not a number (NaN)");
  } else if (outcome.refused) {
    context.reply.Null();
  } else {
    context.reply.Double(outcome.score);
  }
}

namespace {

// Reads the scores, then adds: nothing happens if one of them is wrong.
void ReadScoresAndAdd(CommandContext& context, AddRequest* request) {
  const size_t count = (context.args.size() - request->first) / 2;
  std::array<ScoredMember, 8> few;
  std::vector<ScoredMember> many;
  if (count > few.size()) many.resize(count);
  const std::span<ScoredMember> members(count > few.size() ? many.data() : few.data(), count);
  size_t i = request->first;
  for (ScoredMember& member : members) {
    if (!ReadScore(context, context.args[i], &member.score)) return;
    member.member = context.args[i + 1];
    i += 2;
  }
  request->members = members;
  AddToZset(context, *request);
}

void Zadd(CommandContext& context) {
  AddRequest request;
  if (ReadAddOptions(context, &request)) ReadScoresAndAdd(context, &request);
}

void Zincrby(CommandContext& context) {
  AddRequest request;
  request.options.increment = true;
  ReadScoresAndAdd(context, &request);
}

void Zrem(CommandContext& context) {
  const Key key(context.args[1]);
  const Record* record;
  if (!FindZset(context, key, Access::kWrite, &record)) return;
  if (record == nullptr) return context.reply.Integer(0);
  const size_t removed = types::ChangeZset(context.db, key, record, Event::kZRem, [&](Zset& zset) {
    size_t count = 0;
    for (std::string_view member : context.args.subspan(2)) {
      if (zset.Remove(member)) ++count;
    }
    return count;
  });
  context.reply.Integer(static_cast<int64_t>(removed));
}

// `to_span(const ZsetView&)` says what to remove.
template <typename ToSpan>
void RemoveRange(CommandContext& context, Event event, ToSpan&& to_span) {
  const Key key(context.args[1]);
  const Record* record;
  if (!FindZset(context, key, Access::kWrite, &record)) return;
  if (record == nullptr) return context.reply.Integer(0);
  const types::RankSpan span = to_span(types::ZsetView(*record));
  if (!span.empty()) {
    types::ChangeZset(context.db, key, record, event, [&](Zset& zset) {
      zset.RemoveSpan(span);
      return span.size();
    });
  }
  context.reply.Integer(static_cast<int64_t>(span.size()));
}

void Zremrangebyrank(CommandContext& context) {
  int64_t start;
  int64_t stop;
  if (!ReadInteger(context, context.args[2], &start)) return;
  if (!ReadInteger(context, context.args[3], &stop)) return;
  RemoveRange(context, Event::kZRemByRank, [&](const types::ZsetView& zset) {
    return types::SpanOfIndexes(start, stop, zset.size());
  });
}

void Zremrangebyscore(CommandContext& context) {
  types::ScoreRange range;
  if (!ReadScoreRange(context, context.args[2], context.args[3], &range)) return;
  RemoveRange(context, Event::kZRemByScore,
              [&](const types::ZsetView& zset) { return zset.Span(range); });
}

void Zremrangebylex(CommandContext& context) {
  types::LexRange range;
  if (!ReadLexRange(context, context.args[2], context.args[3], &range)) return;
  RemoveRange(context, Event::kZRemByLex,
              [&](const types::ZsetView& zset) { return zset.Span(range); });
}

}  // namespace

void RegisterZsetWrite(HandlerTable& handlers) {
  handlers.Register("zadd", Zadd);
  handlers.Register("zincrby", Zincrby);
  handlers.Register("zrem", Zrem);
  handlers.Register("zremrangebyrank", Zremrangebyrank);
  handlers.Register("zremrangebyscore", Zremrangebyscore);
  handlers.Register("zremrangebylex", Zremrangebylex);
}

}  // namespace keyway::shard::commands
