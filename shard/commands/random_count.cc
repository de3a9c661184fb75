#include "shard/commands/random_count.h"

#include <limits>

#include "shard/commands/arguments.h"

namespace keyway::shard::commands {

bool ReadRandomCount(CommandContext& context, std::string_view argument, int64_t* count) {
  if (!ReadInteger(context, argument, count)) return false;
  if (*count == std::numeric_limits<int64_t>::min()) {
    context.reply.Error(
        "ERR value is out of range, value must between -9223372036854775807 and "
        "9223372036854775807");
    return false;
  }
  return true;
}

bool CheckRepeats(CommandContext& context, int64_t count) {
  if (count >= -kMostRepeated) return true;
  context.reply.Error("ERR value is out of range");
  return false;
}

}  // namespace keyway::shard::commands
