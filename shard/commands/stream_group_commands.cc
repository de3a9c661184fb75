// XGROUP, XACK and XPENDING.
#include <algorithm>
#include <memory>
#include <string_view>

#include "common/command/help.h"
#include "shard/commands/arguments.h"
#include "shard/commands/stream_arguments.h"
#include "shard/keyspace/database.h"
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

namespace {

constexpr std::string_view kGroupHelp[] = {
    "CREATE <key> <groupname> <id|$> [option]",
    "    Create a new consumer group. Options are:",
    "    * MKSTREAM",
    "      Create the empty stream if it does not exist.",
    "    * ENTRIESREAD entries_read",
    "      Set the group's entries_read counter (internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Create a new consumer in the specified group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove the specified consumer.",
    "DESTROY <key> <groupname>",
    "    Remove the specified group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Set the current group ID and entries_read counter.",
};

// The options of CREATE and SETID, which come behind the id.
struct GroupOptions {
  bool make_stream = false;
  int64_t entries_read = StreamGroup::kUnknown;
};

bool ReadGroupOptions(CommandContext& context, bool is_create, GroupOptions* options) {
  const size_t size = context.args.size();
  for (size_t i = 5; i < size; ++i) {
    if (is_create && Is(context.args[i], "MKSTREAM")) {
      options->make_stream = true;
    } else if (Is(context.args[i], "ENTRIESREAD") && i + 1 < size) {
      if (!ReadInteger(context, context.args[++i], &options->entries_read)) return false;
      if (options->entries_read < 0 && options->entries_read != StreamGroup::kUnknown) {
        context.reply.Error("ERR value for ENTRIESREAD must be positive or -1");
        return false;
      }
    } else {
      context.reply.Error(SubcommandSyntaxError("XGROUP", context.args[1]));
      return false;
    }
  }
  return true;
}

// The record of the stream named by XGROUP. nullptr after an error.
const Record* FindExisting(CommandContext& context, const Key& key) {
  const Record* record = context.db.Find(key, context.now_ms, Access::kWrite);
  if (record == nullptr) {
    context.reply.Error(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to "
        "use the MKSTREAM option to create an empty stream automatically.");
    return nullptr;
  }
  return CheckType(context, *record, Type::kStream) ? record : nullptr;
}

const Record* FindWithGroup(CommandContext& context, const Key& key, std::string_view group) {
  const Record* record = FindExisting(context, key);
  if (record == nullptr) return nullptr;
  if (StreamOf(*record).FindGroup(group) != nullptr) return record;
  ReplyNoGroup(context, key.text, group);
  return nullptr;
}

void XgroupCreate(CommandContext& context) {
  GroupOptions options;
  if (!ReadGroupOptions(context, true, &options)) return;
  const Key key(context.args[2]);
  const Record* record = nullptr;
  if (options.make_stream) {
    record = context.db.Find(key, context.now_ms, Access::kWrite);
    if (record != nullptr && !CheckType(context, *record, Type::kStream)) return;
  } else {
    record = FindExisting(context, key);
    if (record == nullptr) return;
  }
  // Not more than both options.
  constexpr size_t kMostArguments = 8;
  if (context.args.size() > kMostArguments) {
    return context.reply.Error(SubcommandSyntaxError("XGROUP", context.args[1]));
  }
  StreamId id;
  if (PrintedText(context.args[4]) != "$") {
    if (!ReadStreamId(context, context.args[4], 0, &id)) return;
  } else if (record != nullptr) {
    id = StreamOf(*record).last_id();
  }
  const auto add = [&](Stream& stream) {
    StreamGroup& group = *stream.AddGroup(context.args[3]);
    group.set_last_id(id);
    group.set_entries_read(options.entries_read);
  };
  if (record == nullptr) {
    auto stream = std::make_unique<Stream>();
    add(*stream);
    context.db.Set(
        key, keyspace::Value::Object(Type::kStream, keyspace::Encoding::kStream, stream.release()),
        keyspace::kNoExpiry, context.now_ms, Event::kXMakeStream);
  } else {
    if (StreamOf(*record).FindGroup(context.args[3]) != nullptr) {
      return context.reply.Error("BUSYGROUP Consumer Group name already exists");
    }
    add(StreamOf(context.db.BeginChange(key, record)));
    context.db.EndChange(key, Event::kXGroupCreate);
  }
  context.reply.Ok();
}

void XgroupSetid(CommandContext& context) {
  GroupOptions options;
  if (!ReadGroupOptions(context, false, &options)) return;
  const Key key(context.args[2]);
  const Record* record = FindWithGroup(context, key, context.args[3]);
  if (record == nullptr) return;
  constexpr size_t kMostArguments = 7;
  if (context.args.size() > kMostArguments) {
    return context.reply.Error(SubcommandSyntaxError("XGROUP", context.args[1]));
  }
  StreamId id = StreamOf(*record).last_id();
  if (PrintedText(context.args[4]) != "$" && !ReadStreamIdOrEnd(context, context.args[4], 0, &id)) {
    return;
  }
  StreamGroup& group = *StreamOf(context.db.BeginChange(key, record)).FindGroup(context.args[3]);
  group.set_last_id(id);
  group.set_entries_read(options.entries_read);
  context.db.EndChange(key, Event::kXGroupSetId);
  context.reply.Ok();
}

void XgroupDestroy(CommandContext& context) {
  const Key key(context.args[2]);
  const Record* record = FindExisting(context, key);
  if (record == nullptr) return;
  if (StreamOf(*record).FindGroup(context.args[3]) == nullptr) return context.reply.Integer(0);
  StreamOf(context.db.BeginChange(key, record)).RemoveGroup(context.args[3]);
  context.db.EndChange(key, Event::kXGroupDestroy);
  context.reply.Integer(1);
}

void XgroupCreateconsumer(CommandContext& context) {
  const Key key(context.args[2]);
  const Record* record = FindWithGroup(context, key, context.args[3]);
  if (record == nullptr) return;
  StreamGroup* group = StreamOf(*record).FindGroup(context.args[3]);
  if (group->FindConsumer(context.args[4]) != nullptr) return context.reply.Integer(0);
  context.db.BeginChange(key, record);
  group->AddConsumer(context.args[4], context.now_ms);
  context.db.EndChange(key, Event::kXGroupCreateConsumer);
  context.reply.Integer(1);
}

void XgroupDelconsumer(CommandContext& context) {
  const Key key(context.args[2]);
  const Record* record = FindWithGroup(context, key, context.args[3]);
  if (record == nullptr) return;
  StreamGroup* group = StreamOf(*record).FindGroup(context.args[3]);
  if (group->FindConsumer(context.args[4]) == nullptr) return context.reply.Integer(0);
  context.db.BeginChange(key, record);
  const size_t pending = group->RemoveConsumer(context.args[4]);
  context.db.EndChange(key, Event::kXGroupDelConsumer);
  context.reply.Integer(static_cast<int64_t>(pending));
}

void XgroupHelp(CommandContext& context) {
  command::ReplyHelp(context.args[0], kGroupHelp, context.reply);
}

void Xack(CommandContext& context) {
  const Key key(context.args[1]);
  const Record* record = context.db.Find(key, context.now_ms, Access::kRead);
  if (record != nullptr && !CheckType(context, *record, Type::kStream)) return;
  StreamGroup* group = record == nullptr ? nullptr : StreamOf(*record).FindGroup(context.args[2]);
  if (group == nullptr) return context.reply.Integer(0);
  const std::span<const std::string_view> ids = context.args.subspan(3);
  StreamId id;
  for (const std::string_view text : ids) {
    if (!ReadStreamId(context, text, 0, &id)) return;
  }
  context.db.BeginChange(key, record);
  uint64_t acknowledged = 0;
  for (const std::string_view text : ids) {
    types::ParseStreamId(text, 0, &id);
    if (group->RemovePending(id)) ++acknowledged;
  }
  if (acknowledged != 0) context.db.EndChange(key, Event::kXGroupRead, acknowledged);
  context.reply.Integer(static_cast<int64_t>(acknowledged));
}

struct PendingFilter {
  int64_t min_idle_ms = 0;
  StreamId first;
  StreamId last;
  int64_t count = 0;
  bool has_consumer = false;
  std::string_view consumer;
};

bool ReadPendingFilter(CommandContext& context, PendingFilter* filter) {
  const std::span<const std::string_view> args = context.args;
  size_t start = 3;
  if (Is(args[3], "IDLE")) {
    if (!ReadInteger(context, args[4], &filter->min_idle_ms)) return false;
    if (args.size() < 8) {
      context.reply.Error(kSyntaxError);
      return false;
    }
    start += 2;
  }
  if (!ReadInteger(context, args[start + 2], &filter->count)) return false;
  if (!ReadRangeStart(context, args[start], &filter->first)) return false;
  if (!ReadRangeEnd(context, args[start + 1], &filter->last)) return false;
  filter->has_consumer = start + 3 < args.size();
  if (filter->has_consumer) filter->consumer = args[start + 3];
  return true;
}

void ReplyPendingSummary(CommandContext& context, const StreamGroup& group) {
  resp::ReplyWriter& reply = context.reply;
  const StreamGroup::Pending& pending = group.pending();
  reply.ArrayHeader(4);
  reply.Integer(static_cast<int64_t>(pending.size()));
  if (pending.empty()) {
    reply.Null();
    reply.Null();
    return reply.NullArray();
  }
  ReplyStreamId(context, pending.At(pending.Begin())->id);
  ReplyStreamId(context, pending.At(pending.Last())->id);
  const OutputBuffer::Place place = reply.BeginDeferred();
  size_t consumers = 0;
  for (const auto& [name, consumer] : group.consumers()) {
    if (consumer.pending().empty()) continue;
    reply.ArrayHeader(2);
    reply.Bulk(name);
    reply.BulkInteger(static_cast<int64_t>(consumer.pending().size()));
    ++consumers;
  }
  reply.EndDeferredArray(place, consumers);
}

const types::StreamPending& EntryOf(const types::StreamPending* pending) {
  return *pending;
}
const types::StreamPending& EntryOf(const std::unique_ptr<types::StreamPending>& pending) {
  return *pending;
}

template <typename Pending>
void ReplyPendingEntries(CommandContext& context, const Pending& pending,
                         const PendingFilter& filter) {
  resp::ReplyWriter& reply = context.reply;
  const OutputBuffer::Place place = reply.BeginDeferred();
  int64_t written = 0;
  for (auto at = pending.LowerBound(filter.first); at != pending.End() && written < filter.count;
       at = pending.Next(at)) {
    const types::StreamPending& entry = EntryOf(pending.At(at));
    if (entry.id > filter.last) break;
    const int64_t idle_ms = types::IdleMs(entry.delivery_ms, context.now_ms);
    if (filter.min_idle_ms != 0 && idle_ms < filter.min_idle_ms) continue;
    reply.ArrayHeader(4);
    ReplyStreamId(context, entry.id);
    reply.Bulk(entry.consumer->name());
    reply.Integer(std::max<int64_t>(idle_ms, 0));
    reply.Integer(static_cast<int64_t>(entry.deliveries));
    ++written;
  }
  reply.EndDeferredArray(place, static_cast<size_t>(written));
}

void Xpending(CommandContext& context) {
  const size_t size = context.args.size();
  const bool is_summary = size == 3;
  if (!is_summary && (size < 6 || size > 9)) return context.reply.Error(kSyntaxError);
  PendingFilter filter;
  if (!is_summary && !ReadPendingFilter(context, &filter)) return;
  const Record* record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead);
  if (record != nullptr && !CheckType(context, *record, Type::kStream)) return;
  StreamGroup* group = record == nullptr ? nullptr : StreamOf(*record).FindGroup(context.args[2]);
  if (group == nullptr) return ReplyNoKeyOrGroup(context, context.args[1], context.args[2]);
  if (is_summary) return ReplyPendingSummary(context, *group);
  if (!filter.has_consumer) return ReplyPendingEntries(context, group->pending(), filter);
  const StreamConsumer* consumer = group->FindConsumer(filter.consumer);
  if (consumer == nullptr) return context.reply.ArrayHeader(0);
  ReplyPendingEntries(context, consumer->pending(), filter);
}

}  // namespace

void RegisterStreamGroups(HandlerTable& handlers) {
  handlers.Register("xgroup|create", XgroupCreate);
  handlers.Register("xgroup|setid", XgroupSetid);
  handlers.Register("xgroup|destroy", XgroupDestroy);
  handlers.Register("xgroup|createconsumer", XgroupCreateconsumer);
  handlers.Register("xgroup|delconsumer", XgroupDelconsumer);
  handlers.Register("xgroup|help", XgroupHelp);
  handlers.Register("xack", Xack);
  handlers.Register("xpending", Xpending);
}

}  // namespace keyway::shard::commands
