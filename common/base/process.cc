#include "common/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

extern char** environ;

namespace keyway {

namespace {

Error SystemError(const char* what) {
  return Error{std::string(what) + ": " + strerror(errno)};
}

// What argv and the environment took, for the title; empty until PrepareProcessTitle.
char* title_begin = nullptr;
size_t title_bytes = 0;

// 0 or errno.
int TrySetFileLimit(rlim_t files, rlim_t hard) {
  rlimit limit{files, std::max(files, hard)};
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : errno;
}

}  // namespace

Status Daemonize() {
  pid_t child = fork();
  if (child < 0) return SystemError("fork");
  if (child > 0) _exit(0);
  if (setsid() < 0) return SystemError("setsid");
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return SystemError("/dev/null");
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  if (null > STDERR_FILENO) close(null);
  return {};
}

Status PidFile::Write(const std::string& path) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError("Failed to write PID file");
  std::string text = std::to_string(getpid()) + "\n";
  bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  Status result = written ? Status() : Status(SystemError("Failed to write PID file"));
  close(fd);
  if (written) {
    // Absolute, as the process may change its directory before it removes the file.
    char* absolute = realpath(path.c_str(), nullptr);
    path_ = absolute != nullptr ? absolute : path;
    free(absolute);
    owner_ = getpid();
  }
  return result;
}

int64_t ReadPidFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[32] = {};
  const ssize_t length = read(fd, text, sizeof(text) - 1);
  close(fd);
  return length > 0 ? std::max<int64_t>(0, strtoll(text, nullptr, 10)) : 0;
}

void PidFile::Remove() {
  // A successor that has taken over may have put its own number there.
  if (owner_ == getpid() && ReadPidFile(path_) == owner_) unlink(path_.c_str());
  owner_ = 0;
}

Expected<FileLimit> RaiseFileLimit(int64_t max_clients, int64_t reserved) {
  FileLimit result{max_clients, {}, {}};
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    result.max_clients = std::min(max_clients, 1024 - reserved);
    result.warnings.push_back("Unable to obtain the current NOFILE limit (" +
                              std::string(strerror(errno)) +
                              "), assuming 1024 and setting the max clients configuration "
                              "accordingly.");
    return result;
  }
  auto wanted = static_cast<rlim_t>(max_clients + reserved);
  rlim_t before = limit.rlim_cur;
  if (before >= wanted) return result;

  // The most that the system grants: what fails for a number fails for every larger one.
  int error = TrySetFileLimit(wanted, limit.rlim_max);
  rlim_t best = error == 0 ? wanted : before, refused = wanted;
  while (error != 0 && refused - best > 1) {
    rlim_t middle = best + (refused - best) / 2;
    (TrySetFileLimit(middle, limit.rlim_max) == 0 ? best : refused) = middle;
  }
  if (best >= wanted) {
    result.notices.push_back("Increased maximum number of open files to " + std::to_string(wanted) +
                             " (it was originally set to " + std::to_string(before) + ").");
    return result;
  }
  if (best <= static_cast<rlim_t>(reserved)) {
    return Error{"Your current 'ulimit -n' of " + std::to_string(before) +
                 " is not enough for the server to start. Please increase your open file limit to "
                 "at least " +
                 std::to_string(wanted) + ". Exiting."};
  }
  result.max_clients = static_cast<int64_t>(best) - reserved;
  result.warnings = {
      "You requested maxclients of " + std::to_string(max_clients) + " requiring at least " +
          std::to_string(wanted) + " max file descriptors.",
      "Server can't set maximum open files to " + std::to_string(wanted) +
          " because of OS error: " + strerror(error) + ".",
      "Current maximum open files is " + std::to_string(best) +
          ". maxclients has been reduced to " + std::to_string(result.max_clients) +
          " to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."};
  return result;
}

void RaiseFileLimitAtMost(int64_t files) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(static_cast<rlim_t>(files), limit.rlim_max);
  if (wanted > limit.rlim_cur) TrySetFileLimit(wanted, limit.rlim_max);
}

Supervisor DetectSupervisor() {
  if (getenv("UPSTART_JOB") != nullptr) return Supervisor::kUpstart;
  if (getenv("NOTIFY_SOCKET") != nullptr) return Supervisor::kSystemd;
  return Supervisor::kNone;
}

Status NotifySupervisor(Supervisor supervisor, std::string_view state) {
  if (supervisor == Supervisor::kNone) return {};
  if (supervisor == Supervisor::kUpstart) {
    if (getenv("UPSTART_JOB") == nullptr) {
      return Error{"upstart supervision requested, but UPSTART_JOB not found!"};
    }
    raise(SIGSTOP);
    unsetenv("UPSTART_JOB");
    return {};
  }
  // The datagram protocol of sd_notify(3).
  const char* path = getenv("NOTIFY_SOCKET");
  if (path == nullptr) return Error{"systemd supervision error: NOTIFY_SOCKET not found!"};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof(address.sun_path)) {
    return Error{"systemd supervision error: NOTIFY_SOCKET is no socket path"};
  }
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract namespace
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return SystemError("systemd supervision error");
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  ssize_t sent = sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                        reinterpret_cast<const sockaddr*>(&address), size);
  Status result = sent >= 0 ? Status() : Status(SystemError("systemd supervision error"));
  close(fd);
  return result;
}

void PrepareProcessTitle(int argc, char** argv) {
  if (argc < 1 || title_begin != nullptr) return;
  // The kernel lays argv and the environment out one after the other; the title may use what is
  // contiguous, once everyone who points there points to copies.
  char* end = argv[0];
  auto extend = [&end](char** strings) {
    for (char** at = strings; *at != nullptr; ++at) {
      if (*at == end) end += strlen(*at) + 1;
    }
  };
  extend(argv);
  extend(environ);

  size_t count = 0;
  while (environ[count] != nullptr) ++count;
  // Both live as long as the process.
  auto** moved = static_cast<char**>(calloc(count + 1, sizeof(char*)));
  if (moved == nullptr) return;
  for (size_t i = 0; i < count; ++i) moved[i] = strdup(environ[i]);
  char* begin = argv[0];
  for (int i = 0; i < argc; ++i) argv[i] = strdup(argv[i]);
  environ = moved;
  const char* slash = strrchr(argv[0], '/');
  program_invocation_name = argv[0];
  program_invocation_short_name = slash != nullptr ? argv[0] + (slash + 1 - argv[0]) : argv[0];
  title_begin = begin;
  title_bytes = static_cast<size_t>(end - begin);
}

void SetProcessTitle(std::string_view title) {
  if (title_bytes == 0) return;
  memset(title_begin, 0, title_bytes);
  memcpy(title_begin, title.data(), std::min(title.size(), title_bytes - 1));
}

}  // namespace keyway
