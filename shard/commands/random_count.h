// The count of HRANDFIELD and SRANDMEMBER: so many different elements, or, if it is negative, as
// many of which one may come again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shard/server/command_context.h"

namespace keyway::shard::commands {

// What no request may repeat elements beyond: more than any client can want.
inline constexpr int64_t kMostRepeated = int64_t{1} << 27;
inline constexpr size_t kMostRepeatedBytes = size_t{1} << 30;

// Each returns false when it has written an error. CheckRepeats is for a key that exists: with one
// that does not, Redis takes any count.
bool ReadRandomCount(CommandContext& context, std::string_view argument, int64_t* count);
bool CheckRepeats(CommandContext& context, int64_t count);

// Writes an array of what `count` calls of `write()` write, `replies` elements each: fewer if it
// became too much memory.
template <typename Write>
void ReplyRepeated(CommandContext& context, size_t count, size_t replies, Write&& write) {
  const size_t before = context.reply.buffer().size();
  const auto place = context.reply.BeginDeferred();
  size_t written = 0;
  while (written < count && context.reply.buffer().size() - before < kMostRepeatedBytes) {
    write();
    ++written;
  }
  context.reply.EndDeferredArray(place, written * replies);
}

}  // namespace keyway::shard::commands
