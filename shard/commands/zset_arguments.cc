#include "shard/commands/zset_arguments.h"

#include "shard/config/shard_config.h"
#include "shard/types/score.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using types::LexBound;

namespace {

bool ParseBound(std::string_view argument, double* score, bool* exclusive) {
  *exclusive = argument.starts_with('(');
  return types::ParseScoreBound(argument.substr(*exclusive ? 1 : 0), score);
}

bool ParseBound(std::string_view argument, LexBound* bound) {
  if (argument.empty()) return false;
  const bool is_alone = argument.size() == 1 || argument[1] == '\0';
  switch (argument.front()) {
    case '+':
    case '-':
      if (!is_alone) return false;
      bound->kind = argument.front() == '+' ? LexBound::Kind::kAboveAll : LexBound::Kind::kBelowAll;
      // From "-" to "-" there is nothing.
      bound->exclusive = true;
      return true;
    case '(':
    case '[':
      bound->kind = LexBound::Kind::kBytes;
      bound->exclusive = argument.front() == '(';
      bound->bytes = argument.substr(1);
      return true;
    default:
      return false;
  }
}

}  // namespace

bool CheckZset(CommandContext& context, const Record* record) {
  if (record == nullptr || record->type() == keyspace::Type::kZset) return true;
  context.reply.Error(kWrongType);
  return false;
}

bool FindZset(CommandContext& context, const Key& key, Access access, const Record** record) {
  *record = context.db.Find(key, context.now_ms, access);
  return CheckZset(context, *record);
}

types::ZsetLimits ZsetLimitsOf(const CommandContext& context) {
  const ShardConfig& config = context.services.config;
  return {static_cast<size_t>(config.zset_max_listpack_entries),
          static_cast<size_t>(config.zset_max_listpack_value)};
}

bool ReadScore(CommandContext& context, std::string_view argument, double* score) {
  if (types::ParseScore(argument, score)) return true;
  context.reply.Error(kNotAFloat);
  return false;
}

bool ReadScoreRange(CommandContext& context, std::string_view min, std::string_view max,
                    types::ScoreRange* range) {
  if (ParseBound(min, &range->min, &range->without_min) &&
      ParseBound(max, &range->max, &range->without_max)) {
    return true;
  }
  context.reply.Error("ERR min or max is not a float");
  return false;
}

bool ReadLexRange(CommandContext& context, std::string_view min, std::string_view max,
                  types::LexRange* range) {
  if (ParseBound(min, &range->min) && ParseBound(max, &range->max)) return true;
  context.reply.Error("ERR min or max not valid string range item");
  return false;
}

void ReplyScoredHeader(CommandContext& context, size_t elements) {
  const bool pairs = context.reply.version() == resp::Version::kResp3;
  context.reply.ArrayHeader(pairs ? elements : elements * 2);
}

void ReplyScored(CommandContext& context, const types::ZsetElement& element) {
  if (context.reply.version() == resp::Version::kResp3) context.reply.ArrayHeader(2);
  context.reply.Bulk(element.member());
  context.reply.Double(element.score());
}

void ReplySpan(CommandContext& context, const types::ZsetView& zset, types::RankSpan span,
               bool reverse, bool with_scores) {
  if (with_scores) {
    ReplyScoredHeader(context, span.size());
    zset.ForEach(span, reverse,
                 [&](const types::ZsetElement& element) { ReplyScored(context, element); });
  } else {
    context.reply.ArrayHeader(span.size());
    zset.ForEach(span, reverse,
                 [&](const types::ZsetElement& element) { context.reply.Bulk(element.member()); });
  }
}

}  // namespace keyway::shard::commands
