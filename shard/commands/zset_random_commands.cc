// Sorted sets: ZRANDMEMBER and ZSCAN.
#include <limits>
#include <string>
#include <unordered_set>
#include <vector>

#include "common/base/random.h"
#include "shard/commands/random_count.h"
#include "shard/commands/scan_options.h"
#include "shard/commands/zset_arguments.h"
#include "shard/commands/zset_commands.h"
#include "shard/types/score.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using types::SortedSet;
using types::ZsetElement;
using types::ZsetView;

namespace {

constexpr int64_t kMaxLong = std::numeric_limits<int64_t>::max();

void ReplyElement(CommandContext& context, const ZsetElement& element, bool with_score) {
  if (with_score) {
    ReplyScored(context, element);
  } else {
    context.reply.Bulk(element.member());
  }
}

void ReplyAnyOne(CommandContext& context, const ZsetView& zset, bool with_score) {
  const size_t rank = context.services.random.Below(zset.size());
  zset.ForEach({rank, rank + 1}, false,
               [&](const ZsetElement& element) { ReplyElement(context, element, with_score); });
}

// `count` of the members, which are more.
void ReplyDistinct(CommandContext& context, const ZsetView& zset, size_t count, bool with_scores) {
  Random& random = context.services.random;
  const size_t size = zset.size();
  constexpr size_t kWalkFactor = 3;
  if (zset.is_listpack() || count * kWalkFactor > size) {
    // Each is taken with the probability of those still wanted among those still to come.
    size_t left = size;
    zset.ForEach([&](const ZsetElement& element) {
      if (random.Below(left--) < count) {
        ReplyElement(context, element, with_scores);
        --count;
      }
      return count > 0;
    });
    return;
  }
  std::unordered_set<size_t> ranks;
  while (ranks.size() < count) {
    const size_t rank = random.Below(size);
    if (!ranks.insert(rank).second) continue;
    zset.ForEach({rank, rank + 1}, false,
                 [&](const ZsetElement& element) { ReplyElement(context, element, with_scores); });
  }
}

void ReplyRandom(CommandContext& context, const ZsetView& zset, int64_t count, bool with_scores) {
  const size_t size = zset.size();
  if (count > 0 && static_cast<uint64_t>(count) >= size) {
    return ReplySpan(context, zset, zset.All(), true, with_scores);
  }
  if (count < 0) {
    // A pair is one element in RESP3, two in RESP2.
    const bool flat = with_scores && context.reply.version() == resp::Version::kResp2;
    return ReplyRepeated(context, static_cast<size_t>(-count), flat ? 2 : 1,
                         [&] { ReplyAnyOne(context, zset, with_scores); });
  }
  const auto elements = static_cast<size_t>(count);
  if (with_scores) {
    ReplyScoredHeader(context, elements);
  } else {
    context.reply.ArrayHeader(elements);
  }
  ReplyDistinct(context, zset, elements, with_scores);
}

void Zrandmember(CommandContext& context) {
  const auto args = context.args;
  int64_t count = 0;
  if (args.size() > 2 && !ReadRandomCount(context, args[2], &count)) return;
  if (args.size() > 4 || (args.size() == 4 && !Is(args[3], "WITHSCORES"))) {
    return context.reply.Error(kSyntaxError);
  }
  const bool with_scores = args.size() == 4;
  if (with_scores && (count < -kMaxLong / 2 || count > kMaxLong / 2)) {
    return context.reply.Error("ERR value is out of range");
  }
  const Record* record;
  if (!FindZset(context, Key(args[1]), Access::kRead, &record)) return;
  if (args.size() > 2) {
    if (record == nullptr || count == 0) return context.reply.ArrayHeader(0);
    if (!CheckRepeats(context, count)) return;
    return ReplyRandom(context, ZsetView(*record), count, with_scores);
  }
  if (record == nullptr) return context.reply.Null();
  ReplyAnyOne(context, ZsetView(*record), false);
}

void ReplyScanned(CommandContext& context, std::string_view member, std::string_view score) {
  context.reply.Bulk(member);
  context.reply.Bulk(score);
}

size_t ReplyPacked(CommandContext& context, types::ListpackView pack, const ScanOptions& options) {
  size_t found = 0;
  for (auto at = pack.First(); at != types::ListpackView::kNone; at = pack.Next(pack.Next(at))) {
    types::ListpackView::Element::Digits digits;
    types::ListpackView::Element::Digits score_digits;
    const std::string_view member = pack.At(at).Text(digits);
    if (!options.Matches(member)) continue;
    ReplyScanned(context, member, pack.At(pack.Next(at)).Text(score_digits));
    ++found;
  }
  return found;
}

size_t ReplyFound(CommandContext& context, const std::vector<SortedSet::Item*>& items,
                  const ScanOptions& options) {
  size_t found = 0;
  for (const SortedSet::Item* item : items) {
    if (!options.Matches(item->member())) continue;
    char score[types::kScoreBytes];
    ReplyScanned(context, item->member(), {score, types::FormatScore(item->score(), score)});
    ++found;
  }
  return found;
}

void Zscan(CommandContext& context) {
  uint64_t cursor;
  ScanOptions options;
  const Record* record = BeginElementScan(context, keyspace::Type::kZset, &cursor, &options);
  if (record == nullptr) return;
  const ZsetView zset(*record);
  SortedSet::Table::Walk walk{.position = cursor, .max_items = options.count};
  std::vector<SortedSet::Item*> items;
  if (!zset.is_listpack()) zset.sorted_set().by_member().Collect(&walk, &items);
  const bool is_over = zset.is_listpack() || walk.position >= SortedSet::Table::kEnd;
  ReplyScanCursor(context, is_over ? 0 : walk.position);
  const OutputBuffer::Place place = context.reply.BeginDeferred();
  const size_t found = zset.is_listpack() ? ReplyPacked(context, zset.listpack(), options)
                                          : ReplyFound(context, items, options);
  context.reply.EndDeferredArray(place, found * 2);
}

}  // namespace

void RegisterZsetRandom(HandlerTable& handlers) {
  handlers.Register("zrandmember", Zrandmember);
  handlers.Register("zscan", Zscan);
}

}  // namespace keyway::shard::commands
