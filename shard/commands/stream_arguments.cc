#include "shard/commands/stream_arguments.h"

#include <limits>
#include <string>

#include "shard/commands/arguments.h"
#include "shard/server/effects.h"

namespace keyway::shard::commands {

using types::StreamId;
using types::StreamWalk;

namespace {

bool IsExclusive(std::string_view argument) {
  return argument.size() > 1 && argument.front() == '(';
}

bool ReadRangeId(CommandContext& context, std::string_view argument, uint64_t missing_seq,
                 StreamId* id) {
  return IsExclusive(argument) ? ReadStreamId(context, argument.substr(1), missing_seq, id)
                               : ReadStreamIdOrEnd(context, argument, missing_seq, id);
}

}  // namespace

bool ReadStreamId(CommandContext& context, std::string_view argument, uint64_t missing_seq,
                  StreamId* id, bool* any_seq) {
  if (types::ParseStreamId(argument, missing_seq, id, any_seq)) return true;
  context.reply.Error(kInvalidStreamId);
  return false;
}

bool ReadStreamIdOrEnd(CommandContext& context, std::string_view argument, uint64_t missing_seq,
                       StreamId* id) {
  const std::string_view text = PrintedText(argument);
  if (text == "-") {
    *id = StreamId::Min();
    return true;
  }
  if (text == "+") {
    *id = StreamId::Max();
    return true;
  }
  return ReadStreamId(context, argument, missing_seq, id);
}

bool ReadRangeStart(CommandContext& context, std::string_view argument, StreamId* id) {
  if (!ReadRangeId(context, argument, 0, id)) return false;
  if (!IsExclusive(argument) || id->Increment()) return true;
  context.reply.Error(kInvalidIntervalStart);
  return false;
}

bool ReadRangeEnd(CommandContext& context, std::string_view argument, StreamId* id) {
  if (!ReadRangeId(context, argument, std::numeric_limits<uint64_t>::max(), id)) return false;
  if (!IsExclusive(argument) || id->Decrement()) return true;
  context.reply.Error("ERR invalid end ID for the interval");
  return false;
}

bool ReadIntegerOr(CommandContext& context, std::string_view argument, std::string_view error,
                   int64_t* value) {
  if (types::ParseInteger(argument, value)) return true;
  context.reply.Error(error);
  return false;
}

std::string_view PrintedText(std::string_view text) {
  return text.substr(0, text.find('\0'));
}

void ReplyNoKeyOrGroup(CommandContext& context, std::string_view key, std::string_view group,
                       std::string_view end) {
  std::string error("NOGROUP No such key '");
  error.append(PrintedText(key)).append("' or consumer group '").append(PrintedText(group));
  context.reply.Error(error.append("'").append(end));
}

void ReplyNoGroup(CommandContext& context, std::string_view key, std::string_view group) {
  std::string error("NOGROUP No such consumer group '");
  error.append(PrintedText(group)).append("' for key name '").append(PrintedText(key));
  context.reply.Error(error.append("'"));
}

types::StreamConsumer& SeeConsumer(CommandContext& context, const keyspace::Key& key,
                                   types::StreamGroup& group, std::string_view name) {
  if (types::StreamConsumer* consumer = group.FindConsumer(name); consumer != nullptr) {
    consumer->set_seen_ms(context.now_ms);
    return *consumer;
  }
  types::StreamConsumer& consumer = *group.AddConsumer(name, context.now_ms);
  context.db.EndChange(key, keyspace::Event::kXGroupCreateConsumer);
  return consumer;
}

void AddClaimEffect(CommandContext& context, std::string_view key, std::string_view group_name,
                    const types::StreamGroup& group, const types::StreamPending& pending,
                    std::string_view id) {
  const types::StreamIdText last_id(group.last_id());
  context.effects->Add({"XCLAIM", key, group_name, pending.consumer->name(), "0", id, "TIME",
                        pending.delivery_ms, "RETRYCOUNT", static_cast<int64_t>(pending.deliveries),
                        "FORCE", "JUSTID", "LASTID", last_id.view()});
}

void AddGroupIdEffect(CommandContext& context, std::string_view key, std::string_view group_name,
                      const types::StreamGroup& group) {
  const types::StreamIdText last_id(group.last_id());
  context.effects->Add(
      {"XGROUP", "SETID", key, group_name, last_id.view(), "ENTRIESREAD", group.entries_read()});
}

void ReplyStreamId(CommandContext& context, StreamId id) {
  context.reply.Bulk(types::StreamIdText(id).view());
}

void ReplyEntry(CommandContext& context, StreamWalk& walk) {
  resp::ReplyWriter& reply = context.reply;
  reply.ArrayHeader(2);
  ReplyStreamId(context, walk.id());
  const size_t fields = walk.field_count();
  reply.ArrayHeader(2 * fields);
  StreamWalk::Element field;
  StreamWalk::Element value;
  StreamWalk::Element::Digits digits;
  for (size_t i = 0; i < fields; ++i) {
    walk.NextField(&field, &value);
    reply.Bulk(field.Text(digits));
    reply.Bulk(value.Text(digits));
  }
}

bool ReplyEntryOf(CommandContext& context, const types::Stream& stream, StreamId id) {
  StreamWalk walk(stream, id, id);
  if (!walk.Next()) return false;
  ReplyEntry(context, walk);
  return true;
}

void ReplyEntries(CommandContext& context, StreamWalk& walk, uint64_t count) {
  const OutputBuffer::Place place = context.reply.BeginDeferred();
  uint64_t written = 0;
  while ((count == 0 || written < count) && walk.Next()) {
    ReplyEntry(context, walk);
    ++written;
  }
  context.reply.EndDeferredArray(place, written);
}

}  // namespace keyway::shard::commands
