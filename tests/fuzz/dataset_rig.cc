#include "tests/fuzz/dataset_rig.h"

#include "common/log/log.h"
#include "shard/commands/dump_commands.h"
#include "shard/commands/geo_commands.h"
#include "shard/commands/hash_commands.h"
#include "shard/commands/list_commands.h"
#include "shard/commands/register_keyspace_commands.h"
#include "shard/commands/set_commands.h"
#include "shard/commands/sort_command.h"
#include "shard/commands/stream_commands.h"
#include "shard/commands/transaction_commands.h"
#include "shard/commands/value_digest.h"
#include "shard/commands/zset_commands.h"

namespace keyway::shard {

void LibraryShelf::ForEachLibrary(
    const std::function<void(std::string_view code)>& visit) const {
  for (const auto& [line, code] : libraries_) visit(code);
}

Status LibraryShelf::LoadLibrary(std::string_view code, bool replace) {
  if (!code.starts_with("#!")) return Error{"ERR Missing library metadata"};
  const std::string line(code.substr(0, code.find('\n')));
  if (!replace && libraries_.contains(line)) return Error{"ERR Library already exists"};
  libraries_[line] = code;
  return {};
}

DatasetRig::DatasetRig()
    : lifecycle(clock, random, "/rig"),
      keyspace(16, clock, random),
      clients(loop, clock, config, stats),
      services{clock, random, loop, config, directives, keyspace, clients, stats, lifecycle},
      dispatcher(services, handlers),
      transactions(services),
      blocking(services) {
  commands::RegisterString(handlers);
  commands::RegisterGeneric(handlers);
  commands::RegisterExpiry(handlers);
  commands::RegisterDump(handlers);
  commands::RegisterList(handlers);
  commands::RegisterHash(handlers);
  commands::RegisterSet(handlers);
  commands::RegisterSort(handlers);
  commands::RegisterStream(handlers);
  commands::RegisterZset(handlers);
  commands::RegisterGeo(handlers);
  commands::RegisterTransactions(handlers);
  // Names of keys in it may be any bytes.
  CHECK(log::Init({.program = "fuzz", .logfile = "/dev/null", .level = log::Level::kWarning}).ok());
  // For what is not replayed: a command of a file may make a string of up to 4 GiB (MaxStringBytes).
  config.proto_max_bulk_len = 1024 * 1024;
  // Or no mutation would come further.
  config.rdbchecksum = false;
  services.dispatcher = &dispatcher;
  services.transactions = &transactions;
  services.blocking = &blocking;
  services.scripts = &libraries;
}

std::string DatasetRig::Digest() {
  std::string digest = commands::DigestOfKeyspace(keyspace).Hex();
  libraries.ForEachLibrary([&](std::string_view code) { digest += code; });
  return digest;
}

}  // namespace keyway::shard
