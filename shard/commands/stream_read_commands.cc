// XREAD and XREADGROUP.
//
// A client that waits is served by one stream only, the first that gets an entry it has not had.
// The command is then executed once more for that key, with the differences that Redis makes: what
// counts is the stream's last id, whether or not that entry still exists, and without COUNT no
// more than kBlockedCount entries are sent.
#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/stream_arguments.h"
#include "shard/keyspace/database.h"
#include "shard/server/blocking.h"
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
using types::StreamWalk;

namespace {

constexpr uint64_t kBlockedCount = 1000;

struct Request {
  std::string_view key(size_t i) const { return names[i]; }
  std::string_view id(size_t i) const { return names[streams + i]; }

  bool is_group = false;
  std::optional<int64_t> block_ms;
  uint64_t count = 0;  // 0: all
  bool no_ack = false;
  bool has_group = false;
  std::string_view group;
  std::string_view consumer;
  std::span<const std::string_view> names;  // keys, then ids
  size_t streams = 0;
};

bool ReadStreams(CommandContext& context, size_t first, Request* request) {
  request->names = context.args.subspan(first);
  request->streams = request->names.size() / 2;
  if (request->names.size() % 2 == 0) return true;
  context.reply.Error(
      "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.");
  return false;
}

// What is wrong with a word that only XREADGROUP has.
bool IsForGroups(CommandContext& context, const Request& request, std::string_view error) {
  if (!request.is_group) context.reply.Error(error);
  return request.is_group;
}

bool ReadRequest(CommandContext& context, Request* request) {
  const std::span<const std::string_view> args = context.args;
  for (size_t i = 1; i < args.size() && request->streams == 0; ++i) {
    const size_t left = args.size() - 1 - i;
    if (Is(args[i], "BLOCK") && left > 0) {
      if (context.script != nullptr) {
        context.reply.Error("ERR " + std::string(args[0]) +
                            " command is not allowed with BLOCK option from scripts");
        return false;
      }
      int64_t block_ms = 0;
      if (!ReadTimeoutMillis(context, args[++i], &block_ms)) return false;
      request->block_ms = block_ms;
    } else if (Is(args[i], "COUNT") && left > 0) {
      int64_t count = 0;
      if (!ReadInteger(context, args[++i], &count)) return false;
      request->count = static_cast<uint64_t>(std::max<int64_t>(count, 0));
    } else if (Is(args[i], "STREAMS") && left > 0) {
      if (!ReadStreams(context, i + 1, request)) return false;
    } else if (Is(args[i], "GROUP") && left >= 2) {
      if (!IsForGroups(context, *request,
                       "ERR The GROUP option is only supported by XREADGROUP. You called XREAD "
                       "instead.")) {
        return false;
      }
      request->has_group = true;
      request->group = args[++i];
      request->consumer = args[++i];
    } else if (Is(args[i], "NOACK")) {
      if (!IsForGroups(context, *request,
                       "ERR The NOACK option is only supported by XREADGROUP. You called XREAD "
                       "instead.")) {
        return false;
      }
      request->no_ack = true;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  if (request->streams == 0) {
    context.reply.Error(kSyntaxError);
    return false;
  }
  if (request->is_group && !request->has_group) {
    context.reply.Error("ERR Missing GROUP option for XREADGROUP");
    return false;
  }
  return true;
}

// The id behind which the client wants to read; Max() stands for ">".
bool ReadId(CommandContext& context, const Request& request, std::string_view text,
            const Record* record, StreamId* id) {
  const std::string_view word = PrintedText(text);
  if (word == "$") {
    if (!request.is_group) {
      *id = record == nullptr ? StreamId::Min() : StreamOf(*record).last_id();
      return true;
    }
    context.reply.Error(
        "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of "
        "this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID "
        "would just return an empty result set.");
    return false;
  }
  if (word == ">") {
    if (request.is_group) {
      *id = StreamId::Max();
      return true;
    }
    context.reply.Error(
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> "
        "<consumer> option.");
    return false;
  }
  return ReadStreamId(context, text, 0, id);
}

// Everything that may be wrong is found before anything is delivered. `waits_for_end`: some id is
// "$".
bool CheckStreams(CommandContext& context, const Request& request, bool* waits_for_end) {
  for (size_t i = 0; i < request.streams; ++i) {
    const Record* record = context.db.Find(Key(request.key(i)), context.now_ms, Access::kRead);
    if (record != nullptr && !CheckType(context, *record, Type::kStream)) return false;
    if (request.is_group &&
        (record == nullptr || StreamOf(*record).FindGroup(request.group) == nullptr)) {
      ReplyNoKeyOrGroup(context, request.key(i), request.group, " in XREADGROUP with GROUP option");
      return false;
    }
    StreamId id;
    if (!ReadId(context, request, request.id(i), record, &id)) return false;
    *waits_for_end |= PrintedText(request.id(i)) == "$";
  }
  return true;
}

// What is pending for the consumer from `first` on. An entry that is sent once more counts as
// delivered once more; of one that was deleted only the id is left.
void ReplyHistory(CommandContext& context, const Request& request, const Stream& stream,
                  StreamConsumer& consumer, StreamId first) {
  const StreamConsumer::Pending& pending = consumer.pending();
  const OutputBuffer::Place place = context.reply.BeginDeferred();
  uint64_t written = 0;
  for (auto at = pending.LowerBound(first);
       at != pending.End() && (request.count == 0 || written < request.count);
       at = pending.Next(at)) {
    types::StreamPending& entry = *pending.At(at);
    if (ReplyEntryOf(context, stream, entry.id)) {
      entry.delivery_ms = context.now_ms;
      ++entry.deliveries;
    } else {
      context.reply.ArrayHeader(2);
      ReplyStreamId(context, entry.id);
      context.reply.NullArray();
    }
    ++written;
  }
  context.reply.EndDeferredArray(place, written);
}

void ReplyDelivered(CommandContext& context, const Request& request, const Key& key,
                    const Stream& stream, StreamGroup& group, StreamConsumer& consumer,
                    StreamId first, uint64_t count) {
  StreamWalk walk(stream, first);
  const OutputBuffer::Place place = context.reply.BeginDeferred();
  const StreamId last_before = group.last_id();
  uint64_t written = 0;
  while ((count == 0 || written < count) && walk.Next()) {
    types::NoteDelivered(stream, group, walk.id());
    ReplyEntry(context, walk);
    if (!request.no_ack) {
      types::AddDelivery(group, consumer, walk.id(), context.now_ms);
      if (context.effects != nullptr) {
        AddClaimEffect(context, key.text, request.group, group, *group.FindPending(walk.id()),
                       types::StreamIdText(walk.id()).view());
      }
    }
    ++written;
  }
  if (context.effects != nullptr && request.no_ack && group.last_id() != last_before) {
    AddGroupIdEffect(context, key.text, request.group, group);
  }
  context.reply.EndDeferredArray(place, written);
}

// Where to begin when everything up to `id` has been read.
StreamId Behind(StreamId id) {
  // There is nothing behind the last one: as by Redis the walk then starts at 0-0.
  if (!id.Increment()) return StreamId::Min();
  return id;
}

void ReplyKey(CommandContext& context, std::string_view key) {
  if (context.reply.version() == resp::Version::kResp2) context.reply.ArrayHeader(2);
  context.reply.Bulk(key);
}

// One stream of XREADGROUP: key and entries. `after`: Max() for new entries.
void ServeGroup(CommandContext& context, const Request& request, const Key& key,
                const Record* record, StreamId after, uint64_t count) {
  Stream& stream = StreamOf(context.db.BeginChange(key, record));
  StreamGroup& group = *stream.FindGroup(request.group);
  ReplyKey(context, key.text);
  if (context.effects != nullptr) {
    context.effects->None();
    // Otherwise XCLAIM makes it.
    if (request.no_ack && group.FindConsumer(request.consumer) == nullptr) {
      context.effects->Add({"XGROUP", "CREATECONSUMER", key.text, request.group, request.consumer});
    }
  }
  StreamConsumer& consumer = SeeConsumer(context, key, group, request.consumer);
  if (after == StreamId::Max()) {
    ReplyDelivered(context, request, key, stream, group, consumer, Behind(group.last_id()), count);
  } else {
    ReplyHistory(context, request, stream, consumer, Behind(after));
  }
}

// Whether the stream has an entry behind `id`.
bool HasEntryBehind(const Stream& stream, StreamId id) {
  return stream.length() != 0 && stream.LastEntry().value_or(StreamId::Min()) > id;
}

// Writes key and entries of the i-th stream if there is something to send.
bool ServeStream(CommandContext& context, const Request& request, size_t i, size_t served,
                 OutputBuffer::Place* place) {
  const Key key(request.key(i));
  const Record* record = context.db.Find(key, context.now_ms, Access::kRead);
  if (record == nullptr) return false;
  const Stream& stream = StreamOf(*record);
  StreamId after;
  ReadId(context, request, request.id(i), record, &after);
  const bool serve_history = request.is_group && after != StreamId::Max();
  if (!serve_history) {
    const StreamId read = request.is_group ? stream.FindGroup(request.group)->last_id() : after;
    if (!HasEntryBehind(stream, read)) return false;
  }
  if (served == 0) *place = context.reply.BeginDeferred();
  if (request.is_group) {
    ServeGroup(context, request, key, record, after, request.count);
    context.db.EndChange(key, Event::kXGroupRead);
  } else {
    ReplyKey(context, key.text);
    StreamWalk walk(stream, Behind(after));
    ReplyEntries(context, walk, request.count);
  }
  return true;
}

void Wait(CommandContext& context, const Request& request, bool waits_for_end) {
  Blocking::Wait wait{.keys = request.names.first(request.streams),
                      .type = Type::kStream,
                      .timeout_ms = *request.block_ms,
                      .even_if_gone = request.is_group};
  if (!waits_for_end || !context.may_block) {
    return context.services.blocking->Block(context, wait);
  }
  std::vector<std::string_view> args(context.args.begin(), context.args.end());
  std::vector<types::StreamIdText> ids;
  ids.reserve(request.streams);
  for (size_t i = 0; i < request.streams; ++i) {
    if (PrintedText(request.id(i)) != "$") continue;
    const Record* record = context.db.Find(Key(request.key(i)), context.now_ms, Access::kNone);
    ids.emplace_back(record == nullptr ? StreamId::Min() : StreamOf(*record).last_id());
    args[args.size() - request.streams + i] = ids.back().view();
  }
  wait.replacement_args = args;
  context.services.blocking->Block(context, wait);
}

// A client that has waited: looks at the key that has changed.
void Retry(CommandContext& context, const Request& request) {
  const auto names = request.names.first(request.streams);
  const auto found = std::find(names.begin(), names.end(), *context.ready_key);
  const auto keep_waiting = [&] {
    context.services.blocking->Block(context, {.keys = names, .type = Type::kStream});
  };
  if (found == names.end()) return keep_waiting();
  const Key key(*found);
  const Record* record = context.db.Find(key, context.now_ms, Access::kNone);
  if (record == nullptr || record->type() != Type::kStream) {
    if (!request.is_group) return keep_waiting();
    return context.reply.Error("UNBLOCKED the stream key no longer exists");
  }
  const Stream& stream = StreamOf(*record);
  StreamId after;
  if (!ReadId(context, request, request.id(static_cast<size_t>(found - names.begin())), record,
              &after)) {
    return;
  }
  if (request.is_group) {
    const StreamGroup* group = stream.FindGroup(request.group);
    if (group == nullptr) {
      return context.reply.Error(
          "NOGROUP the consumer group this client was blocked on no longer exists");
    }
    after = group->last_id();
  }
  if (stream.last_id() <= after) return keep_waiting();
  const uint64_t count = request.count == 0 ? kBlockedCount : request.count;
  if (context.reply.version() == resp::Version::kResp2) {
    context.reply.ArrayHeader(1);
  } else {
    context.reply.MapHeader(1);
  }
  if (request.is_group) {
    ServeGroup(context, request, key, record, StreamId::Max(), count);
    context.db.EndChange(key, Event::kXGroupRead, 0);
  } else {
    ReplyKey(context, key.text);
    StreamWalk walk(stream, Behind(after));
    ReplyEntries(context, walk, count);
  }
}

void Read(CommandContext& context, bool is_group) {
  Request request{.is_group = is_group};
  if (!ReadRequest(context, &request)) return;
  if (context.ready_key != nullptr) return Retry(context, request);
  bool waits_for_end = false;
  if (!CheckStreams(context, request, &waits_for_end)) return;
  OutputBuffer::Place place;
  size_t served = 0;
  for (size_t i = 0; i < request.streams; ++i) {
    if (ServeStream(context, request, i, served, &place)) ++served;
  }
  if (served == 0) {
    if (request.block_ms.has_value()) return Wait(context, request, waits_for_end);
    return context.reply.NullArray();
  }
  if (context.reply.version() == resp::Version::kResp2) {
    context.reply.EndDeferredArray(place, served);
  } else {
    context.reply.EndDeferredMap(place, served);
  }
}

void Xread(CommandContext& context) {
  Read(context, false);
}

void Xreadgroup(CommandContext& context) {
  Read(context, true);
}

}  // namespace

void RegisterStreamReading(HandlerTable& handlers) {
  handlers.Register("xread", Xread);
  handlers.Register("xreadgroup", Xreadgroup);
}

}  // namespace keyway::shard::commands
