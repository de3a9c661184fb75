#include "shard/commands/hash_commands.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/random_count.h"
#include "shard/commands/scan_options.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/server/effects.h"
#include "shard/types/hash.h"
#include "shard/types/long_double.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using types::Digits;
using types::HashError;
using types::HashLimits;

namespace {

void ReplyError(CommandContext& context, HashError error) {
  switch (error) {
    case HashError::kWrongType:
      return context.reply.Error(kWrongType);
    case HashError::kNotInteger:
      return context.reply.Error("ERR hash value is not an integer");
    case HashError::kOverflow:
      return context.reply.Error("ERR increment or decrement would overflow");
    case HashError::kNotFloat:
      return context.reply.Error("ERR hash value is not a float");
    case HashError::kNanOrInfinity:
      return context.reply.Error("ERR increment would produce NaN or Infinity");
  }
}

HashLimits Limits(const CommandContext& context) {
  return {.max_fields = static_cast<size_t>(context.services.config.hash_max_listpack_entries),
          .max_bytes = static_cast<size_t>(context.services.config.hash_max_listpack_value)};
}

// Finds the hash of the first argument, nullptr if there is none. Returns false after an error.
bool FindHash(CommandContext& context, const Record** record) {
  *record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead);
  return *record == nullptr || CheckType(context, **record, keyspace::Type::kHash);
}

void ReplyValue(CommandContext& context, const Record* record, std::string_view field) {
  Digits digits;
  const auto value = record == nullptr ? std::nullopt : types::HashGet(*record, field, digits);
  if (value.has_value()) {
    context.reply.Bulk(*value);
  } else {
    context.reply.Null();
  }
}

// Returns how many fields are new, nothing after an error.
std::optional<size_t> SetFields(CommandContext& context) {
  if (context.args.size() % 2 != 0) {
    context.reply.Error("ERR wrong number of arguments for '" + context.command.full_name +
                        "' command");
    return std::nullopt;
  }
  const auto created = types::HashSet(context.db, Key(context.args[1]), context.args.subspan(2),
                                      Limits(context), context.now_ms);
  if (created.ok()) return *created;
  ReplyError(context, created.error());
  return std::nullopt;
}

void Hset(CommandContext& context) {
  const auto created = SetFields(context);
  if (created.has_value()) context.reply.Integer(static_cast<int64_t>(*created));
}

void Hmset(CommandContext& context) {
  if (SetFields(context).has_value()) context.reply.Ok();
}

void Hsetnx(CommandContext& context) {
  const auto set = types::HashSetNew(context.db, Key(context.args[1]), context.args[2],
                                     context.args[3], Limits(context), context.now_ms);
  if (!set.ok()) return ReplyError(context, set.error());
  context.reply.Integer(*set ? 1 : 0);
}

void Hget(CommandContext& context) {
  const Record* record;
  if (FindHash(context, &record)) ReplyValue(context, record, context.args[2]);
}

void Hmget(CommandContext& context) {
  const Record* record;
  if (!FindHash(context, &record)) return;
  const auto fields = context.args.subspan(2);
  context.reply.ArrayHeader(fields.size());
  for (const std::string_view field : fields) ReplyValue(context, record, field);
}

void Hgetall(CommandContext& context) {
  const Record* record;
  if (!FindHash(context, &record)) return;
  if (record == nullptr) return context.reply.MapHeader(0);
  context.reply.MapHeader(types::HashSize(*record));
  types::ForEachField(*record, [&context](std::string_view field, std::string_view value) {
    context.reply.Bulk(field);
    context.reply.Bulk(value);
  });
}

void ReplyEither(CommandContext& context, bool fields) {
  const Record* record;
  if (!FindHash(context, &record)) return;
  if (record == nullptr) return context.reply.ArrayHeader(0);
  context.reply.ArrayHeader(types::HashSize(*record));
  types::ForEachField(*record, [&context, fields](std::string_view field, std::string_view value) {
    context.reply.Bulk(fields ? field : value);
  });
}

void Hkeys(CommandContext& context) {
  ReplyEither(context, true);
}

void Hvals(CommandContext& context) {
  ReplyEither(context, false);
}

void Hlen(CommandContext& context) {
  const Record* record;
  if (!FindHash(context, &record)) return;
  context.reply.Integer(record == nullptr ? 0 : static_cast<int64_t>(types::HashSize(*record)));
}

void Hexists(CommandContext& context) {
  const Record* record;
  if (!FindHash(context, &record)) return;
  Digits digits;
  const bool exists =
      record != nullptr && types::HashGet(*record, context.args[2], digits).has_value();
  context.reply.Integer(exists ? 1 : 0);
}

void Hstrlen(CommandContext& context) {
  const Record* record;
  if (!FindHash(context, &record)) return;
  Digits digits;
  const auto value =
      record == nullptr ? std::nullopt : types::HashGet(*record, context.args[2], digits);
  context.reply.Integer(value.has_value() ? static_cast<int64_t>(value->size()) : 0);
}

void Hdel(CommandContext& context) {
  const auto removed =
      types::HashDelete(context.db, Key(context.args[1]), context.args.subspan(2), context.now_ms);
  if (!removed.ok()) return ReplyError(context, removed.error());
  context.reply.Integer(static_cast<int64_t>(*removed));
}

void Hincrby(CommandContext& context) {
  int64_t increment;
  if (!ReadInteger(context, context.args[3], &increment)) return;
  const auto value = types::HashIncrementBy(context.db, Key(context.args[1]), context.args[2],
                                            increment, Limits(context), context.now_ms);
  if (!value.ok()) return ReplyError(context, value.error());
  context.reply.Integer(*value);
}

void Hincrbyfloat(CommandContext& context) {
  long double increment;
  if (!types::ParseLongDouble(context.args[3], &increment)) {
    return context.reply.Error("ERR value is not a valid float");
  }
  if (std::isinf(increment)) return context.reply.Error("ERR value is NaN or Infinity");
  const auto value = types::HashIncrementByFloat(context.db, Key(context.args[1]), context.args[2],
                                                 increment, Limits(context), context.now_ms);
  if (!value.ok()) return ReplyError(context, value.error());
  if (context.effects != nullptr) {
    context.effects->Replace({"HSET", context.args[1], context.args[2], *value});
  }
  context.reply.Bulk(*value);
}

void Hscan(CommandContext& context) {
  uint64_t cursor;
  ScanOptions options;
  const Record* record = BeginElementScan(context, keyspace::Type::kHash, &cursor, &options);
  if (record == nullptr) return;
  // The cursor stands before the fields, and is known after them.
  std::vector<const types::Field*> found;
  const bool is_table = record->encoding() == keyspace::Encoding::kHashtable;
  if (is_table) {
    const auto* table = static_cast<const types::FieldTable*>(record->object());
    cursor = table->Collect(cursor, options.count, &found);
  }
  ReplyScanCursor(context, is_table && cursor != types::FieldTable::kEnd ? cursor : 0);
  const auto place = context.reply.BeginDeferred();
  size_t elements = 0;
  const auto reply = [&](std::string_view field, std::string_view value) {
    if (!options.Matches(field)) return;
    context.reply.Bulk(field);
    context.reply.Bulk(value);
    elements += 2;
  };
  if (is_table) {
    for (const types::Field* field : found) reply(field->name(), field->value());
  } else {
    types::ForEachField(*record, reply);
  }
  context.reply.EndDeferredArray(place, elements);
}

// Writes one field of HRANDFIELD: with values, pairs in RESP3.
void ReplyRandomField(CommandContext& context, bool with_values, std::string_view field,
                      std::string_view value) {
  if (with_values && context.reply.version() == resp::Version::kResp3) context.reply.ArrayHeader(2);
  context.reply.Bulk(field);
  if (with_values) context.reply.Bulk(value);
}

void ReplyRandomFields(CommandContext& context, const Record& record, int64_t count,
                       bool with_values) {
  const auto reply = [&](std::string_view field, std::string_view value) {
    ReplyRandomField(context, with_values, field, value);
  };
  const size_t replies_a_field =
      with_values && context.reply.version() == resp::Version::kResp2 ? 2 : 1;
  Random& random = context.services.random;
  if (count < 0) {
    ReplyRepeated(context, static_cast<size_t>(-count), replies_a_field,
                  [&] { types::RandomField(record, random, reply); });
    return;
  }
  const size_t size = types::HashSize(record);
  const auto wanted = static_cast<size_t>(count);
  context.reply.ArrayHeader(std::min(wanted, size) * replies_a_field);
  if (wanted >= size) {
    types::ForEachField(record, reply);
  } else {
    types::SampleFields(record, random, wanted, reply);
  }
}

void Hrandfield(CommandContext& context) {
  if (context.args.size() == 2) {
    const Record* record;
    if (!FindHash(context, &record)) return;
    if (record == nullptr) return context.reply.Null();
    types::RandomField(
        *record, context.services.random,
        [&context](std::string_view field, std::string_view) { context.reply.Bulk(field); });
    return;
  }
  int64_t count;
  if (!ReadRandomCount(context, context.args[2], &count)) return;
  const bool with_values = context.args.size() == 4;
  if (context.args.size() > 4 || (with_values && !Is(context.args[3], "WITHVALUES"))) {
    return context.reply.Error(kSyntaxError);
  }
  constexpr int64_t kMostPairs = std::numeric_limits<int64_t>::max() / 2;
  if (with_values && (count < -kMostPairs || count > kMostPairs)) {
    return context.reply.Error("ERR value is out of range");
  }
  const Record* record;
  if (!FindHash(context, &record)) return;
  if (record == nullptr || count == 0) return context.reply.ArrayHeader(0);
  if (CheckRepeats(context, count)) ReplyRandomFields(context, *record, count, with_values);
}

}  // namespace

void RegisterHash(HandlerTable& handlers) {
  handlers.Register("hset", Hset);
  handlers.Register("hmset", Hmset);
  handlers.Register("hsetnx", Hsetnx);
  handlers.Register("hget", Hget);
  handlers.Register("hmget", Hmget);
  handlers.Register("hgetall", Hgetall);
  handlers.Register("hkeys", Hkeys);
  handlers.Register("hvals", Hvals);
  handlers.Register("hlen", Hlen);
  handlers.Register("hexists", Hexists);
  handlers.Register("hstrlen", Hstrlen);
  handlers.Register("hdel", Hdel);
  handlers.Register("hincrby", Hincrby);
  handlers.Register("hincrbyfloat", Hincrbyfloat);
  handlers.Register("hscan", Hscan);
  handlers.Register("hrandfield", Hrandfield);
}

}  // namespace keyway::shard::commands
