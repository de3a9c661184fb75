#include "shard/commands/server_lolwut.h"

#include <string>

#include "shard/commands/words.h"
#include "shard/server/lifecycle.h"

namespace keyway::shard::commands {

// The version, as a Redis without art of its own says it. The generative pictures of versions 5 and
// 6 are not drawn.
void Lolwut(CommandContext& context) {
  int64_t version = 0;
  if (context.args.size() >= 3 && Is(context.args[1], "version") &&
      !ParseNumber(context.args[2], &version)) {
    context.reply.Error(kNotAnInteger);
    return;
  }
  context.reply.Verbatim("txt", "Redis ver. " + std::string(kRedisVersion) + "\n");
}

}  // namespace keyway::shard::commands
