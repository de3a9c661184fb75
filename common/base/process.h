// What a server asks of its operating system process: run in the background, leave a pid file,
// raise the limit of open files, tell a supervisor that it is ready, show itself in ps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"

namespace keyway {

// Detaches from the terminal: fork, setsid, stdin/stdout/stderr to /dev/null; the parent exits with
// 0. To be called before any thread is started. Errors: what fork or setsid say.
Status Daemonize();

// The pid, in a file, for as long as the object lives.
class PidFile {
 public:
  PidFile() = default;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile() { Remove(); }

  // Writes "<pid>\n" to `path`, over what is there. Error: "Failed to write PID file: <reason>",
  // for a warning; Redis serves without it.
  Status Write(const std::string& path);
  // Removes it, if this process wrote it (a forked child does not) and no other one has since.
  void Remove();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int64_t owner_ = 0;
};

// The process id in the file at `path`; 0: there is none.
int64_t ReadPidFile(const std::string& path);

struct FileLimit {
  // How many clients the limit in force has room for: at most what was asked.
  int64_t max_clients;
  // For the log, in Redis's words. Empty if the limit was high enough.
  std::vector<std::string> notices;
  std::vector<std::string> warnings;
};

// Raises RLIMIT_NOFILE until `max_clients` clients and `reserved` further files (Redis: 32) fit, or
// as far as the system lets it. Error, fatal for a server: not even one client fits.
Expected<FileLimit> RaiseFileLimit(int64_t max_clients, int64_t reserved = 32);

// Raises RLIMIT_NOFILE to `files`, or to its hard limit if that is less. For files that one can do
// without.
void RaiseFileLimitAtMost(int64_t files);

enum class Supervisor : uint8_t { kNone, kUpstart, kSystemd };

// Which supervisor started us, by UPSTART_JOB and NOTIFY_SOCKET.
Supervisor DetectSupervisor();
// systemd: sends `state` ("READY=1\nSTATUS=...\n") to $NOTIFY_SOCKET; upstart: stops itself with
// SIGSTOP, which upstart waits for. Error: no such supervisor, or the datagram could not be sent.
Status NotifySupervisor(Supervisor supervisor, std::string_view state);

// Room for the title that ps shows, taken over argv and the environment, which moves. Call first in
// main. `argv` must be main's own.
void PrepareProcessTitle(int argc, char** argv);
// Cut to the room there is. Nothing happens without PrepareProcessTitle.
void SetProcessTitle(std::string_view title);

}  // namespace keyway
