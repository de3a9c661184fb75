// Values as bytes that another server can load, and how much memory they take.
#include "shard/commands/dump_commands.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/register_keyspace_commands.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/persistence/rdb/read_options.h"
#include "shard/persistence/rdb/value_reader.h"
#include "shard/persistence/rdb/value_writer.h"
#include "shard/server/effects.h"
#include "shard/server/lifecycle.h"
#include "shard/types/encodings/field_table.h"
#include "shard/types/encodings/set_table.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Event;
using keyspace::Key;
using keyspace::Reclaim;
using keyspace::Record;

namespace {

void Dump(CommandContext& context) {
  const Record* record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead);
  if (record == nullptr) return context.reply.Null();
  context.reply.Bulk(
      rdb::DumpPayload(*record, {.compress = context.services.config.rdbcompression}));
}

struct RestoreOptions {
  bool replace = false;
  bool absolute_ttl = false;
  int64_t idle_seconds = -1;
  int64_t frequency = -1;
};

bool ReadRestoreOptions(CommandContext& context, RestoreOptions* options) {
  const auto args = context.args;
  for (size_t i = 4; i < args.size(); ++i) {
    const bool has_more = i + 1 < args.size();
    if (Is(args[i], "REPLACE")) {
      options->replace = true;
    } else if (Is(args[i], "ABSTTL")) {
      options->absolute_ttl = true;
    } else if (Is(args[i], "IDLETIME") && has_more && options->frequency == -1) {
      if (!ReadInteger(context, args[++i], &options->idle_seconds)) return false;
      if (options->idle_seconds < 0) {
        context.reply.Error("ERR Invalid IDLETIME value, must be >= 0");
        return false;
      }
    } else if (Is(args[i], "FREQ") && has_more && options->idle_seconds == -1) {
      if (!ReadInteger(context, args[++i], &options->frequency)) return false;
      if (options->frequency < 0 || options->frequency > 255) {
        context.reply.Error("ERR Invalid FREQ value, must be >= 0 and <= 255");
        return false;
      }
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

void SetRestoredAccess(CommandContext& context, const Key& key, const RestoreOptions& options) {
  const auto access =
      keyspace::RestoredAccess(KeyspaceOptionsOf(context.services.config).access,
                               options.idle_seconds, options.frequency, context.now_ms);
  if (access.has_value()) context.db.SetAccess(key, *access);
}

void ReplaceByAbsoluteTtl(CommandContext& context, int64_t expiry_ms) {
  const EffectWord text(expiry_ms);
  std::vector<std::string_view> args(context.args.begin(), context.args.end());
  args[2] = text.text();
  args.push_back("ABSTTL");
  context.effects->Replace(args);
}

void Restore(CommandContext& context) {
  RestoreOptions options;
  if (!ReadRestoreOptions(context, &options)) return;
  const Key key(context.args[1]);
  if (!options.replace && context.db.Find(key, context.now_ms, Access::kWrite) != nullptr) {
    return context.reply.Error("BUSYKEY Target key name already exists.");
  }
  int64_t ttl = 0;
  if (!ReadInteger(context, context.args[2], &ttl)) return;
  if (ttl < 0) return context.reply.Error("ERR Invalid TTL value, must be >= 0");
  const std::string_view payload = context.args[3];
  if (!rdb::IsDumpPayload(payload, !context.services.lifecycle.skip_checksum())) {
    return context.reply.Error("ERR DUMP payload version or checksum are wrong");
  }
  rdb::ByteReader reader(payload);
  rdb::ByteReader::Text text;
  uint8_t type = 0;
  reader.Byte(&type);  // there is one: a payload has a footer
  auto value = rdb::ReadValue(type, rdb::ReadOptionsOf(context.services.config), &reader, &text);
  if (!value.ok()) return context.reply.Error("ERR Bad data format");
  int64_t expiry_ms = keyspace::kNoExpiry;
  if (ttl != 0) {
    // Wraps around as Redis's does, into the past.
    expiry_ms = options.absolute_ttl ? ttl
                                     : static_cast<int64_t>(static_cast<uint64_t>(ttl) +
                                                            static_cast<uint64_t>(context.now_ms));
    if (context.db.IsPast(expiry_ms, context.now_ms)) {
      const bool deleted =
          options.replace && context.db.Delete(key, keyspace::kEvenIfExpired, Reclaim::kNow);
      if (context.effects != nullptr && deleted) context.effects->Replace({"DEL", key.text});
      return context.reply.Ok();
    }
  }
  context.db.Set(key, std::move(*value), expiry_ms, context.now_ms, Event::kRestore);
  if (context.effects != nullptr && ttl != 0 && !options.absolute_ttl) {
    ReplaceByAbsoluteTtl(context, expiry_ms);
  }
  SetRestoredAccess(context, key, options);
  context.reply.Ok();
}

// Of the record and what it points to; of a large set or hash `samples` elements are looked at.
size_t BytesOf(const Record& record, size_t samples) {
  if (record.encoding() != keyspace::Encoding::kHashtable || samples == 0) {
    return record.AllocatedBytes();
  }
  // The record alone is as large as one of an integer.
  const size_t record_bytes = (8 + (record.has_expiry() ? 8 : 0) + 8 + record.key().size() + 15) / 16 * 16;
  const size_t object_bytes =
      record.type() == keyspace::Type::kSet
          ? static_cast<const types::SetTable*>(record.object())->AllocatedBytes(samples)
          : static_cast<const types::FieldTable*>(record.object())->AllocatedBytes(samples);
  return record_bytes + object_bytes;
}

void MemoryUsage(CommandContext& context) {
  constexpr int64_t kDefaultSamples = 5;
  constexpr size_t kCellBytes = 10;  // of the table of keys, for each of them
  int64_t samples = kDefaultSamples;
  for (size_t i = 3; i < context.args.size(); ++i) {
    if (!Is(context.args[i], "SAMPLES") || i + 1 == context.args.size()) {
      return context.reply.Error(kSyntaxError);
    }
    if (!ReadInteger(context, context.args[++i], &samples)) return;
    if (samples < 0) return context.reply.Error(kSyntaxError);
  }
  // As in Redis it shows what has expired and is there still.
  const Record* record = context.db.Peek(Key(context.args[2]));
  if (record == nullptr) return context.reply.Null();
  context.reply.Integer(
      static_cast<int64_t>(BytesOf(*record, static_cast<size_t>(samples)) + kCellBytes));
}

}  // namespace

void RegisterDump(HandlerTable& handlers) {
  handlers.Register("dump", Dump);
  handlers.Register("restore", Restore);
  handlers.Register("restore-asking", Restore);
  handlers.Register("memory|usage", MemoryUsage);
}

}  // namespace keyway::shard::commands
