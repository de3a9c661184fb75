#include "shard/commands/keyspace_commands.h"

#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/scan_options.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/effects.h"
#include "shard/server/persistence.h"

namespace keyway::shard::commands {

using keyspace::Database;
using keyspace::Reclaim;
using keyspace::Record;

namespace {

void Scan(CommandContext& context) {
  Database::Cursor cursor;
  ScanOptions options;
  if (!ReadScanCursor(context, context.args[1], &cursor)) return;
  if (!ReadScanOptions(context, 2, true, &options)) return;
  std::vector<const Record*> records;
  cursor = context.db.Scan(cursor, options.count, &records);
  std::erase_if(records,
                [&options](const Record* record) { return !options.Matches(record->key()); });
  if (options.type.has_value()) {
    // As in Redis that is a look at the key, which counts.
    std::erase_if(records, [&](const Record* record) {
      const Record* found = context.db.Find(keyspace::Key(record->key()), context.now_ms,
                                            keyspace::Access::kPeek);
      return found == nullptr || !Is(*options.type, keyspace::TypeName(found->type()));
    });
  }
  context.db.DeleteExpired(context.now_ms, &records);
  ReplyScanCursor(context, cursor);
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
      if (record->IsExpired(context.now_ms) || !options.Matches(record->key())) continue;
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
  if (context.effects != nullptr) context.effects->Force(kEffectAll);
  context.reply.Ok();
}

void Flushall(CommandContext& context) {
  Reclaim reclaim;
  if (!ReadReclaim(context, &reclaim)) return;
  context.services.keyspace.FlushAll(reclaim == Reclaim::kLater);
  if (context.services.persistence != nullptr) context.services.persistence->AfterFlushAll();
  if (context.effects != nullptr) context.effects->Force(kEffectAll);
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
