// A shard that writes its effect stream down as it goes, for comparison with what redis-server
// writes to its AOF and sends to its replicas.
//
//   recording_shard FOLDER TARGETS [--name value ...]
//
// Writes FOLDER/aof and FOLDER/replicas, as far as TARGETS, "aof", "replicas" or "all", asks for
// them. A unit is in its file before the reply to the command is sent.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/config/gflags_bridge.h"
#include "common/config/registry.h"
#include "common/log/log.h"
#include "shard/commands/register_all.h"
#include "shard/config/directives.h"
#include "shard/config/shard_config.h"
#include "shard/server/effects.h"
#include "shard/server/handler_table.h"
#include "shard/server/server.h"

namespace keyway::shard {
namespace {

class FileSink final : public EffectSink {
 public:
  FileSink(Effects& effects, uint8_t target, const std::string& path)
      : effects_(effects),
        encoder_(target),
        file_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
    effects_.AddSink(*this, target);
  }
  ~FileSink() override {
    effects_.RemoveSink(*this);
    close(file_);
  }

  void OnUnit(std::span<const Effect> effects) override {
    std::string text;
    encoder_.Append(effects, &text);
    for (std::string_view left = text; !left.empty();) {
      const ssize_t written = write(file_, left.data(), left.size());
      if (written <= 0) return;
      left.remove_prefix(static_cast<size_t>(written));
    }
  }

 private:
  Effects& effects_;
  EffectEncoder encoder_;
  const int file_;
};

int Fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

int Main(int argc, char** argv) {
  if (argc < 3) return Fail("usage: recording_shard FOLDER TARGETS [--name value ...]");
  const std::string folder = argv[1];
  const std::string_view targets = argv[2];
  argv[2] = argv[0];

  ShardConfig config;
  config::Registry registry;
  AddDirectives(registry, config);
  config::RegisterFlags(registry);
  const Status read = config::LoadFromCommandLine(registry, argc - 2, argv + 2, {"7.0.15", ""});
  if (!read.ok()) return Fail(read.error().message);
  const auto finished = FinishConfig(registry, config);
  if (!finished.ok()) return Fail(finished.error().message);
  log::Options options;
  options.program = argv[0];
  if (const Status log = log::Init(options); !log.ok()) return Fail(log.error().message);

  HandlerTable handlers;
  commands::RegisterAll(handlers);
  Server server(config, registry, handlers, argv[0]);
  if (const Status started = server.Start(); !started.ok()) return Fail(started.error().message);
  std::unique_ptr<FileSink> aof;
  std::unique_ptr<FileSink> replicas;
  if (targets != "replicas") {
    aof = std::make_unique<FileSink>(server.effects(), kEffectAof, folder + "/aof");
  }
  if (targets != "aof") {
    replicas = std::make_unique<FileSink>(server.effects(), kEffectReplicas, folder + "/replicas");
  }
  return server.Run();
}

}  // namespace
}  // namespace keyway::shard

int main(int argc, char** argv) {
  return keyway::shard::Main(argc, argv);
}
