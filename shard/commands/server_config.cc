#include "shard/commands/server_config.h"

#include <vector>

#include "common/command/help.h"
#include "common/config/registry.h"
#include "common/log/log.h"
#include "shard/commands/words.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/client.h"
#include "shard/server/client_eviction.h"
#include "shard/server/client_registry.h"
#include "shard/server/eviction.h"
#include "shard/server/persistence.h"
#include "shard/server/stats.h"

namespace keyway::shard::commands {
namespace {

void Help(CommandContext& context) {
  command::ReplyHelp("config", command::ConfigHelp(), context.reply);
}

void Get(CommandContext& context) {
  const auto values = context.services.registry.Get(context.args.subspan(2));
  context.reply.MapHeader(values.size());
  for (const auto& [name, value] : values) {
    context.reply.Bulk(name);
    context.reply.Bulk(value);
  }
}

bool MaySetProtected(const CommandContext& context) {
  switch (context.services.config.enable_protected_configs) {
    case ProtectedAction::kYes:
      return true;
    case ProtectedAction::kLocal:
      return context.client.is_local();
    case ProtectedAction::kNo:
      break;
  }
  return false;
}

void Set(CommandContext& context) {
  const auto words = context.args.subspan(2);
  if (words.size() % 2 != 0) {
    context.reply.Error(kSyntaxError);
    return;
  }
  std::vector<config::Registry::Pair> pairs;
  pairs.reserve(words.size() / 2);
  for (size_t i = 0; i < words.size(); i += 2) pairs.emplace_back(words[i], words[i + 1]);
  config::SetOptions options;
  options.allow_protected = MaySetProtected(context);
  options.loading =
      context.services.persistence != nullptr && context.services.persistence->loading();
  if (const Status status = context.services.registry.Set(pairs, options); !status.ok()) {
    context.reply.Error(status.error().message);
    return;
  }
  context.reply.Ok();
}

void Rewrite(CommandContext& context) {
  if (const Status status = context.services.registry.Rewrite(); !status.ok()) {
    KEYWAY_WARNING() << "CONFIG REWRITE failed: " << status.error().message;
    context.reply.Error(status.error().message);
    return;
  }
  KEYWAY_WARNING() << "CONFIG REWRITE executed with success.";
  context.reply.Ok();
}

void ResetStat(CommandContext& context) {
  Services& services = context.services;
  ServerStats::Counters& counters = services.stats.counters;
  counters.repl_input_bytes_before_reset = services.clients.ReplicationInputBytes();
  counters.repl_output_bytes_before_reset = services.clients.ReplicationOutputBytes();
  counters.input_bytes_before_reset = services.clients.InputBytes();
  counters.output_bytes_before_reset = services.clients.OutputBytes();
  counters.writes_before_reset = services.loop.writes();
  services.stats.Reset();
  services.keyspace.ResetStats();
  if (services.persistence != nullptr) services.persistence->ResetStats();
  if (services.eviction != nullptr) services.eviction->ResetStats();
  if (services.client_eviction != nullptr) services.client_eviction->ResetStats();
  context.reply.Ok();
}

}  // namespace

void RegisterConfig(HandlerTable& handlers) {
  handlers.Register("config|help", Help);
  handlers.Register("config|get", Get);
  handlers.Register("config|set", Set);
  handlers.Register("config|rewrite", Rewrite);
  handlers.Register("config|resetstat", ResetStat);
}

}  // namespace keyway::shard::commands
