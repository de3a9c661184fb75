#include "shard/commands/server_debug.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "common/command/help.h"
#include "shard/commands/words.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/access_clock.h"
#include "shard/keyspace/database.h"
#include "shard/server/client.h"
#include "shard/server/lifecycle.h"

namespace keyway::shard::commands {
namespace {

constexpr std::string_view kHelp[] = {
    "OBJECT <key>",
    "    Show low level info about `key` and associated value.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
    "    default.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
};

constexpr double kLongestSleepSeconds = 24.0 * 3600;

bool IsAllowed(const CommandContext& context) {
  switch (context.services.config.enable_debug_command) {
    case ProtectedAction::kYes:
      return true;
    case ProtectedAction::kLocal:
      return context.client.is_local();
    case ProtectedAction::kNo:
      break;
  }
  return false;
}

// As atof: what is no number is 0.
double Number(std::string_view argument) {
  return std::strtod(std::string(argument).c_str(), nullptr);
}

void Sleep(CommandContext& context) {
  const double seconds = Number(context.args[2]);
  if (seconds > 0) {  // false for a NaN, too
    std::this_thread::sleep_for(
        std::chrono::duration<double>(std::fmin(seconds, kLongestSleepSeconds)));
  }
  context.reply.Ok();
}

void SetActiveExpire(CommandContext& context) {
  context.services.lifecycle.set_active_expire(Number(context.args[2]) != 0);
  context.reply.Ok();
}

// Bytes that the string takes in an RDB file, if it is not compressed: a length and the bytes, or a
// type byte and an integer.
size_t SerializedLength(const keyspace::Record& record) {
  if (record.encoding() == keyspace::Encoding::kInt) {
    const int64_t integer = record.integer();
    if (integer >= INT8_MIN && integer <= INT8_MAX) return 2;
    if (integer >= INT16_MIN && integer <= INT16_MAX) return 3;
    if (integer >= INT32_MIN && integer <= INT32_MAX) return 5;
    return 1 + std::to_string(integer).size();
  }
  const size_t bytes = record.encoding() == keyspace::Encoding::kEmbstr
                           ? record.embedded().size()
                           : record.raw().view().size();
  const size_t header = bytes < (1u << 6)     ? 1
                        : bytes < (1u << 14)  ? 2
                        : bytes <= UINT32_MAX ? 5
                                              : 9;
  return header + bytes;
}

void Object(CommandContext& context) {
  const keyspace::Record* record =
      context.db.Find(keyspace::Key(context.args[2]), context.now_ms, keyspace::Access::kPeek);
  if (record == nullptr) {
    context.reply.Error("ERR no such key");
    return;
  }
  char address[32];
  std::snprintf(address, sizeof(address), "%p", static_cast<const void*>(record));
  context.reply.Simple("Value at:" + std::string(address) + " refcount:1 encoding:" +
                       std::string(keyspace::EncodingName(record->encoding())) +
                       " serializedlength:" + std::to_string(SerializedLength(*record)) +
                       " lru:" + std::to_string(record->access()) + " lru_seconds_idle:" +
                       std::to_string(keyspace::IdleSeconds(record->access(), context.now_ms)));
}

}  // namespace

void Debug(CommandContext& context) {
  const auto args = context.args;
  if (!IsAllowed(context)) {
    context.reply.Error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", "
        "you can run it from a local connection, otherwise you need to set this option in the "
        "configuration file, and then restart the server.");
  } else if (Is(args[1], "help") && args.size() == 2) {
    command::ReplyHelp("DEBUG", kHelp, context.reply);
  } else if (Is(args[1], "sleep") && args.size() == 3) {
    Sleep(context);
  } else if (Is(args[1], "set-active-expire") && args.size() == 3) {
    SetActiveExpire(context);
  } else if (Is(args[1], "object") && args.size() == 3) {
    Object(context);
  } else {
    context.reply.Error(SubcommandSyntaxError("DEBUG", args[1]));
  }
}

}  // namespace keyway::shard::commands
