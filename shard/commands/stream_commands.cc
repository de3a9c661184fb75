// XADD, XTRIM, XDEL, XLEN, XRANGE, XREVRANGE, XSETID.
#include "shard/commands/stream_commands.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/must_obey.h"
#include "shard/commands/stream_arguments.h"
#include "shard/config/shard_config.h"
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
using types::StreamId;
using types::StreamOf;
using types::StreamWalk;

namespace {

// How much "~" removes at most when no LIMIT is given: the entries of so many full nodes.
constexpr int64_t kDefaultLimitNodes = 100;
constexpr int64_t kDefaultLimit = 10000;  // nodes have no limit
constexpr int64_t kMaxDefaultLimit = 1000000;

struct AddOrTrim {
  std::optional<Stream::Strategy> strategy;
  Stream::Trimming trimming;
  std::optional<int64_t> limit;
  size_t threshold_at = 0;
  // Of XADD.
  bool no_make_stream = false;
  bool id_given = false;
  StreamId id;
  bool any_seq = false;
  size_t id_at = 0;
};

Stream::NodeLimits NodeLimitsOf(const CommandContext& context) {
  const ShardConfig& config = context.services.config;
  return {.bytes = config.stream_node_max_bytes, .entries = config.stream_node_max_entries};
}

// The strategy named at `index` and its threshold; `index` moves to the threshold.
bool ReadStrategy(CommandContext& context, Stream::Strategy strategy, size_t* index,
                  AddOrTrim* options) {
  if (options->strategy.has_value()) {
    context.reply.Error(
        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
    return false;
  }
  options->strategy = strategy;
  options->trimming.strategy = strategy;
  const size_t left = context.args.size() - 1 - *index;
  const std::string_view next = context.args[*index + 1];
  if (left >= 2 && (next == "~" || next == "=")) {
    options->trimming.whole_nodes_only = next == "~";
    ++*index;
  }
  const std::string_view threshold = context.args[++*index];
  options->threshold_at = *index;
  if (strategy == Stream::Strategy::kMinId) {
    return ReadStreamId(context, threshold, 0, &options->trimming.min_id);
  }
  int64_t length = 0;
  if (!ReadInteger(context, threshold, &length)) return false;
  if (length < 0) {
    context.reply.Error("ERR The MAXLEN argument must be >= 0.");
    return false;
  }
  options->trimming.max_length = static_cast<uint64_t>(length);
  return true;
}

bool ReadLimit(CommandContext& context, std::string_view argument, AddOrTrim* options) {
  int64_t limit = 0;
  if (!ReadInteger(context, argument, &limit)) return false;
  if (limit < 0) {
    context.reply.Error("ERR The LIMIT argument must be >= 0.");
    return false;
  }
  options->limit = limit;
  return true;
}

bool FinishTrimming(CommandContext& context, bool is_add, AddOrTrim* options) {
  std::string_view error;
  if (options->limit.value_or(0) != 0 && !options->strategy.has_value()) {
    error = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
  } else if (!is_add && !options->strategy.has_value()) {
    error = "ERR syntax error, XTRIM must be called with a trimming strategy";
  } else if (options->limit.has_value() && !options->trimming.whole_nodes_only &&
             !MustObey(context)) {
    // An effect says exactly what was trimmed, with the LIMIT left beside it.
    error = "ERR syntax error, LIMIT cannot be used without the special ~ option";
  }
  if (!error.empty()) {
    context.reply.Error(error);
    return false;
  }
  if (options->trimming.whole_nodes_only) {
    int64_t limit = kDefaultLimit;
    if (MustObey(context)) options->limit = 0;
    const int64_t node_entries = context.services.config.stream_node_max_entries;
    if (options->limit.has_value()) {
      limit = *options->limit;
    } else if (node_entries > 0) {
      limit = std::min(node_entries, kMaxDefaultLimit) * kDefaultLimitNodes;
      limit = std::min(limit, kMaxDefaultLimit);
    }
    options->trimming.limit = static_cast<uint64_t>(limit);
  }
  return true;
}

// The options of XADD, up to its id, or of XTRIM.
bool ReadAddOrTrim(CommandContext& context, bool is_add, AddOrTrim* options) {
  const size_t size = context.args.size();
  size_t i = 2;
  for (; i < size; ++i) {
    const std::string_view word = context.args[i];
    const bool has_more = i + 1 < size;
    if (is_add && word == "*") break;
    if (Is(word, "MAXLEN") && has_more) {
      if (!ReadStrategy(context, Stream::Strategy::kMaxLength, &i, options)) return false;
    } else if (Is(word, "MINID") && has_more) {
      if (!ReadStrategy(context, Stream::Strategy::kMinId, &i, options)) return false;
    } else if (Is(word, "LIMIT") && has_more) {
      if (!ReadLimit(context, context.args[++i], options)) return false;
    } else if (is_add && Is(word, "NOMKSTREAM")) {
      options->no_make_stream = true;
    } else if (is_add) {
      if (!ReadStreamId(context, word, 0, &options->id, &options->any_seq)) return false;
      options->id_given = true;
      break;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  options->id_at = i;
  return FinishTrimming(context, is_add, options);
}

constexpr std::string_view kTooLarge = "ERR Elements are too large to be stored";

// The id of the new entry, which follows `last`, not the greatest one. False after an error.
bool MakeId(CommandContext& context, const AddOrTrim& options, StreamId last, StreamId* id) {
  if (!options.id_given) {
    *id = *types::NextStreamId(last, context.now_ms);
    return true;
  }
  *id = options.id;
  if (options.any_seq && last.ms == id->ms) {
    // In Redis's words, whatever they are.
    if (last.seq == StreamId::Max().seq) {
      context.reply.Error(kTooLarge);
      return false;
    }
    id->seq = last.seq + 1;
  }
  if (*id > last) return true;
  context.reply.Error(
      "ERR The ID specified in XADD is equal or smaller than the target stream top item");
  return false;
}

bool IsTooLarge(std::span<const std::string_view> fields_and_values) {
  size_t bytes = 0;
  for (const std::string_view text : fields_and_values) bytes += text.size();
  return bytes > Stream::kMaxEntryBytes;
}

// Elsewhere the id must be the same, and as many entries be trimmed, whatever nodes look like.
void ReplaceAddOrTrim(CommandContext& context, const AddOrTrim& options, const Stream& stream,
                      const StreamId* added) {
  const bool makes_id = added != nullptr && (!options.id_given || options.any_seq);
  const bool approximate = options.trimming.whole_nodes_only;
  if (!makes_id && !approximate) return;
  std::vector<std::string_view> args(context.args.begin(), context.args.end());
  const types::StreamIdText id(makes_id ? *added : StreamId());
  if (makes_id) args[options.id_at] = id.view();
  const EffectWord length(static_cast<int64_t>(stream.length()));
  const Stream::Nodes& nodes = stream.nodes();
  const types::StreamIdText first(nodes.empty() ? StreamId::Max() : nodes.At(nodes.Begin()).id);
  if (approximate) {
    args[options.threshold_at - 1] = "=";
    args[options.threshold_at] =
        options.strategy == Stream::Strategy::kMinId ? first.view() : length.text();
  }
  context.effects->Replace(args);
}

void Xadd(CommandContext& context) {
  AddOrTrim options;
  if (!ReadAddOrTrim(context, true, &options)) return;
  const std::span<const std::string_view> fields =
      context.args.subspan(std::min(options.id_at + 1, context.args.size()));
  if (fields.size() < 2 || fields.size() % 2 != 0) {
    return context.reply.Error("ERR wrong number of arguments for 'xadd' command");
  }
  if (options.id_given && !options.any_seq && options.id.is_zero()) {
    return context.reply.Error("ERR The ID specified in XADD must be greater than 0-0");
  }
  const Key key(context.args[1]);
  const Record* record = context.db.Find(key, context.now_ms, Access::kWrite);
  if (record != nullptr && !CheckType(context, *record, Type::kStream)) return;
  if (record == nullptr && options.no_make_stream) return context.reply.Null();
  const StreamId last = record == nullptr ? StreamId::Min() : StreamOf(*record).last_id();
  if (last == StreamId::Max()) {
    return context.reply.Error(
        "ERR The stream has exhausted the last possible ID, unable to add more items");
  }
  StreamId id;
  if (!MakeId(context, options, last, &id)) return;
  if (IsTooLarge(fields)) return context.reply.Error(kTooLarge);

  uint64_t trimmed = 0;
  const auto add = [&](Stream& stream) {
    stream.Append(id, fields, NodeLimitsOf(context));
    if (options.strategy.has_value()) trimmed = stream.Trim(options.trimming);
    if (context.effects != nullptr) ReplaceAddOrTrim(context, options, stream, &id);
  };
  if (record != nullptr) {
    add(StreamOf(context.db.BeginChange(key, record)));
    context.db.EndChange(key, Event::kXAdd);
  } else {
    auto stream = std::make_unique<Stream>();
    add(*stream);
    context.db.Set(
        key, keyspace::Value::Object(Type::kStream, keyspace::Encoding::kStream, stream.release()),
        keyspace::kNoExpiry, context.now_ms, Event::kXAdd);
  }
  // Part of the same change.
  if (trimmed != 0) context.db.EndChange(key, Event::kXTrim, 0);
  ReplyStreamId(context, id);
}

void Xtrim(CommandContext& context) {
  AddOrTrim options;
  if (!ReadAddOrTrim(context, false, &options)) return;
  const Key key(context.args[1]);
  const Record* record = context.db.Find(key, context.now_ms, Access::kWrite);
  if (record == nullptr) return context.reply.Integer(0);
  if (!CheckType(context, *record, Type::kStream)) return;
  const uint64_t trimmed = StreamOf(context.db.BeginChange(key, record)).Trim(options.trimming);
  if (trimmed != 0) {
    context.db.EndChange(key, Event::kXTrim, trimmed);
    if (context.effects != nullptr) {
      ReplaceAddOrTrim(context, options, StreamOf(*record), nullptr);
    }
  }
  context.reply.Integer(static_cast<int64_t>(trimmed));
}

void Xdel(CommandContext& context) {
  const Key key(context.args[1]);
  const Record* record = context.db.Find(key, context.now_ms, Access::kWrite);
  if (record == nullptr) return context.reply.Integer(0);
  if (!CheckType(context, *record, Type::kStream)) return;
  const std::span<const std::string_view> ids = context.args.subspan(2);
  StreamId id;
  for (const std::string_view text : ids) {
    if (!ReadStreamId(context, text, 0, &id)) return;
  }
  Stream& stream = StreamOf(context.db.BeginChange(key, record));
  uint64_t deleted = 0;
  for (const std::string_view text : ids) {
    types::ParseStreamId(text, 0, &id);
    if (stream.Delete(id)) ++deleted;
  }
  if (deleted != 0) context.db.EndChange(key, Event::kXDel, deleted);
  context.reply.Integer(static_cast<int64_t>(deleted));
}

void Xlen(CommandContext& context) {
  const Record* record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead);
  if (record == nullptr) return context.reply.Integer(0);
  if (!CheckType(context, *record, Type::kStream)) return;
  context.reply.Integer(static_cast<int64_t>(StreamOf(*record).length()));
}

void Range(CommandContext& context, bool reverse) {
  StreamId first;
  StreamId last;
  if (!ReadRangeStart(context, context.args[reverse ? 3 : 2], &first)) return;
  if (!ReadRangeEnd(context, context.args[reverse ? 2 : 3], &last)) return;
  std::optional<int64_t> count;
  for (size_t i = 4; i < context.args.size(); i += 2) {
    if (!Is(context.args[i], "COUNT") || i + 1 == context.args.size()) {
      return context.reply.Error(kSyntaxError);
    }
    int64_t number = 0;
    if (!ReadInteger(context, context.args[i + 1], &number)) return;
    count = std::max<int64_t>(number, 0);
  }
  const Record* record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead);
  if (record == nullptr) return context.reply.ArrayHeader(0);
  if (!CheckType(context, *record, Type::kStream)) return;
  if (count == 0) return context.reply.NullArray();
  StreamWalk walk(StreamOf(*record), first, last, reverse);
  ReplyEntries(context, walk, static_cast<uint64_t>(count.value_or(0)));
}

void Xrange(CommandContext& context) {
  Range(context, false);
}

void Xrevrange(CommandContext& context) {
  Range(context, true);
}

struct SetIdOptions {
  StreamId id;
  int64_t entries_added = -1;
  StreamId max_deleted_id;
};

bool ReadSetIdOptions(CommandContext& context, SetIdOptions* options) {
  if (!ReadStreamId(context, context.args[2], 0, &options->id)) return false;
  for (size_t i = 3; i < context.args.size(); i += 2) {
    const bool has_more = i + 1 < context.args.size();
    std::string_view error;
    if (has_more && Is(context.args[i], "ENTRIESADDED")) {
      if (!ReadInteger(context, context.args[i + 1], &options->entries_added)) return false;
      if (options->entries_added < 0) error = "ERR entries_added must be positive";
    } else if (has_more && Is(context.args[i], "MAXDELETEDID")) {
      if (!ReadStreamId(context, context.args[i + 1], 0, &options->max_deleted_id)) return false;
      if (options->id < options->max_deleted_id) {
        error = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
      }
    } else {
      error = kSyntaxError;
    }
    if (!error.empty()) {
      context.reply.Error(error);
      return false;
    }
  }
  return true;
}

void Xsetid(CommandContext& context) {
  SetIdOptions options;
  if (!ReadSetIdOptions(context, &options)) return;
  const Key key(context.args[1]);
  const Record* record = context.db.Find(key, context.now_ms, Access::kWrite);
  if (record == nullptr) return context.reply.Error(kNoSuchKey);
  if (!CheckType(context, *record, Type::kStream)) return;
  const Stream& stream = StreamOf(*record);
  if (stream.length() > 0) {
    if (options.id < stream.LastEntry().value_or(StreamId::Min())) {
      return context.reply.Error(
          "ERR The ID specified in XSETID is smaller than the target stream top item");
    }
    if (options.entries_added != -1 &&
        stream.length() > static_cast<uint64_t>(options.entries_added)) {
      return context.reply.Error(
          "ERR The entries_added specified in XSETID is smaller than the target stream length");
    }
  }
  Stream& changed = StreamOf(context.db.BeginChange(key, record));
  Stream::Header header = changed.header();
  header.last_id = options.id;
  if (options.entries_added != -1) {
    header.entries_added = static_cast<uint64_t>(options.entries_added);
  }
  if (!options.max_deleted_id.is_zero()) header.max_deleted_id = options.max_deleted_id;
  changed.set_header(header);
  context.db.EndChange(key, Event::kXSetId);
  context.reply.Ok();
}

}  // namespace

void RegisterStream(HandlerTable& handlers) {
  handlers.Register("xadd", Xadd);
  handlers.Register("xtrim", Xtrim);
  handlers.Register("xdel", Xdel);
  handlers.Register("xlen", Xlen);
  handlers.Register("xrange", Xrange);
  handlers.Register("xrevrange", Xrevrange);
  handlers.Register("xsetid", Xsetid);
  RegisterStreamReading(handlers);
  RegisterStreamGroups(handlers);
  RegisterStreamClaiming(handlers);
  RegisterStreamInfo(handlers);
}

}  // namespace keyway::shard::commands
