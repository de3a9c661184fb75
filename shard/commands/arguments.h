// What the commands about keys have in common: reading arguments, and the errors that go with it.
// A function that returns false has written the error reply.
#pragma once

#include <cstdint>
#include <string_view>

#include "shard/commands/words.h"
#include "shard/keyspace/record.h"
#include "shard/server/command_context.h"
#include "shard/types/integer.h"
#include "shard/types/string.h"

namespace keyway::shard::commands {

inline constexpr std::string_view kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kNoSuchKey = "ERR no such key";
inline constexpr std::string_view kSameObject = "ERR source and destination objects are the same";
inline constexpr std::string_view kNoSuchDatabase = "ERR DB index is out of range";

bool ReadInteger(CommandContext& context, std::string_view argument, int64_t* value);
// One that fits in 32 bits.
bool ReadInt(CommandContext& context, std::string_view argument, int32_t* value);
// The number of a database that exists: MOVE, COPY.
bool ReadDatabase(CommandContext& context, std::string_view argument, int32_t* index);
// Whether the databases but the first are out of reach, as in a plain Redis Cluster.
bool HasOneDatabaseOnly(const CommandContext& context);

// How long a string may become: proto-max-bulk-len, which may have been higher when a command was
// executed that is replayed now.
int64_t MaxStringBytes(const CommandContext& context);

// Whether the record is of that type.
bool CheckType(CommandContext& context, const keyspace::Record& record, keyspace::Type type);
bool CheckString(CommandContext& context, const keyspace::Record& record);
void ReplyError(CommandContext& context, types::StringError error);

// A time to live or a point in time, as an argument of SET, GETEX or EXPIRE.
struct ExpiryArgument {
  std::string_view text;
  bool in_seconds = false;
  bool from_now = false;
};
// The time at which the key expires, wall-clock ms. The argument must be greater than 0.
bool ReadPositiveExpiry(CommandContext& context, const ExpiryArgument& argument,
                        int64_t* expiry_ms);
// The same for any integer; in the past it may be negative.
bool ReadExpiry(CommandContext& context, const ExpiryArgument& argument, int64_t* expiry_ms);

// A time to wait as BLPOP takes it, seconds with a fraction, in milliseconds rounded up.
bool ReadTimeoutSeconds(CommandContext& context, std::string_view argument, int64_t* timeout_ms);
// As XREAD's BLOCK takes it, whole milliseconds.
bool ReadTimeoutMillis(CommandContext& context, std::string_view argument, int64_t* timeout_ms);

}  // namespace keyway::shard::commands
