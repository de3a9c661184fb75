#include "tests/support/commands/command_executor.h"

#include <cstddef>

#include "common/base/output_buffer.h"
#include "common/command/table.h"
#include "shard/commands/geo_commands.h"
#include "shard/commands/hash_commands.h"
#include "shard/commands/list_commands.h"
#include "shard/commands/register_keyspace_commands.h"
#include "shard/commands/set_commands.h"
#include "shard/commands/sort_command.h"
#include "shard/commands/stream_commands.h"
#include "shard/commands/zset_commands.h"
#include "shard/server/client.h"

namespace keyway::shard {
namespace {

// A place for something that nobody looks at.
alignas(std::max_align_t) std::byte nothing[64];

template <typename T>
T& Nothing() {
  return reinterpret_cast<T&>(nothing);
}

}  // namespace

CommandExecutor::CommandExecutor(const Clock& clock, const Options& options)
    : clock_(clock),
      cluster_(options.cluster),
      random_(options.seed),
      keyspace_(options.databases, clock, random_) {
  config_.cluster_enabled = options.cluster;
  if (options.cluster) {
    config_.cluster_databases = options.databases;
  } else {
    config_.databases = options.databases;
  }
  commands::RegisterString(handlers_);
  commands::RegisterGeneric(handlers_);
  commands::RegisterExpiry(handlers_);
  commands::RegisterList(handlers_);
  commands::RegisterHash(handlers_);
  commands::RegisterSet(handlers_);
  commands::RegisterSort(handlers_);
  commands::RegisterStream(handlers_);
  commands::RegisterZset(handlers_);
  commands::RegisterGeo(handlers_);
}

void CommandExecutor::UpdateOptions() {
  keyspace_.set_options(commands::KeyspaceOptionsOf(config_));
}

std::string CommandExecutor::Run(std::span<const std::string_view> args) {
  OutputBuffer out;
  resp::ReplyWriter reply(out, version_);
  const command::Lookup lookup = command::LookupCommand(args);
  if (lookup.status != command::Lookup::Status::kFound) {
    reply.Error(command::LookupError(lookup, args));
  } else if (lookup.command->full_name == "select") {
    selected_ = std::stoi(std::string(args[1]));
    reply.Ok();
  } else if (const Handler handler = handlers_.Find(*lookup.command); handler == nullptr) {
    reply.Error("ERR not a command about keys");
  } else {
    Services services{.clock = clock_,
                      .random = random_,
                      .loop = Nothing<net::EventLoop>(),
                      .config = config_,
                      .registry = Nothing<config::Registry>(),
                      .keyspace = keyspace_,
                      .clients = Nothing<ClientRegistry>(),
                      .stats = Nothing<ServerStats>(),
                      .lifecycle = Nothing<Lifecycle>(),
                      .cluster = cluster_ ? &Nothing<cluster::Cluster>() : nullptr};
    Client client(services.clients);  // without a connection
    CommandContext context{.command = *lookup.command,
                           .args = args,
                           .client = client,
                           .reply = reply,
                           .db = database(),
                           .services = services,
                           .now_ms = clock_.WallMillis()};
    handler(context);
  }
  return out.ToString();
}

std::string CommandExecutor::Run(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t blank = line.find(' ');
    words.push_back(line.substr(0, blank));
    if (blank == std::string_view::npos) break;
    line.remove_prefix(blank + 1);
  }
  return Run(words);
}

}  // namespace keyway::shard
