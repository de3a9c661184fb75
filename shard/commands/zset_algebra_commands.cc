// Sorted sets: union, intersection and difference.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shard/commands/zset_arguments.h"
#include "shard/commands/zset_commands.h"
#include "shard/types/score.h"
#include "shard/types/zset_algebra.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;
using types::Aggregate;
using types::Zset;
using types::ZsetOperand;

namespace {

enum class Operation : uint8_t { kUnion, kIntersection, kDifference };

struct AlgebraRequest {
  std::vector<ZsetOperand> operands;
  size_t next = 0;  // the argument behind the keys
  Aggregate aggregate = Aggregate::kSum;
  bool with_scores = false;
};

// The keys behind their number, which is the argument `numkeys`.
bool ReadOperands(CommandContext& context, size_t numkeys, AlgebraRequest* request) {
  int64_t count;
  if (!ReadInteger(context, context.args[numkeys], &count)) return false;
  if (count < 1) {
    context.reply.Error("ERR at least 1 input key is needed for '" + context.command.full_name +
                        "' command");
    return false;
  }
  const size_t first = numkeys + 1;
  if (static_cast<uint64_t>(count) > context.args.size() - first) {
    context.reply.Error(kSyntaxError);
    return false;
  }
  request->next = first + static_cast<size_t>(count);
  // One that has expired goes with the first look at it, so that no record is held over that.
  for (size_t i = first; i < request->next; ++i) {
    const Record* record = context.db.Find(Key(context.args[i]), context.now_ms, Access::kRead);
    if (record != nullptr && !types::IsZsetOperand(*record)) {
      context.reply.Error(kWrongType);
      return false;
    }
    request->operands.push_back({.record = record});
  }
  return true;
}

bool ReadWeights(CommandContext& context, size_t first, AlgebraRequest* request) {
  for (size_t i = 0; i < request->operands.size(); ++i) {
    if (!types::ParseScore(context.args[first + i], &request->operands[i].weight)) {
      context.reply.Error("ERR weight value is not a float");
      return false;
    }
  }
  return true;
}

bool ReadAggregate(std::string_view word, Aggregate* aggregate) {
  if (Is(word, "SUM")) {
    *aggregate = Aggregate::kSum;
  } else if (Is(word, "MIN")) {
    *aggregate = Aggregate::kMin;
  } else if (Is(word, "MAX")) {
    *aggregate = Aggregate::kMax;
  } else {
    return false;
  }
  return true;
}

bool ReadOptions(CommandContext& context, Operation operation, bool store,
                 AlgebraRequest* request) {
  const bool has_aggregate = operation != Operation::kDifference;
  for (size_t i = request->next; i < context.args.size();) {
    const std::string_view word = context.args[i];
    const size_t left = context.args.size() - i - 1;
    if (has_aggregate && left >= request->operands.size() && Is(word, "WEIGHTS")) {
      if (!ReadWeights(context, i + 1, request)) return false;
      i += request->operands.size() + 1;
    } else if (has_aggregate && left >= 1 && Is(word, "AGGREGATE") &&
               ReadAggregate(context.args[i + 1], &request->aggregate)) {
      i += 2;
    } else if (!store && Is(word, "WITHSCORES")) {
      request->with_scores = true;
      ++i;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

std::unique_ptr<types::SortedSet> Compute(Operation operation, AlgebraRequest& request) {
  switch (operation) {
    case Operation::kUnion:
      return types::ZsetUnion(request.operands, request.aggregate);
    case Operation::kIntersection:
      return types::ZsetIntersection(request.operands, request.aggregate);
    case Operation::kDifference:
      break;
  }
  return types::ZsetDifference(request.operands);
}

void Combine(CommandContext& context, Operation operation) {
  AlgebraRequest request;
  if (!ReadOperands(context, 1, &request)) return;
  if (!ReadOptions(context, operation, false, &request)) return;
  const Zset result = Zset::Of(Compute(operation, request));
  ReplySpan(context, result, result.All(), false, request.with_scores);
}

void CombineAndStore(CommandContext& context, Operation operation, Event event) {
  AlgebraRequest request;
  if (!ReadOperands(context, 2, &request)) return;
  if (!ReadOptions(context, operation, true, &request)) return;
  Zset result = Zset::Of(Compute(operation, request));
  result.PackIfSmall(ZsetLimitsOf(context));
  const size_t size =
      types::StoreZset(context.db, Key(context.args[1]), std::move(result), context.now_ms, event);
  context.reply.Integer(static_cast<int64_t>(size));
}

void Zunion(CommandContext& context) {
  Combine(context, Operation::kUnion);
}

void Zinter(CommandContext& context) {
  Combine(context, Operation::kIntersection);
}

void Zdiff(CommandContext& context) {
  Combine(context, Operation::kDifference);
}

void Zunionstore(CommandContext& context) {
  CombineAndStore(context, Operation::kUnion, Event::kZUnionStore);
}

void Zinterstore(CommandContext& context) {
  CombineAndStore(context, Operation::kIntersection, Event::kZInterStore);
}

void Zdiffstore(CommandContext& context) {
  CombineAndStore(context, Operation::kDifference, Event::kZDiffStore);
}

void Zintercard(CommandContext& context) {
  AlgebraRequest request;
  if (!ReadOperands(context, 1, &request)) return;
  int64_t limit = 0;
  for (size_t i = request.next; i < context.args.size(); i += 2) {
    if (!Is(context.args[i], "LIMIT") || i + 1 == context.args.size()) {
      return context.reply.Error(kSyntaxError);
    }
    if (!types::ParseInteger(context.args[i + 1], &limit) || limit < 0) {
      return context.reply.Error("ERR LIMIT can't be negative");
    }
  }
  context.reply.Integer(static_cast<int64_t>(
      types::CountZsetIntersection(request.operands, static_cast<size_t>(limit))));
}

}  // namespace

void RegisterZsetAlgebra(HandlerTable& handlers) {
  handlers.Register("zunion", Zunion);
  handlers.Register("zinter", Zinter);
  handlers.Register("zdiff", Zdiff);
  handlers.Register("zunionstore", Zunionstore);
  handlers.Register("zinterstore", Zinterstore);
  handlers.Register("zdiffstore", Zdiffstore);
  handlers.Register("zintercard", Zintercard);
}

}  // namespace keyway::shard::commands
