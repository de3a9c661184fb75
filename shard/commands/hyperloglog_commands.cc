#include "shard/commands/hyperloglog_commands.h"

#include <string>
#include <string_view>

#include "shard/commands/arguments.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/types/hyperloglog.h"

namespace keyway::shard::commands {

using keyspace::Key;
using types::HyperLogLogError;

namespace {

void ReplyHyperLogLogError(CommandContext& context, HyperLogLogError error) {
  switch (error) {
    case HyperLogLogError::kWrongType:
      return context.reply.Error(kWrongType);
    case HyperLogLogError::kNotOne:
      return context.reply.Error("WRONGTYPE Key is not a valid HyperLogLog string value.");
    case HyperLogLogError::kCorrupted:
      return context.reply.Error("INVALIDOBJ Corrupted HLL object detected");
  }
}

size_t SparseLimit(const CommandContext& context) {
  return static_cast<size_t>(context.services.config.hll_sparse_max_bytes);
}

void Pfadd(CommandContext& context) {
  const auto changed =
      types::AddToHyperLogLog(context.db, Key(context.args[1]), context.args.subspan(2),
                              SparseLimit(context), context.now_ms);
  if (!changed.ok()) return ReplyHyperLogLogError(context, changed.error());
  context.reply.Integer(*changed ? 1 : 0);
}

void Pfcount(CommandContext& context) {
  const auto count =
      context.args.size() == 2
          ? types::CountHyperLogLog(context.db, Key(context.args[1]), context.now_ms)
          : types::CountHyperLogLogs(context.db, context.args.subspan(1), context.now_ms);
  if (!count.ok()) return ReplyHyperLogLogError(context, count.error());
  context.reply.Integer(static_cast<int64_t>(*count));
}

void Pfmerge(CommandContext& context) {
  const auto merged = types::MergeHyperLogLogs(context.db, context.args.subspan(1),
                                               SparseLimit(context), context.now_ms);
  if (!merged.ok()) return ReplyHyperLogLogError(context, merged.error());
  context.reply.Ok();
}

void Pfdebug(CommandContext& context) {
  const std::string_view subcommand = context.args[1];
  const Key key(context.args[2]);
  if (context.db.Find(key, context.now_ms, keyspace::Access::kNone) == nullptr) {
    return context.reply.Error("ERR The specified key does not exist");
  }
  auto bytes = types::LoadHyperLogLog(context.db, key, false, context.now_ms);
  if (!bytes.ok()) return ReplyHyperLogLogError(context, bytes.error());
  const bool was_sparse = HyperLogLog::IsSparse(*bytes);
  if (Is(subcommand, "getreg") || Is(subcommand, "todense")) {
    bytes = types::LoadHyperLogLog(context.db, key, true, context.now_ms);
    if (!bytes.ok()) return ReplyHyperLogLogError(context, bytes.error());
    if (Is(subcommand, "todense")) return context.reply.Integer(was_sparse ? 1 : 0);
    context.reply.ArrayHeader(HyperLogLog::kRegisters);
    for (size_t i = 0; i < HyperLogLog::kRegisters; ++i) {
      context.reply.Integer(HyperLogLog::DenseRegister(*bytes, i));
    }
  } else if (Is(subcommand, "decode")) {
    if (!was_sparse) return context.reply.Error("ERR HLL encoding is not sparse");
    context.reply.Bulk(HyperLogLog::Describe(*bytes));
  } else if (Is(subcommand, "encoding")) {
    context.reply.Simple(was_sparse ? "sparse" : "dense");
  } else {
    context.reply.Error("ERR Unknown PFDEBUG subcommand '" +
                        std::string(subcommand.substr(0, subcommand.find('\0'))) + "'");
  }
}

void Pfselftest(CommandContext& context) {
  const std::string failure = TestHyperLogLog();
  if (!failure.empty()) return context.reply.Error(failure);
  context.reply.Ok();
}

}  // namespace

void RegisterHyperLogLog(HandlerTable& handlers) {
  handlers.Register("pfadd", Pfadd);
  handlers.Register("pfcount", Pfcount);
  handlers.Register("pfmerge", Pfmerge);
  handlers.Register("pfdebug", Pfdebug);
  handlers.Register("pfselftest", Pfselftest);
}

}  // namespace keyway::shard::commands
