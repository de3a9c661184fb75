// The replies of administrative commands that ask all primaries, each made of all answers in its own
// way: where the cluster is to look like one server, and no response policy says how.
//
// All are AskAllOperation::MakeReply. Answers that do not have the shape that redis-server 7.0 gives
// them end in an error.
#pragma once

#include <span>

#include "common/resp/reply_writer.h"
#include "proxy/execution/ask_all.h"

namespace keyway::proxy::execution {

using Answers = std::span<const ShardAnswer>;

// The first answer: BGSAVE, SAVE, BGREWRITEAOF.
void ReplyFirst(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);
// The least number: LASTSAVE, the moment up to which everything is saved.
void ReplyLeast(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);
// The greatest number: LATENCY RESET. The shards count the same events.
void ReplyGreatest(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);
// Texts for people: one when all say the same, else all of them, each under the name of its shard.
// LATENCY DOCTOR, MEMORY DOCTOR, MEMORY MALLOC-STATS.
void ReplyTexts(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);
// The same, without the shards that have no samples of the event. Sees failures.
void ReplyLatencyGraph(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);
// Entries of all, the newest first, as many as were asked for. An entry's id is the shard's own times
// the number of shards, plus the shard's place, so that ids stay unique and rise with time.
void ReplySlowlog(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);
// An event's newest latency of all shards, and the greatest maximum.
void ReplyLatencyLatest(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);
// All samples by time, one a second as in Redis, its greatest; the newest 160.
void ReplyLatencyHistory(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);
// Calls added, and the cumulative distributions added bucket by bucket.
void ReplyLatencyHistogram(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);
// Numbers added; shares and ratios weighted by what they are shares of.
void ReplyMemoryStats(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);
// SWAPDB of a cluster node, which has one database, as a standalone Redis with one database would
// answer. Sees failures.
void ReplySwapDb(const Arguments& arguments, Answers answers, resp::ReplyWriter& reply);

}  // namespace keyway::proxy::execution
