// keyway-shard: reads file and command line, becomes the process that they ask for, serves.
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "common/base/process.h"
#include "common/command/table.h"
#include "common/config/gflags_bridge.h"
#include "common/config/registry.h"
#include "common/log/log.h"
#include "shard/commands/register_all.h"
#include "shard/config/directives.h"
#include "shard/config/shard_config.h"
#include "shard/server/handler_table.h"
#include "shard/server/lifecycle.h"
#include "shard/server/process_title.h"
#include "shard/server/server.h"

namespace keyway::shard {
namespace {

constexpr char kUsage[] =
    "Usage: keyway-shard [/path/to/redis.conf] [options] [-]\n"
    "       keyway-shard - (read config from stdin)\n"
    "       keyway-shard -v or --version\n"
    "       keyway-shard -h or --help\n"
    "\n"
    "Examples:\n"
    "       keyway-shard (run the shard with the default configuration)\n"
    "       keyway-shard /etc/keyway/7001.conf\n"
    "       keyway-shard --port 7001 --cluster-enabled yes --http-port 9121\n"
    "       echo 'maxmemory 128mb' | keyway-shard -\n"
    "\n"
    "Every directive of redis.conf is an option.\n";

std::string VersionText() {
  return std::string("v=") + kKeywayVersion + " redis=" + kRedisVersion +
         " bits=" + std::to_string(sizeof(void*) * 8);
}

std::string ExecutablePath(const char* argv0) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(argv0) : path.string();
}

// A failure before the log is open.
int Fail(const std::string& message) {
  std::fputs(message.c_str(), stderr);
  if (!message.ends_with('\n')) std::fputc('\n', stderr);
  return 1;
}

Supervisor SupervisorOf(const ShardConfig& config) {
  switch (config.supervised) {
    case Supervised::kUpstart:
      return Supervisor::kUpstart;
    case Supervised::kSystemd:
      return Supervisor::kSystemd;
    case Supervised::kAuto:
      return DetectSupervisor();
    case Supervised::kNo:
      break;
  }
  return Supervisor::kNone;
}

const char* SupervisorName(Supervisor supervisor) {
  switch (supervisor) {
    case Supervisor::kUpstart:
      return "upstart";
    case Supervisor::kSystemd:
      return "systemd";
    case Supervisor::kNone:
      break;
  }
  return "no";
}

Status OpenLog(const ShardConfig& config, const char* program) {
  log::Options options;
  options.program = program;
  options.logfile = config.logfile;
  options.level = config.loglevel;
  options.stack_trace_on_crash = config.crash_log_enabled;
  options.syslog = config.syslog_enabled;
  options.syslog_ident = config.syslog_ident;
  options.syslog_facility = static_cast<int>(config.syslog_facility);
  return log::Init(options);
}

void AnnounceStart(bool configured) {
  KEYWAY_WARNING() << "oO0OoO0OoO0Oo Keyway is starting oO0OoO0OoO0Oo";
  KEYWAY_WARNING() << "Keyway version=" << kKeywayVersion << ", Redis version=" << kRedisVersion
                   << ", bits=" << sizeof(void*) * 8 << ", pid=" << getpid() << ", just started";
  if (configured) {
    KEYWAY_WARNING() << "Configuration loaded";
  } else {
    KEYWAY_WARNING() << "Warning: no config file specified, using the default config. In order to "
                        "specify a config file use keyway-shard /path/to/redis.conf";
  }
}

int Main(int argc, char** argv) {
  const std::string executable = ExecutablePath(argv[0]);
  const bool configured = argc > 1;
  std::vector<std::string> arguments(argv, argv + argc);
  PrepareProcessTitle(argc, argv);
  if (const Status table = command::ValidateTable(); !table.ok()) {
    return Fail(table.error().message);
  }

  ShardConfig config;
  config::Registry registry;
  AddDirectives(registry, config);
  config::RegisterFlags(registry);
  const config::ProgramInfo program{VersionText(), kUsage};
  if (const Status read = config::LoadFromCommandLine(registry, argc, argv, program); !read.ok()) {
    return Fail(read.error().message);
  }
  const auto warnings = FinishConfig(registry, config);
  if (!warnings.ok()) return Fail(warnings.error().message);

  const Supervisor supervisor = SupervisorOf(config);
  if (config.daemonize && supervisor == Supervisor::kNone) {
    if (const Status detached = Daemonize(); !detached.ok()) {
      return Fail(detached.error().message);
    }
  }
  if (const Status log = OpenLog(config, argv[0]); !log.ok()) return Fail(log.error().message);
  AnnounceStart(configured);
  for (const std::string& warning : *warnings) KEYWAY_WARNING() << "WARNING " << warning;
  PidFile pid_file;
  if (config.daemonize || !config.pidfile.empty()) {
    const std::string path = config.pidfile.empty() ? "/var/run/redis.pid" : config.pidfile;
    if (const Status written = pid_file.Write(path); !written.ok()) {
      KEYWAY_WARNING() << written.error().message;
    }
  }
  const auto show_title = [&config, &registry]() -> Status {
    if (config.set_proc_title) {
      SetProcessTitle(ProcessTitle(config, "keyway-shard", registry.file()));
    }
    return {};
  };
  [[maybe_unused]] const Status shown = show_title();
  registry.OnApply({"proc-title-template"}, show_title);
  log::SetRole('M');

  HandlerTable handlers;
  commands::RegisterAll(handlers);
  Server server(config, registry, handlers, executable);
  server.set_supervisor(SupervisorName(supervisor));
  server.set_arguments(std::move(arguments));
  server.set_on_end([&pid_file] {
    if (pid_file.path().empty()) return;
    KEYWAY_NOTICE() << "Removing the pid file.";
    pid_file.Remove();
  });
  if (const Status started = server.Start(); !started.ok()) {
    KEYWAY_WARNING() << started.error().message;
    return 1;
  }
  if (supervisor != Supervisor::kNone) {
    const Status told =
        NotifySupervisor(supervisor, "STATUS=Ready to accept connections\nREADY=1\n");
    if (!told.ok()) KEYWAY_WARNING() << told.error().message;
  }
  return server.Run();
}

}  // namespace
}  // namespace keyway::shard

int main(int argc, char** argv) {
  return keyway::shard::Main(argc, argv);
}
