// What the commands about sorted sets have in common. A function that returns false has written the
// error reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "shard/commands/arguments.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/key.h"
#include "shard/server/command_context.h"
#include "shard/types/zset.h"
#include "shard/types/zset_range.h"

namespace keyway::shard::commands {

inline constexpr std::string_view kNotAFloat = "ERR value is not a valid float";

// *record: the sorted set, or nullptr when there is no such key. Fails if it is something else.
bool FindZset(CommandContext& context, const keyspace::Key& key, keyspace::Access access,
              const keyspace::Record** record);
// Fails if the record, which may be nullptr, is no sorted set.
bool CheckZset(CommandContext& context, const keyspace::Record* record);

types::ZsetLimits ZsetLimitsOf(const CommandContext& context);

// The double of ZADD.
bool ReadScore(CommandContext& context, std::string_view argument, double* score);
// "1.5", "(1.5", "-inf".
bool ReadScoreRange(CommandContext& context, std::string_view min, std::string_view max,
                    types::ScoreRange* range);
// "[a", "(a", "-", "+". The range is a view into the arguments.
bool ReadLexRange(CommandContext& context, std::string_view min, std::string_view max,
                  types::LexRange* range);

// What ZADD, ZINCRBY and GEOADD have been told.
struct ScoredMember {
  double score = 0;
  std::string_view member;
};
struct AddRequest {
  types::Zset::AddOptions options;
  bool count_updated = false;             // CH
  size_t first = 2;                       // of the arguments: behind the options
  std::span<const ScoredMember> members;  // at least one
};
// Does it to the key that is the first argument, and replies.
void AddToZset(CommandContext& context, const AddRequest& request);

// Of elements with scores: in RESP3 pairs, in RESP2 flat.
void ReplyScoredHeader(CommandContext& context, size_t elements);
void ReplyScored(CommandContext& context, const types::ZsetElement& element);
// The elements of `span`, with or without scores, as one array.
void ReplySpan(CommandContext& context, const types::ZsetView& zset, types::RankSpan span,
               bool reverse, bool with_scores);

}  // namespace keyway::shard::commands
