#include "shard/commands/arguments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "shard/commands/must_obey.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/types/integer.h"
#include "shard/types/long_double.h"

namespace keyway::shard::commands {
namespace {

constexpr int64_t kMillisInSecond = 1000;

bool InvalidExpiry(CommandContext& context) {
  context.reply.Error("ERR invalid expire time in '" + context.command.full_name + "' command");
  return false;
}

bool ToExpiry(CommandContext& context, const ExpiryArgument& argument, int64_t value,
              int64_t* expiry_ms) {
  if (argument.in_seconds && __builtin_mul_overflow(value, kMillisInSecond, &value)) {
    return InvalidExpiry(context);
  }
  if (argument.from_now && __builtin_add_overflow(value, context.now_ms, &value)) {
    return InvalidExpiry(context);
  }
  *expiry_ms = value;
  return true;
}

// What is longer is cut to it, so that it can be added to a clock: millions of years.
constexpr int64_t kMaxTimeoutMillis = std::numeric_limits<int64_t>::max() / 4;

bool CheckTimeout(CommandContext& context, int64_t millis, int64_t* timeout_ms) {
  if (millis < 0) {
    context.reply.Error("ERR timeout is negative");
    return false;
  }
  *timeout_ms = std::min(millis, kMaxTimeoutMillis);
  return true;
}

}  // namespace

bool ReadInteger(CommandContext& context, std::string_view argument, int64_t* value) {
  if (types::ParseInteger(argument, value)) return true;
  context.reply.Error(kNotAnInteger);
  return false;
}

bool ReadInt(CommandContext& context, std::string_view argument, int32_t* value) {
  int64_t wide = 0;
  if (!ReadInteger(context, argument, &wide)) return false;
  if (wide < std::numeric_limits<int32_t>::min() || wide > std::numeric_limits<int32_t>::max()) {
    context.reply.Error("ERR value is out of range, value must between -2147483648 and 2147483647");
    return false;
  }
  *value = static_cast<int32_t>(wide);
  return true;
}

bool HasOneDatabaseOnly(const CommandContext& context) {
  return context.services.cluster != nullptr && context.services.keyspace.database_count() == 1;
}

bool ReadDatabase(CommandContext& context, std::string_view argument, int32_t* index) {
  if (!ReadInt(context, argument, index)) return false;
  // A Redis Cluster node says that a database is not allowed only if it could be there.
  const int64_t count = HasOneDatabaseOnly(context) ? context.services.config.databases
                                                    : context.services.keyspace.database_count();
  if (*index >= 0 && *index < count) return true;
  context.reply.Error(kNoSuchDatabase);
  return false;
}

int64_t MaxStringBytes(const CommandContext& context) {
  constexpr int64_t kMaxReplayed = int64_t{4} << 30;  // a damaged file must not exhaust the memory
  const int64_t limit = context.services.config.proto_max_bulk_len;
  return MustObey(context) ? std::max(limit, kMaxReplayed) : limit;
}

bool CheckType(CommandContext& context, const keyspace::Record& record, keyspace::Type type) {
  if (record.type() == type) return true;
  context.reply.Error(kWrongType);
  return false;
}

bool CheckString(CommandContext& context, const keyspace::Record& record) {
  return CheckType(context, record, keyspace::Type::kString);
}

void ReplyError(CommandContext& context, types::StringError error) {
  switch (error) {
    case types::StringError::kWrongType:
      return context.reply.Error(kWrongType);
    case types::StringError::kNotInteger:
      return context.reply.Error(kNotAnInteger);
    case types::StringError::kOverflow:
      return context.reply.Error("ERR increment or decrement would overflow");
    case types::StringError::kNotFloat:
      return context.reply.Error("ERR value is not a valid float");
    case types::StringError::kNanOrInfinity:
      return context.reply.Error("ERR increment would produce NaN or Infinity");
    case types::StringError::kTooLong:
      return context.reply.Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  }
}

bool ReadPositiveExpiry(CommandContext& context, const ExpiryArgument& argument,
                        int64_t* expiry_ms) {
  int64_t value = 0;
  if (!ReadInteger(context, argument.text, &value)) return false;
  if (value <= 0) return InvalidExpiry(context);
  return ToExpiry(context, argument, value, expiry_ms);
}

bool ReadExpiry(CommandContext& context, const ExpiryArgument& argument, int64_t* expiry_ms) {
  int64_t value = 0;
  return ReadInteger(context, argument.text, &value) &&
         ToExpiry(context, argument, value, expiry_ms);
}

bool ReadTimeoutSeconds(CommandContext& context, std::string_view argument, int64_t* timeout_ms) {
  long double seconds = 0;
  if (!types::ParseLongDouble(argument, &seconds)) {
    context.reply.Error("ERR timeout is not a float or out of range");
    return false;
  }
  const long double millis = std::ceil(seconds * kMillisInSecond);
  // Redis lets what is too large overflow, and then calls it negative.
  constexpr long double kTooLarge = 9223372036854775808.0L;
  return CheckTimeout(
      context, millis < kTooLarge && millis >= 0 ? static_cast<int64_t>(millis) : -1, timeout_ms);
}

bool ReadTimeoutMillis(CommandContext& context, std::string_view argument, int64_t* timeout_ms) {
  int64_t millis = 0;
  if (!types::ParseInteger(argument, &millis)) {
    context.reply.Error("ERR timeout is not an integer or out of range");
    return false;
  }
  return CheckTimeout(context, millis, timeout_ms);
}

}  // namespace keyway::shard::commands
