#include "common/log/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <mutex>

#include <glog/logging.h>

#include "common/log/crash.h"

namespace keyway::log {

namespace internal {
std::atomic<uint8_t> threshold{static_cast<uint8_t>(Level::kNotice)};
}

namespace {

using internal::threshold;

constexpr size_t kLongestLine = 16 * 1024;
constexpr std::array<const char*, 4> kNames = {"debug", "verbose", "notice", "warning"};
constexpr char kMarks[] = ".-*#";
constexpr std::array<int, 4> kSyslogPriorities = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};

// The open log. The descriptor's number never changes while the process logs to a file: Open
// duplicates the new file over it, so that a writer on another thread cannot hit a closed or reused
// descriptor.
struct Destination {
  std::mutex opening;  // guards path and the order of Opens, never a write
  std::string path;
  std::atomic<int> fd{STDOUT_FILENO};
  std::atomic<bool> to_file{false};
  std::atomic<int64_t> checked_at{0};  // second of the last look whether the file is still there
  std::atomic<dev_t> device{0};
  std::atomic<ino_t> inode{0};
  std::atomic<bool> to_syslog{false};
  std::string syslog_ident;  // openlog keeps the pointer
  int syslog_facility = 0;
  std::atomic<char> role{'X'};
  std::atomic<pid_t> pid{0};  // of the process that Init was called in; others are its children
};

Destination& Log() {
  static auto* destination = new Destination;  // outlives static objects that log when they die
  return *destination;
}

int CurrentDescriptor() {
  return Log().fd.load(std::memory_order_relaxed);
}

// Needs `opening`.
Status Open() {
  Destination& log = Log();
  if (log.path.empty()) {
    log.to_file = false;
    log.fd = STDOUT_FILENO;
    return {};
  }
  int fd = open(log.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return Error{std::string("Can't open the log file: ") + std::strerror(errno)};
  struct stat info {};
  fstat(fd, &info);
  log.device = info.st_dev;
  log.inode = info.st_ino;
  int old = log.fd.load();
  if (!log.to_file) {
    log.fd = fd;
    log.to_file = true;
  } else {
    dup3(fd, old, O_CLOEXEC);
    close(fd);
  }
  return {};
}

// logrotate renames the file and may signal nobody: look once a second whether the name still means
// the open file.
void FollowRename(int64_t second) {
  Destination& log = Log();
  if (!log.to_file.load(std::memory_order_relaxed)) return;
  int64_t checked = log.checked_at.load(std::memory_order_relaxed);
  if (checked == second || !log.checked_at.compare_exchange_strong(checked, second)) return;
  std::unique_lock<std::mutex> lock(log.opening, std::try_to_lock);
  if (!lock.owns_lock()) return;
  struct stat info {};
  bool there = stat(log.path.c_str(), &info) == 0;
  if (there && info.st_dev == log.device && info.st_ino == log.inode) return;
  // What fails now (a full disk, a directory that is gone) is tried again in a second.
  Status opened = Open();
  (void)opened.ok();
}

char RoleNow(pid_t self) {
  Destination& log = Log();
  pid_t main = log.pid.load(std::memory_order_relaxed);
  return main != 0 && self != main ? 'C' : log.role.load(std::memory_order_relaxed);
}

void WriteLine(Level level, std::string_view message) {
  Destination& log = Log();
  timeval now{};
  gettimeofday(&now, nullptr);
  FollowRename(now.tv_sec);

  tm local{};
  localtime_r(&now.tv_sec, &local);
  char date[64];
  strftime(date, sizeof(date), "%d %b %Y %H:%M:%S", &local);
  pid_t self = getpid();
  char head[128];
  auto index = static_cast<size_t>(level);
  int head_bytes =
      snprintf(head, sizeof(head), "%d:%c %s.%03d %c ", static_cast<int>(self), RoleNow(self), date,
               static_cast<int>(now.tv_usec / 1000), kMarks[index]);
  message = message.substr(0, kLongestLine);
  std::string line;
  line.reserve(static_cast<size_t>(head_bytes) + message.size() + 1);
  line.append(head, static_cast<size_t>(head_bytes)).append(message).push_back('\n');

  std::string_view rest = line;
  while (!rest.empty()) {
    ssize_t written = write(CurrentDescriptor(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;  // a full disk must not stop the server
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (log.to_syslog.load(std::memory_order_relaxed)) {
    ::syslog(kSyslogPriorities[index], "%.*s", static_cast<int>(message.size()), message.data());
  }
}

// Brings glog's own lines (CHECK, LOG of libraries) into the log.
class GlogSink final : public google::LogSink {
 public:
  void send(google::LogSeverity severity, const char*, const char* base_name, int line,
            const struct ::tm*, const char* message, size_t length) override {
    Level level = severity == google::GLOG_INFO ? Level::kNotice : Level::kWarning;
    if (!Enabled(level)) return;
    std::string text(message, std::min(length, kLongestLine));
    if (severity == google::GLOG_FATAL) {
      text = "FATAL " + std::string(base_name) + ":" + std::to_string(line) + " " + text;
    }
    WriteLine(level, text);
  }
};

void StartGlog(const Options& options) {
  static std::string program;  // glog keeps the pointer
  if (google::IsGoogleLoggingInitialized()) return;
  program = options.program;
  google::InitGoogleLogging(program.c_str());
  // Its own files and stderr: nothing but fatal messages.
  for (int severity = 0; severity < google::NUM_SEVERITIES; ++severity) {
    google::SetLogDestination(severity, "");
  }
  FLAGS_stderrthreshold = google::GLOG_FATAL;
  google::AddLogSink(new GlogSink);  // never removed
  if (options.stack_trace_on_crash) internal::WriteCrashesTo(&CurrentDescriptor);
}

}  // namespace

namespace internal {

Line::~Line() {
  WriteLine(level_, std::move(text_).str());
}

}  // namespace internal

Status Init(const Options& options) {
  Destination& log = Log();
  {
    std::lock_guard<std::mutex> lock(log.opening);
    log.path = options.logfile;
    if (Status opened = Open(); !opened) return opened;
  }
  log.pid = getpid();
  SetLevel(options.level);
  if (log.to_syslog) closelog();
  log.syslog_ident = options.syslog_ident;
  log.syslog_facility = options.syslog_facility;
  if (options.syslog) {
    openlog(log.syslog_ident.c_str(), LOG_PID | LOG_NDELAY | LOG_NOWAIT, options.syslog_facility);
  }
  log.to_syslog = options.syslog;
  StartGlog(options);
  return {};
}

Expected<Level> ParseLevel(std::string_view name) {
  std::string text(name);
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (strcasecmp(text.c_str(), kNames[i]) == 0) return static_cast<Level>(i);
  }
  return Error{"'" + text + "' is no log level: debug, verbose, notice, warning"};
}

void SetLevel(Level level) {
  threshold = static_cast<uint8_t>(level);
}

Level GetLevel() {
  return static_cast<Level>(threshold.load());
}

void SetRole(char role) {
  Log().role = role;
}

int KeepInChild() {
  Destination& log = Log();
  if (log.to_syslog) {
    // syslog() would write to whatever has the number of the closed descriptor later.
    closelog();
    openlog(log.syslog_ident.c_str(), LOG_PID | LOG_NOWAIT, log.syslog_facility);
  }
  return log.fd;
}

Status Reopen() {
  Destination& log = Log();
  std::lock_guard<std::mutex> lock(log.opening);
  return Open();
}

}  // namespace keyway::log
