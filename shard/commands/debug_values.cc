#include "shard/commands/debug_values.h"

#include <cstdio>
#include <string>

#include "common/config/memory_size.h"
#include "shard/commands/arguments.h"
#include "shard/commands/value_digest.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/access_clock.h"
#include "shard/keyspace/database.h"
#include "shard/persistence/rdb/value_writer.h"
#include "shard/types/encodings/quicklist.h"

namespace keyway::shard::commands {

using keyspace::Encoding;
using keyspace::Record;

namespace {

const Record* FindValue(CommandContext& context) {
  const Record* record =
      context.db.Find(keyspace::Key(context.args[2]), context.now_ms, keyspace::Access::kNone);
  if (record == nullptr) context.reply.Error(kNoSuchKey);
  return record;
}

// What DEBUG OBJECT says of a list besides.
std::string QuicklistText(const types::Quicklist& list) {
  size_t bytes = 0;
  list.ForEachNode([&](const types::Quicklist::NodeView& node) { bytes += node.bytes.size(); });
  char text[160];
  const int length = std::snprintf(
      text, sizeof(text),
      " ql_nodes:%zu ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:%d ql_uncompressed_size:%zu",
      list.node_count(),
      static_cast<double>(list.size()) / static_cast<double>(list.node_count()), list.fill(),
      list.compress_depth() != 0 ? 1 : 0, bytes);
  return std::string(text, static_cast<size_t>(length));
}

}  // namespace

void DebugObject(CommandContext& context) {
  const Record* record = FindValue(context);
  if (record == nullptr) return;
  std::string serialized;
  rdb::ValueWriter writer({.compress = context.services.config.rdbcompression}, &serialized);
  writer.Write(*record);
  char address[32];
  std::snprintf(address, sizeof(address), "%p", static_cast<const void*>(record));
  std::string text = "Value at:" + std::string(address) + " refcount:1 encoding:" +
                     std::string(keyspace::EncodingName(record->encoding())) +
                     " serializedlength:" + std::to_string(serialized.size()) +
                     " lru:" + std::to_string(record->access()) + " lru_seconds_idle:" +
                     std::to_string(keyspace::IdleSeconds(record->access(), context.now_ms));
  if (record->encoding() == Encoding::kQuicklist) {
    text += QuicklistText(*static_cast<const types::Quicklist*>(record->object()));
  }
  context.reply.Simple(text);
}

void DebugListpack(CommandContext& context) {
  const Record* record = FindValue(context);
  if (record == nullptr) return;
  if (record->encoding() != Encoding::kListpack) {
    return context.reply.Error("ERR Not a listpack encoded object.");
  }
  context.reply.Simple("Listpack structure printed on stdout");
}

void DebugQuicklist(CommandContext& context) {
  const Record* record = FindValue(context);
  if (record == nullptr) return;
  if (record->encoding() != Encoding::kQuicklist) {
    return context.reply.Error("ERR Not a quicklist encoded object.");
  }
  context.reply.Simple("Quicklist structure printed on stdout");
}

void DebugQuicklistPackedThreshold(CommandContext& context) {
  const auto bytes = config::ParseMemory(context.args[2]);
  if (!bytes.has_value() || !types::Quicklist::SetPackedThreshold(*bytes)) {
    return context.reply.Error(
        "ERR argument must be a memory value bigger than 1 and smaller than 4gb");
  }
  context.reply.Ok();
}

void DebugDigest(CommandContext& context) {
  context.reply.Simple(DigestOfKeyspace(context.services.keyspace).Hex());
}

void DebugDigestValue(CommandContext& context) {
  context.reply.ArrayHeader(context.args.size() - 2);
  for (std::string_view name : context.args.subspan(2)) {
    Digest digest;
    const Record* record =
        context.db.Find(keyspace::Key(name), context.now_ms, keyspace::Access::kNone);
    if (record != nullptr) MixValue(*record, &digest);
    context.reply.Simple(digest.Hex());
  }
}

}  // namespace keyway::shard::commands
