// keyway-proxy: makes a Redis cluster look like one standalone Redis.
#include <gflags/gflags.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "common/base/process.h"
#include "common/config/gflags_bridge.h"
#include "common/log/log.h"
#include "proxy/flags.h"
#include "proxy/server.h"
#include "proxy/settings.h"
#include "proxy/take_over.h"

namespace keyway::proxy {
namespace {

int Fail(std::string_view what) {
  std::cerr << "keyway-proxy: " << what << '\n';
  return 1;
}

int Main(int argc, char** argv) {
  gflags::SetUsageMessage(
      "makes a Redis cluster look like one standalone Redis.\n"
      "  keyway-proxy --port 6379 --threads 2 --startup_nodes 127.0.0.1:7001,127.0.0.1:7002");
  gflags::SetVersionString(std::string(session::kRedisVersion));
  std::vector<std::string> arguments(argv + 1, argv + argc);
  config::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true, kFlagsFile);
  if (argc > 1) return Fail("'" + std::string(argv[1]) + "' is no flag; see --help");

  // As Redis: the end of the terminal that started it is not the end of the server.
  std::signal(SIGHUP, SIG_IGN);
  log::Options log_options{.program = argv[0], .logfile = FLAGS_logfile};
  if (auto level = log::ParseLevel(FLAGS_loglevel); level.ok()) log_options.level = *level;
  std::vector<std::string> problems;
  // With the log open, as the limit of open files is told there; but none is made for wrong flags.
  static_cast<void>(ReadFlags(argv[0], &problems));
  if (problems.empty()) {
    if (Status status = log::Init(log_options); !status.ok()) return Fail(status.error().message);
  }
  problems.clear();
  Settings settings(argv[0], std::move(arguments));
  ServerOptions options = settings.Initial(&problems);
  for (const std::string& problem : problems) Fail(problem);
  if (!problems.empty()) return 1;
  if (FLAGS_take_over) options.predecessor = FindPredecessor(FLAGS_pidfile);

  Server server(options, settings);
  if (Status status = server.Listen(); !status.ok()) return Fail(status.error().message);
  PidFile pid_file;
  const Status served = server.Run([&pid_file] {
    if (FLAGS_pidfile.empty()) return;
    if (Status status = pid_file.Write(FLAGS_pidfile); !status.ok()) {
      KEYWAY_WARNING() << status.error().message;
    }
  });
  return served.ok() ? 0 : Fail(served.error().message);
}

}  // namespace
}  // namespace keyway::proxy

int main(int argc, char** argv) {
  return keyway::proxy::Main(argc, argv);
}
