// A shard whose disk fails as the file says that KEYWAY_FAULTS names
// (tests/support/files/faulty_file_system.h); else as keyway-shard:
//
//   KEYWAY_FAULTS=/path faulty_shard [--name value ...]
#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/config/gflags_bridge.h"
#include "common/config/registry.h"
#include "common/log/log.h"
#include "shard/commands/register_all.h"
#include "shard/config/directives.h"
#include "shard/config/shard_config.h"
#include "shard/persistence/files/file_system.h"
#include "shard/server/handler_table.h"
#include "shard/server/server.h"
#include "tests/support/files/faulty_file_system.h"

namespace keyway::shard {
namespace {

int Fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

int Main(int argc, char** argv) {
  const char* control = std::getenv("KEYWAY_FAULTS");
  if (control == nullptr) return Fail("KEYWAY_FAULTS is not set");
  persistence::FaultyFileSystem files(persistence::FileSystem::Real(), control);

  ShardConfig config;
  config::Registry registry;
  AddDirectives(registry, config);
  config::RegisterFlags(registry);
  const Status read = config::LoadFromCommandLine(registry, argc, argv, {"7.0.15", ""});
  if (!read.ok()) return Fail(read.error().message);
  const auto finished = FinishConfig(registry, config);
  if (!finished.ok()) return Fail(finished.error().message);
  log::Options options;
  options.program = argv[0];
  options.level = config.loglevel;
  if (const Status log = log::Init(options); !log.ok()) return Fail(log.error().message);
  log::SetRole('M');

  HandlerTable handlers;
  commands::RegisterAll(handlers);
  Server server(config, registry, handlers, argv[0], files);
  if (const Status started = server.Start(); !started.ok()) {
    KEYWAY_WARNING() << started.error().message;
    return 1;
  }
  return server.Run();
}

}  // namespace
}  // namespace keyway::shard

int main(int argc, char** argv) {
  return keyway::shard::Main(argc, argv);
}
