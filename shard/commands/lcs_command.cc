#include "shard/commands/lcs_command.h"

#include <algorithm>
#include <optional>

#include "shard/commands/arguments.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/types/lcs.h"
#include "shard/types/string.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;

namespace {

struct LcsOptions {
  bool length = false;
  bool index = false;
  bool with_match_length = false;
  int64_t min_match_length = 0;
};

bool ReadOptions(CommandContext& context, LcsOptions* options) {
  for (size_t i = 3; i < context.args.size(); ++i) {
    const std::string_view word = context.args[i];
    if (Is(word, "IDX")) {
      options->index = true;
    } else if (Is(word, "LEN")) {
      options->length = true;
    } else if (Is(word, "WITHMATCHLEN")) {
      options->with_match_length = true;
    } else if (Is(word, "MINMATCHLEN") && i + 1 < context.args.size()) {
      if (!ReadInteger(context, context.args[++i], &options->min_match_length)) return false;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  if (!options->index || !options->length) return true;
  context.reply.Error("ERR If you want both the length and indexes, please just use IDX.");
  return false;
}

void ReplyRange(resp::ReplyWriter& reply, size_t first, size_t last) {
  reply.ArrayHeader(2);
  reply.Integer(static_cast<int64_t>(first));
  reply.Integer(static_cast<int64_t>(last));
}

void ReplyIndex(resp::ReplyWriter& reply, const types::Lcs& lcs, const LcsOptions& options) {
  const auto wanted = [&options](const types::LcsMatch& match) {
    return static_cast<int64_t>(match.length()) >= options.min_match_length;
  };
  reply.MapHeader(2);
  reply.Bulk("matches");
  reply.ArrayHeader(
      static_cast<size_t>(std::count_if(lcs.matches.begin(), lcs.matches.end(), wanted)));
  for (const types::LcsMatch& match : lcs.matches) {
    if (!wanted(match)) continue;
    reply.ArrayHeader(options.with_match_length ? 3 : 2);
    ReplyRange(reply, match.first_in_a, match.last_in_a);
    ReplyRange(reply, match.first_in_b, match.last_in_b);
    if (options.with_match_length) reply.Integer(static_cast<int64_t>(match.length()));
  }
  reply.Bulk("len");
  reply.Integer(static_cast<int64_t>(lcs.length));
}

void LcsOf(CommandContext& context) {
  const Record* first = context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead);
  const Record* second = context.db.Find(Key(context.args[2]), context.now_ms, Access::kRead);
  for (const Record* record : {first, second}) {
    if (record != nullptr && record->type() != keyspace::Type::kString) {
      return context.reply.Error("ERR The specified keys must contain string values");
    }
  }
  LcsOptions options;
  if (!ReadOptions(context, &options)) return;
  std::optional<types::StringBytes> first_bytes;
  std::optional<types::StringBytes> second_bytes;
  if (first != nullptr) first_bytes.emplace(*first);
  if (second != nullptr) second_bytes.emplace(*second);
  const std::string_view a = first_bytes ? first_bytes->view() : std::string_view();
  const std::string_view b = second_bytes ? second_bytes->view() : std::string_view();
  constexpr size_t kMaxLength = UINT32_MAX - 1;
  if (a.size() >= kMaxLength || b.size() >= kMaxLength) {
    return context.reply.Error("ERR String too long for LCS");
  }
  const auto max_bytes = static_cast<size_t>(context.services.config.proto_max_bulk_len);
  const std::optional<types::Lcs> lcs = types::LongestCommonSubsequence(a, b, max_bytes);
  if (!lcs.has_value()) {
    return context.reply.Error(
        "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  if (options.index) {
    ReplyIndex(context.reply, *lcs, options);
  } else if (options.length) {
    context.reply.Integer(static_cast<int64_t>(lcs->length));
  } else {
    context.reply.Bulk(lcs->text);
  }
}

}  // namespace

void RegisterLcs(HandlerTable& handlers) {
  handlers.Register("lcs", LcsOf);
}

}  // namespace keyway::shard::commands
