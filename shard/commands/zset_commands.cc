// Sorted sets: the commands that look something up.
#include "shard/commands/zset_commands.h"

#include <optional>
#include <string>
#include <vector>

#include "common/base/glob.h"
#include "shard/commands/zset_arguments.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using types::RankSpan;
using types::ZsetView;

namespace {

void Zcard(CommandContext& context) {
  const Record* record;
  if (!FindZset(context, Key(context.args[1]), Access::kRead, &record)) return;
  context.reply.Integer(record == nullptr ? 0 : static_cast<int64_t>(ZsetView(*record).size()));
}

template <typename Range>
void ReplyCount(CommandContext& context, const Range& range) {
  const Record* record;
  if (!FindZset(context, Key(context.args[1]), Access::kRead, &record)) return;
  const RankSpan span = record == nullptr ? RankSpan() : ZsetView(*record).Span(range);
  context.reply.Integer(static_cast<int64_t>(span.size()));
}

void Zcount(CommandContext& context) {
  types::ScoreRange range;
  if (ReadScoreRange(context, context.args[2], context.args[3], &range)) ReplyCount(context, range);
}

void Zlexcount(CommandContext& context) {
  types::LexRange range;
  if (ReadLexRange(context, context.args[2], context.args[3], &range)) ReplyCount(context, range);
}

void ReplyScoreOf(CommandContext& context, const Record* record, std::string_view member) {
  const std::optional<double> score =
      record == nullptr ? std::nullopt : ZsetView(*record).Score(member);
  if (!score.has_value()) return context.reply.Null();
  context.reply.Double(*score);
}

void Zscore(CommandContext& context) {
  const Record* record;
  if (!FindZset(context, Key(context.args[1]), Access::kRead, &record)) return;
  ReplyScoreOf(context, record, context.args[2]);
}

void Zmscore(CommandContext& context) {
  const Record* record;
  if (!FindZset(context, Key(context.args[1]), Access::kRead, &record)) return;
  const auto members = context.args.subspan(2);
  context.reply.ArrayHeader(members.size());
  for (std::string_view member : members) ReplyScoreOf(context, record, member);
}

void ReplyRank(CommandContext& context, bool from_end) {
  const Record* record;
  if (!FindZset(context, Key(context.args[1]), Access::kRead, &record)) return;
  if (record == nullptr) return context.reply.Null();
  const ZsetView zset(*record);
  const std::optional<size_t> rank = zset.Rank(context.args[2]);
  if (!rank.has_value()) return context.reply.Null();
  context.reply.Integer(static_cast<int64_t>(from_end ? zset.size() - 1 - *rank : *rank));
}

void Zrank(CommandContext& context) {
  ReplyRank(context, false);
}

void Zrevrank(CommandContext& context) {
  ReplyRank(context, true);
}

}  // namespace

void RegisterZset(HandlerTable& handlers) {
  handlers.Register("zcard", Zcard);
  handlers.Register("zcount", Zcount);
  handlers.Register("zlexcount", Zlexcount);
  handlers.Register("zscore", Zscore);
  handlers.Register("zmscore", Zmscore);
  handlers.Register("zrank", Zrank);
  handlers.Register("zrevrank", Zrevrank);
  RegisterZsetWrite(handlers);
  RegisterZsetRange(handlers);
  RegisterZsetAlgebra(handlers);
  RegisterZsetPop(handlers);
  RegisterZsetRandom(handlers);
}

}  // namespace keyway::shard::commands
