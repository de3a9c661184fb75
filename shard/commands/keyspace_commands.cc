#include "shard/commands/keyspace_commands.h"

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "common/base/glob.h"
#include "shard/commands/arguments.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/keyspace.h"

namespace keyway::shard::commands {

using keyspace::Database;
using keyspace::Reclaim;
using keyspace::Record;

namespace {

// What strtoul reads without blanks before it: "-1" is the largest cursor, "" is 0.
bool ReadCursor(CommandContext& context, std::string_view argument, Database::Cursor* cursor) {
  const std::string terminated(argument);
  char* end = nullptr;
  errno = 0;
  *cursor = std::strtoull(terminated.c_str(), &end, 10);
  if (std::isspace(static_cast<unsigned char>(terminated[0])) == 0 && *end == '\0' &&
      errno != ERANGE) {
    return true;
  }
  context.reply.Error("ERR invalid cursor");
  return false;
}

struct ScanOptions {
  int64_t count = 10;
  std::optional<std::string_view> pattern;
  std::optional<std::string_view> type;
};

bool ReadScanOptions(CommandContext& context, ScanOptions* options) {
  for (size_t i = 2; i < context.args.size(); i += 2) {
    const std::string_view word = context.args[i];
    if (i + 1 == context.args.size()) {
      context.reply.Error(kSyntaxError);
      return false;
    }
    const std::string_view argument = context.args[i + 1];
    if (Is(word, "COUNT")) {
      if (!ReadInteger(context, argument, &options->count)) return false;
      if (options->count < 1) {
        context.reply.Error(kSyntaxError);
        return false;
      }
    } else if (Is(word, "MATCH")) {
      options->pattern = argument;
    } else if (Is(word, "TYPE")) {
      options->type = argument;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  if (options->pattern == "*") options->pattern.reset();
  return true;
}

bool Matches(const ScanOptions& options, const Record& record) {
  if (options.pattern.has_value() && !GlobMatch(*options.pattern, record.key())) return false;
  return !options.type.has_value() || Is(*options.type, keyspace::TypeName(record.type()));
}

void Scan(CommandContext& context) {
  Database::Cursor cursor;
  ScanOptions options;
  if (!ReadCursor(context, context.args[1], &cursor)) return;
  if (!ReadScanOptions(context, &options)) return;
  std::vector<const Record*> records;
  cursor = context.db.Scan(cursor, static_cast<size_t>(options.count), &records);
  context.db.DeleteExpired(context.now_ms, &records);
  std::erase_if(records, [&options](const Record* record) { return !Matches(options, *record); });
  context.reply.ArrayHeader(2);
  context.reply.Bulk(std::to_string(cursor));
  context.reply.ArrayHeader(records.size());
  for (const Record* record : records) context.reply.Bulk(record->key());
}

void Keys(CommandContext& context) {
  constexpr size_t kKeysInStep = 1024;
  ScanOptions options{.pattern = context.args[1]};
  if (options.pattern == "*") options.pattern.reset();
  const auto place = context.reply.BeginDeferred();
  size_t matching = 0;
  std::vector<const Record*> records;
  Database::Cursor cursor = 0;
  do {
    records.clear();
    cursor = context.db.Scan(cursor, kKeysInStep, &records);
    for (const Record* record : records) {
      if (record->IsExpired(context.now_ms) || !Matches(options, *record)) continue;
      context.reply.Bulk(record->key());
      ++matching;
    }
  } while (cursor != 0);
  context.reply.EndDeferredArray(place, matching);
}

void Randomkey(CommandContext& context) {
  const Record* record = context.db.RandomKey(context.now_ms);
  if (record == nullptr) return context.reply.Null();
  context.reply.Bulk(record->key());
}

void Dbsize(CommandContext& context) {
  context.reply.Integer(static_cast<int64_t>(context.db.size()));
}

bool ReadReclaim(CommandContext& context, Reclaim* reclaim) {
  if (context.args.size() == 1) {
    *reclaim = context.services.config.lazyfree_lazy_user_flush ? Reclaim::kLater : Reclaim::kNow;
  } else if (context.args.size() == 2 && Is(context.args[1], "SYNC")) {
    *reclaim = Reclaim::kNow;
  } else if (context.args.size() == 2 && Is(context.args[1], "ASYNC")) {
    *reclaim = Reclaim::kLater;
  } else {
    context.reply.Error(kSyntaxError);
    return false;
  }
  return true;
}

void Flushdb(CommandContext& context) {
  Reclaim reclaim;
  if (!ReadReclaim(context, &reclaim)) return;
  context.db.Flush(reclaim);
  context.reply.Ok();
}

void Flushall(CommandContext& context) {
  Reclaim reclaim;
  if (!ReadReclaim(context, &reclaim)) return;
  context.services.keyspace.FlushAll(reclaim == Reclaim::kLater);
  context.reply.Ok();
}

bool ReadSwapped(CommandContext& context, std::string_view argument, std::string_view error,
                 int32_t* index) {
  int64_t wide = 0;
  if (!types::ParseInteger(argument, &wide) || wide != static_cast<int32_t>(wide)) {
    context.reply.Error(error);
    return false;
  }
  *index = static_cast<int32_t>(wide);
  return true;
}

void Swapdb(CommandContext& context) {
  if (HasOneDatabaseOnly(context)) {
    return context.reply.Error("ERR SWAPDB is not allowed in cluster mode");
  }
  int32_t first;
  int32_t second;
  if (!ReadSwapped(context, context.args[1], "ERR invalid first DB index", &first)) return;
  if (!ReadSwapped(context, context.args[2], "ERR invalid second DB index", &second)) return;
  const int count = context.services.keyspace.database_count();
  if (first < 0 || first >= count || second < 0 || second >= count) {
    return context.reply.Error(kNoSuchDatabase);
  }
  context.services.keyspace.Swap(first, second);
  context.reply.Ok();
}

}  // namespace

void RegisterWholeKeyspace(HandlerTable& handlers) {
  handlers.Register("scan", Scan);
  handlers.Register("keys", Keys);
  handlers.Register("randomkey", Randomkey);
  handlers.Register("dbsize", Dbsize);
  handlers.Register("flushdb", Flushdb);
  handlers.Register("flushall", Flushall);
  handlers.Register("swapdb", Swapdb);
}

}  // namespace keyway::shard::commands
