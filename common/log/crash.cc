#include "common/log/crash.h"

#include <execinfo.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include <glog/logging.h>

namespace keyway::log::internal {

namespace {

int (*log_descriptor)() = nullptr;

// In a signal handler: nothing but write.
void WriteToLog(const char* text, size_t bytes) {
  ssize_t ignored = write(log_descriptor(), text, bytes);
  (void)ignored;
}

// After a fatal message, which the log has already.
[[noreturn]] void DieWithStack() {
  void* frames[64];
  int depth = backtrace(frames, 64);
  backtrace_symbols_fd(frames, depth, log_descriptor());
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

}  // namespace

void WriteCrashesTo(int (*descriptor)()) {
  log_descriptor = descriptor;
  google::InstallFailureFunction(&DieWithStack);
  google::InstallFailureSignalHandler();
  // glog's handler also takes SIGTERM, which is how a server is told to stop.
  std::signal(SIGTERM, SIG_DFL);
  google::InstallFailureWriter(&WriteToLog);
}

}  // namespace keyway::log::internal
