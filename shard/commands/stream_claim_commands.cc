// XCLAIM and XAUTOCLAIM.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/stream_arguments.h"
#include "shard/keyspace/database.h"
#include "shard/server/effects.h"
#include "shard/types/stream_groups.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;
using keyspace::Type;
using types::Stream;
using types::StreamConsumer;
using types::StreamGroup;
using types::StreamId;
using types::StreamOf;
using types::StreamPending;

namespace {

// The record of args[1], which must have the group args[2]. nullptr after an error.
const Record* FindWithGroup(CommandContext& context, const Key& key) {
  const Record* record = context.db.Find(key, context.now_ms, Access::kRead);
  if (record != nullptr && !CheckType(context, *record, Type::kStream)) return nullptr;
  if (record != nullptr && StreamOf(*record).FindGroup(context.args[2]) != nullptr) return record;
  ReplyNoKeyOrGroup(context, context.args[1], context.args[2]);
  return nullptr;
}

// A change of a group by one of the two commands, whose consumer is args[3].
class Claiming {
 public:
  Claiming(CommandContext& context, const Key& key, const Record* record)
      : context_(context),
        key_(key),
        stream_(StreamOf(context.db.BeginChange(key, record))),
        group_(*stream_.FindGroup(context.args[2])) {
    if (context.effects != nullptr) context.effects->None();
  }
  Claiming(const Claiming&) = delete;
  Claiming& operator=(const Claiming&) = delete;
  ~Claiming() {
    if (changes_ != 0 || consumer_ != nullptr) {
      context_.db.EndChange(key_, Event::kXGroupRead, changes_);
    }
  }

  const Stream& stream() const { return stream_; }
  StreamGroup& group() { return group_; }
  // The consumer is not there before it gets something.
  StreamConsumer& consumer() {
    if (consumer_ == nullptr) {
      consumer_ = &SeeConsumer(context_, key_, group_, context_.args[3]);
    }
    return *consumer_;
  }
  void CountChange() { ++changes_; }
  // `pending` was claimed, or is about to be dropped. `id`: as the client wrote it, if it did.
  void CountChange(const StreamPending& pending, std::string_view id = {}) {
    ++changes_;
    if (context_.effects == nullptr) return;
    const types::StreamIdText text(pending.id);
    AddClaimEffect(context_, key_.text, context_.args[2], group_, pending,
                   id.empty() ? text.view() : id);
  }
  uint64_t changes() const { return changes_; }

 private:
  CommandContext& context_;
  const Key& key_;
  Stream& stream_;
  StreamGroup& group_;
  StreamConsumer* consumer_ = nullptr;
  uint64_t changes_ = 0;
};

bool IsIdleFor(const StreamPending& pending, int64_t min_idle_ms, int64_t now_ms) {
  return min_idle_ms == 0 || types::IdleMs(pending.delivery_ms, now_ms) >= min_idle_ms;
}

void ReplyClaimed(CommandContext& context, const Stream& stream, StreamId id, bool just_id) {
  if (just_id) {
    ReplyStreamId(context, id);
  } else {
    ReplyEntryOf(context, stream, id);
  }
}

struct ClaimOptions {
  int64_t min_idle_ms = 0;
  size_t ids_end = 5;
  int64_t delivery_ms = -1;  // not given
  int64_t retry_count = -1;  // not given
  bool force = false;
  bool just_id = false;
  StreamId last_id;
};

bool ReadClaimOption(CommandContext& context, size_t* index, ClaimOptions* options) {
  const std::string_view word = context.args[*index];
  const bool has_more = *index + 1 < context.args.size();
  if (Is(word, "FORCE")) {
    options->force = true;
    return true;
  }
  if (Is(word, "JUSTID")) {
    options->just_id = true;
    return true;
  }
  if (!has_more) {
    context.reply.Error(
        std::string("ERR Unrecognized XCLAIM option '").append(PrintedText(word)).append("'"));
    return false;
  }
  const std::string_view argument = context.args[++*index];
  if (Is(word, "IDLE")) {
    int64_t idle_ms = 0;
    if (!ReadIntegerOr(context, argument, "ERR Invalid IDLE option argument for XCLAIM",
                       &idle_ms)) {
      return false;
    }
    // Wraps around as it does in Redis, to become a time that is then taken for now.
    options->delivery_ms = static_cast<int64_t>(static_cast<uint64_t>(context.now_ms) -
                                                static_cast<uint64_t>(idle_ms));
    return true;
  }
  if (Is(word, "TIME")) {
    return ReadIntegerOr(context, argument, "ERR Invalid TIME option argument for XCLAIM",
                         &options->delivery_ms);
  }
  if (Is(word, "RETRYCOUNT")) {
    return ReadIntegerOr(context, argument, "ERR Invalid RETRYCOUNT option argument for XCLAIM",
                         &options->retry_count);
  }
  if (Is(word, "LASTID")) return ReadStreamId(context, argument, 0, &options->last_id);
  context.reply.Error(
      std::string("ERR Unrecognized XCLAIM option '").append(PrintedText(word)).append("'"));
  return false;
}

bool ReadClaimOptions(CommandContext& context, ClaimOptions* options) {
  if (!ReadIntegerOr(context, context.args[4], "ERR Invalid min-idle-time argument for XCLAIM",
                     &options->min_idle_ms)) {
    return false;
  }
  options->min_idle_ms = std::max<int64_t>(options->min_idle_ms, 0);
  StreamId id;
  size_t i = 5;
  while (i < context.args.size() && types::ParseStreamId(context.args[i], 0, &id)) ++i;
  options->ids_end = i;
  for (; i < context.args.size(); ++i) {
    if (!ReadClaimOption(context, &i, options)) return false;
  }
  if (options->delivery_ms < 0 || options->delivery_ms > context.now_ms) {
    options->delivery_ms = context.now_ms;
  }
  return true;
}

// Whether the entry was claimed, and written.
bool Claim(CommandContext& context, Claiming& claiming, const ClaimOptions& options,
           std::string_view id_text) {
  StreamId id;
  types::ParseStreamId(id_text, 0, &id);
  StreamGroup& group = claiming.group();
  StreamPending* pending = group.FindPending(id);
  if (!claiming.stream().Contains(id)) {
    // Nobody can process it any more.
    if (pending != nullptr) {
      claiming.CountChange(*pending, id_text);
      group.RemovePending(id);
    }
    return false;
  }
  if (pending != nullptr) {
    if (!IsIdleFor(*pending, options.min_idle_ms, context.now_ms)) return false;
  } else {
    if (!options.force) return false;
    pending = group.AddPending(id, context.now_ms, 1);
  }
  group.Assign(*pending, claiming.consumer());
  pending->delivery_ms = options.delivery_ms;
  if (options.retry_count >= 0) {
    pending->deliveries = static_cast<uint64_t>(options.retry_count);
  } else if (!options.just_id) {
    ++pending->deliveries;
  }
  claiming.CountChange(*pending, id_text);
  ReplyClaimed(context, claiming.stream(), id, options.just_id);
  return true;
}

void Xclaim(CommandContext& context) {
  const Key key(context.args[1]);
  const Record* record = FindWithGroup(context, key);
  if (record == nullptr) return;
  ClaimOptions options;
  if (!ReadClaimOptions(context, &options)) return;
  Claiming claiming(context, key, record);
  const bool moves_last_id = options.last_id > claiming.group().last_id();
  if (moves_last_id) claiming.group().set_last_id(options.last_id);
  const OutputBuffer::Place place = context.reply.BeginDeferred();
  size_t claimed = 0;
  for (size_t i = 5; i < options.ids_end; ++i) {
    if (Claim(context, claiming, options, context.args[i])) ++claimed;
  }
  // Otherwise part of the changes that were counted.
  if (moves_last_id && claiming.changes() == 0) {
    claiming.CountChange();
    if (context.effects != nullptr) {
      AddGroupIdEffect(context, key.text, context.args[2], claiming.group());
    }
  }
  context.reply.EndDeferredArray(place, claimed);
}

struct AutoClaimOptions {
  int64_t min_idle_ms = 0;
  StreamId start;
  int64_t count = 100;
  bool just_id = false;
};

// How many pending entries are looked at for one that is to be claimed.
constexpr int64_t kAttemptsFactor = 10;
constexpr int64_t kMaxCount = std::numeric_limits<int64_t>::max() / int64_t{sizeof(StreamId)};
// More ids than an address space holds.
constexpr int64_t kTooHighCount = int64_t{1} << 44;

bool ReadAutoClaimOptions(CommandContext& context, AutoClaimOptions* options) {
  if (!ReadIntegerOr(context, context.args[4], "ERR Invalid min-idle-time argument for XAUTOCLAIM",
                     &options->min_idle_ms)) {
    return false;
  }
  options->min_idle_ms = std::max<int64_t>(options->min_idle_ms, 0);
  if (!ReadRangeStart(context, context.args[5], &options->start)) return false;
  for (size_t i = 6; i < context.args.size(); ++i) {
    if (Is(context.args[i], "COUNT") && i + 1 < context.args.size()) {
      constexpr std::string_view kError = "ERR COUNT must be > 0";
      if (!ReadIntegerOr(context, context.args[++i], kError, &options->count)) return false;
      if (options->count < 1 || options->count > kMaxCount) {
        context.reply.Error(kError);
        return false;
      }
    } else if (Is(context.args[i], "JUSTID")) {
      options->just_id = true;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

void Xautoclaim(CommandContext& context) {
  AutoClaimOptions options;
  if (!ReadAutoClaimOptions(context, &options)) return;
  const Key key(context.args[1]);
  const Record* record = FindWithGroup(context, key);
  if (record == nullptr) return;
  if (options.count >= kTooHighCount) {
    return context.reply.Error(
        "ERR Insufficient memory, failed allocating transient memory, COUNT too high.");
  }
  // What comes first in the reply is known last: the pending entries are looked at before anything
  // is changed, and claimed while they are written.
  Claiming claiming(context, key, record);
  StreamGroup& group = claiming.group();
  const StreamGroup::Pending& pending = group.pending();
  std::vector<StreamPending*> claimed;
  std::vector<StreamPending*> deleted;
  int64_t left = options.count;
  int64_t attempts = options.count * kAttemptsFactor;
  auto at = pending.LowerBound(options.start);
  for (; at != pending.End() && attempts > 0 && left > 0; --attempts, at = pending.Next(at)) {
    StreamPending* entry = pending.At(at).get();
    if (!claiming.stream().Contains(entry->id)) {
      deleted.push_back(entry);
    } else if (IsIdleFor(*entry, options.min_idle_ms, context.now_ms)) {
      claimed.push_back(entry);
    } else {
      continue;
    }
    --left;
  }
  const StreamId next = at == pending.End() ? StreamId::Min() : pending.At(at)->id;

  context.reply.ArrayHeader(3);
  ReplyStreamId(context, next);
  context.reply.ArrayHeader(claimed.size());
  auto next_deleted = deleted.begin();
  for (StreamPending* entry : claimed) {
    // Both are in the order of ids.
    for (; next_deleted != deleted.end() && (*next_deleted)->id < entry->id; ++next_deleted) {
      claiming.CountChange(**next_deleted);
    }
    group.Assign(*entry, claiming.consumer());
    entry->delivery_ms = context.now_ms;
    if (!options.just_id) ++entry->deliveries;
    ReplyClaimed(context, claiming.stream(), entry->id, options.just_id);
    claiming.CountChange(*entry);
  }
  for (; next_deleted != deleted.end(); ++next_deleted) claiming.CountChange(**next_deleted);
  context.reply.ArrayHeader(deleted.size());
  for (const StreamPending* entry : deleted) {
    const StreamId id = entry->id;
    group.RemovePending(id);
    ReplyStreamId(context, id);
  }
}

}  // namespace

void RegisterStreamClaiming(HandlerTable& handlers) {
  handlers.Register("xclaim", Xclaim);
  handlers.Register("xautoclaim", Xautoclaim);
}

}  // namespace keyway::shard::commands
