// XINFO.
#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include "common/command/help.h"
#include "shard/commands/arguments.h"
#include "shard/commands/stream_arguments.h"
#include "shard/keyspace/database.h"
#include "shard/types/stream_groups.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using types::Stream;
using types::StreamConsumer;
using types::StreamGroup;
using types::StreamId;
using types::StreamOf;
using types::StreamPending;
using types::StreamWalk;

namespace {

constexpr uint64_t kDefaultFullCount = 10;

constexpr std::string_view kInfoHelp[] = {
    "CONSUMERS <key> <groupname>",
    "    Show consumers of <groupname>.",
    "GROUPS <key>",
    "    Show the stream consumer groups.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Show information about the stream.",
};

// nullptr after an error.
const Stream* FindStream(CommandContext& context) {
  const Record* record = context.db.Find(Key(context.args[2]), context.now_ms, Access::kRead);
  if (record == nullptr) {
    context.reply.Error(kNoSuchKey);
    return nullptr;
  }
  return CheckType(context, *record, keyspace::Type::kStream) ? &StreamOf(*record) : nullptr;
}

void ReplyNumber(CommandContext& context, std::string_view name, uint64_t number) {
  context.reply.Bulk(name);
  context.reply.Integer(static_cast<int64_t>(number));
}

void ReplyNamedId(CommandContext& context, std::string_view name, StreamId id) {
  context.reply.Bulk(name);
  ReplyStreamId(context, id);
}

// How far the group has read, as two pairs.
void ReplyProgress(CommandContext& context, const Stream& stream, const StreamGroup& group) {
  context.reply.Bulk("entries-read");
  if (group.entries_read() == StreamGroup::kUnknown) {
    context.reply.Null();
  } else {
    context.reply.Integer(group.entries_read());
  }
  context.reply.Bulk("lag");
  const std::optional<int64_t> lag = types::Lag(stream, group);
  if (lag.has_value()) {
    context.reply.Integer(*lag);
  } else {
    context.reply.Null();
  }
}

// The first pairs of XINFO STREAM, with and without FULL.
constexpr size_t kCommonPairs = 7;
void ReplyCommon(CommandContext& context, const Stream& stream) {
  ReplyNumber(context, "length", stream.length());
  ReplyNumber(context, "radix-tree-keys", stream.nodes().size());
  ReplyNumber(context, "radix-tree-nodes", stream.RadixTreeNodes());
  ReplyNamedId(context, "last-generated-id", stream.last_id());
  ReplyNamedId(context, "max-deleted-entry-id", stream.max_deleted_id());
  ReplyNumber(context, "entries-added", stream.entries_added());
  ReplyNamedId(context, "recorded-first-entry-id", stream.first_id());
}

void ReplyEndEntry(CommandContext& context, std::string_view name, const Stream& stream,
                   bool last) {
  context.reply.Bulk(name);
  StreamWalk walk(stream, StreamId::Min(), StreamId::Max(), last);
  if (walk.Next()) {
    ReplyEntry(context, walk);
  } else {
    context.reply.Null();
  }
}

void ReplyStream(CommandContext& context, const Stream& stream) {
  context.reply.MapHeader(kCommonPairs + 3);
  ReplyCommon(context, stream);
  ReplyNumber(context, "groups", stream.groups().size());
  ReplyEndEntry(context, "first-entry", stream, false);
  ReplyEndEntry(context, "last-entry", stream, true);
}

size_t Bounded(size_t size, uint64_t count) {
  return count == 0 ? size : std::min<uint64_t>(size, count);
}

void ReplyFullConsumer(CommandContext& context, const StreamConsumer& consumer, uint64_t count) {
  resp::ReplyWriter& reply = context.reply;
  reply.MapHeader(4);
  reply.Bulk("name");
  reply.Bulk(consumer.name());
  reply.Bulk("seen-time");
  reply.Integer(consumer.seen_ms());
  const StreamConsumer::Pending& pending = consumer.pending();
  ReplyNumber(context, "pel-count", pending.size());
  reply.Bulk("pending");
  size_t left = Bounded(pending.size(), count);
  reply.ArrayHeader(left);
  for (auto at = pending.Begin(); left > 0; at = pending.Next(at), --left) {
    const StreamPending& entry = *pending.At(at);
    reply.ArrayHeader(3);
    ReplyStreamId(context, entry.id);
    reply.Integer(entry.delivery_ms);
    reply.Integer(static_cast<int64_t>(entry.deliveries));
  }
}

void ReplyFullGroup(CommandContext& context, const Stream& stream, std::string_view name,
                    const StreamGroup& group, uint64_t count) {
  resp::ReplyWriter& reply = context.reply;
  reply.MapHeader(7);
  reply.Bulk("name");
  reply.Bulk(name);
  ReplyNamedId(context, "last-delivered-id", group.last_id());
  ReplyProgress(context, stream, group);
  const StreamGroup::Pending& pending = group.pending();
  ReplyNumber(context, "pel-count", pending.size());
  reply.Bulk("pending");
  size_t left = Bounded(pending.size(), count);
  reply.ArrayHeader(left);
  for (auto at = pending.Begin(); left > 0; at = pending.Next(at), --left) {
    const StreamPending& entry = *pending.At(at);
    reply.ArrayHeader(4);
    ReplyStreamId(context, entry.id);
    reply.Bulk(entry.consumer->name());
    reply.Integer(entry.delivery_ms);
    reply.Integer(static_cast<int64_t>(entry.deliveries));
  }
  reply.Bulk("consumers");
  reply.ArrayHeader(group.consumers().size());
  for (const auto& [consumer_name, consumer] : group.consumers()) {
    ReplyFullConsumer(context, consumer, count);
  }
}

void ReplyFullStream(CommandContext& context, const Stream& stream, uint64_t count) {
  context.reply.MapHeader(kCommonPairs + 2);
  ReplyCommon(context, stream);
  context.reply.Bulk("entries");
  StreamWalk walk(stream);
  ReplyEntries(context, walk, count);
  context.reply.Bulk("groups");
  context.reply.ArrayHeader(stream.groups().size());
  for (const auto& [name, group] : stream.groups()) {
    ReplyFullGroup(context, stream, name, group, count);
  }
}

void XinfoStream(CommandContext& context) {
  const Stream* stream = FindStream(context);
  if (stream == nullptr) return;
  const std::span<const std::string_view> options = context.args.subspan(3);
  if (options.empty()) return ReplyStream(context, *stream);
  const bool has_count = options.size() == 3 && Is(options[1], "COUNT");
  if (!Is(options[0], "FULL") || (options.size() != 1 && !has_count)) {
    return context.reply.Error(SubcommandSyntaxError("XINFO", context.args[1]));
  }
  uint64_t count = kDefaultFullCount;
  if (has_count) {
    int64_t number = 0;
    if (!ReadInteger(context, options[2], &number)) return;
    if (number >= 0) count = static_cast<uint64_t>(number);
  }
  ReplyFullStream(context, *stream, count);
}

void XinfoGroups(CommandContext& context) {
  const Stream* stream = FindStream(context);
  if (stream == nullptr) return;
  context.reply.ArrayHeader(stream->groups().size());
  for (const auto& [name, group] : stream->groups()) {
    context.reply.MapHeader(6);
    context.reply.Bulk("name");
    context.reply.Bulk(name);
    ReplyNumber(context, "consumers", group.consumers().size());
    ReplyNumber(context, "pending", group.pending().size());
    ReplyNamedId(context, "last-delivered-id", group.last_id());
    ReplyProgress(context, *stream, group);
  }
}

void XinfoConsumers(CommandContext& context) {
  const Stream* stream = FindStream(context);
  if (stream == nullptr) return;
  const StreamGroup* group = stream->FindGroup(context.args[3]);
  if (group == nullptr) return ReplyNoGroup(context, context.args[2], context.args[3]);
  context.reply.ArrayHeader(group->consumers().size());
  for (const auto& [name, consumer] : group->consumers()) {
    context.reply.MapHeader(3);
    context.reply.Bulk("name");
    context.reply.Bulk(name);
    ReplyNumber(context, "pending", consumer.pending().size());
    context.reply.Bulk("idle");
    context.reply.Integer(std::max<int64_t>(types::IdleMs(consumer.seen_ms(), context.now_ms), 0));
  }
}

void XinfoHelp(CommandContext& context) {
  command::ReplyHelp(context.args[0], kInfoHelp, context.reply);
}

}  // namespace

void RegisterStreamInfo(HandlerTable& handlers) {
  handlers.Register("xinfo|stream", XinfoStream);
  handlers.Register("xinfo|groups", XinfoGroups);
  handlers.Register("xinfo|consumers", XinfoConsumers);
  handlers.Register("xinfo|help", XinfoHelp);
}

}  // namespace keyway::shard::commands
