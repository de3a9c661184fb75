#include "shard/persistence/child/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include <glog/logging.h>

#include "common/base/process.h"
#include "common/config/registry.h"
#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/shared_memory.h"
#include "shard/persistence/child/private_memory.h"
#include "shard/server/latency_monitor.h"
#include "shard/server/process_options.h"
#include "shard/server/process_title.h"

namespace keyway::shard::persistence {
namespace {

// What goes through the pipe, each in one write, so that none is torn.
struct Record {
  uint64_t keys;
  uint64_t cow_bytes;
  int64_t cow_measured_micros;  // monotonic; 0: not yet
  uint64_t last;                // 1: the body has done its work
};
static_assert(sizeof(Record) <= PIPE_BUF);

constexpr uint64_t kKeysBetweenLooks = 1024;
constexpr int64_t kMicrosBetweenRecords = 1'000'000;
// To measure takes at most one part in so many of the time.
constexpr int64_t kCostFactor = 100;
constexpr size_t kRecordsPerRead = 64;
constexpr int kReadsPerPass = 16;

// --- In the child.

class PipeReport final : public ChildReport {
 public:
  PipeReport(int pipe, const Clock& clock, ChildKind kind)
      : pipe_(pipe), clock_(clock), what_(kind == ChildKind::kSnapshot ? "RDB" : "AOF rewrite") {}

  void Keys(uint64_t keys) override {
    keys_ = keys;
    if (keys % kKeysBetweenLooks != 1) return;
    const int64_t now = clock_.MonotonicMicros();
    if (told_ && now - told_micros_ < kMicrosBetweenRecords) return;
    told_ = true;
    told_micros_ = now;
    if (measurements_ == 0 || now - measured_micros_ > cost_micros_ * kCostFactor) {
      Measure(now);
      if (cow_ != 0 && log::Enabled(log::Level::kVerbose)) KEYWAY_VERBOSE() << CowText();
    }
    Tell(0);
  }

  void Last() {
    Measure(clock_.MonotonicMicros());
    KEYWAY_NOTICE() << CowText();
    Tell(1);
  }

 private:
  void Measure(int64_t now) {
    cow_ = PrivateDirtyBytes();
    measured_micros_ = clock_.MonotonicMicros();
    cost_micros_ = measured_micros_ - now;
    peak_ = std::max(peak_, cow_);
    sum_ += cow_;
    ++measurements_;
  }

  std::string CowText() const {
    const auto megabytes = [](uint64_t bytes) { return std::to_string(bytes >> 20) + " MB"; };
    return "Fork CoW for " + std::string(what_) + ": current " + megabytes(cow_) + ", peak " +
           megabytes(peak_) + ", average " + megabytes(sum_ / measurements_);
  }

  // A parent that is gone or does not read is no reason to stop: there will be another record.
  void Tell(uint64_t last) const {
    const Record record = {keys_, cow_, measured_micros_, last};
    while (write(pipe_, &record, sizeof(record)) < 0 && errno == EINTR) {
    }
  }

  const int pipe_;
  const Clock& clock_;
  const char* const what_;
  uint64_t keys_ = 0;
  bool told_ = false;
  int64_t told_micros_ = 0;
  uint64_t cow_ = 0;
  uint64_t peak_ = 0;
  uint64_t sum_ = 0;
  uint64_t measurements_ = 0;
  int64_t measured_micros_ = 0;
  int64_t cost_micros_ = 0;
};

void CloseAllBut(std::array<int, 3> kept) {
  unsigned from = STDERR_FILENO + 1;
  std::sort(kept.begin(), kept.end());
  const auto close_until = [&from](unsigned end) {
    if (from < end && close_range(from, end - 1, 0) != 0) {
      // An old kernel.
      const auto limit = static_cast<unsigned>(sysconf(_SC_OPEN_MAX));
      for (unsigned fd = from; fd < std::min(end, limit); ++fd) close(static_cast<int>(fd));
    }
  };
  for (const int fd : kept) {
    if (fd < static_cast<int>(from)) continue;
    close_until(static_cast<unsigned>(fd));
    from = static_cast<unsigned>(fd) + 1;
  }
  close_until(UINT_MAX);
}

void ResetSignals(const sigset_t& mask) {
  for (const int number : {SIGTERM, SIGINT, SIGUSR1}) signal(number, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

// --- In the parent.

// Blocks all signals while it lives, so that none reaches a handler of the parent in the child.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  const sigset_t& before() const { return before_; }

 private:
  sigset_t before_;
};

}  // namespace

struct ChildProcess::Impl {
  Impl(Services& services_in, PersistenceStatus& status_in)
      : services(services_in), status(status_in) {}

  [[noreturn]] void RunBody(const Options& options, const Body& body, int pipe_end, pid_t parent,
                            const sigset_t& signals) const;
  void Watch(int pipe_end);
  bool Read();
  void Take(const Record& record);
  void StopWatching();
  ChildResult Reap();
  void End();

  int64_t WallSeconds() const { return services.clock.WallMicros() / 1'000'000; }

  Services& services;
  PersistenceStatus& status;
  pid_t pid = -1;  // -1: none runs
  bool killed = false;
  ChildKind kind = ChildKind::kSnapshot;
  OnEnd on_end;
  int pipe = -1;
  uv_poll_t* poll = nullptr;
  int64_t started_seconds = 0;
};

void ChildProcess::Impl::RunBody(const Options& options, const Body& body, int pipe_end,
                                 pid_t parent, const sigset_t& signals) const {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it has died before that
  ResetSignals(signals);
  CloseAllBut({pipe_end, log::KeepInChild(), options.descriptor});
  const ShardConfig& config = services.config;
  ApplyOomScoreOfChild(config);
  if (config.set_proc_title && !options.title.empty()) {
    SetProcessTitle(ProcessTitle(config, options.title, services.registry.file()));
  }
  if (!options.cpu_list.empty()) RunOnCpus(options.cpu_list);
  PipeReport report(pipe_end, services.clock, options.kind);
  if (!body(report)) _exit(1);
  report.Last();
  _exit(0);
}

void ChildProcess::Impl::Watch(int pipe_end) {
  pipe = pipe_end;
  poll = new uv_poll_t;
  CHECK_EQ(uv_poll_init(services.loop.raw(), poll, pipe), 0);
  poll->data = this;
  const int started =
      uv_poll_start(poll, UV_READABLE | UV_DISCONNECT, [](uv_poll_t* handle, int, int) {
        static_cast<net::EventLoop*>(handle->loop->data)->NowMicros();
        auto* impl = static_cast<Impl*>(handle->data);
        if (!impl->Read()) impl->End();
      });
  CHECK_EQ(started, 0);
}

// False: there is nothing more to come.
bool ChildProcess::Impl::Read() {
  std::array<Record, kRecordsPerRead> records;
  for (int i = 0; i < kReadsPerPass; ++i) {
    const ssize_t bytes = read(pipe, records.data(), sizeof(records));
    if (bytes == 0) return false;
    if (bytes < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return true;
      // Nobody would hear of its end.
      kill(pid, SIGKILL);
      return false;
    }
    const size_t count = static_cast<size_t>(bytes) / sizeof(Record);
    for (size_t k = 0; k < count; ++k) Take(records[k]);
  }
  return true;
}

void ChildProcess::Impl::Take(const Record& record) {
  status.child_cow_peak = std::max(status.child_cow_peak, record.cow_bytes);
  if (record.last != 0) return;
  status.child_cow_size = record.cow_bytes;
  status.child_cow_measured_micros = record.cow_measured_micros;
  status.child_keys_processed = record.keys;
}

void ChildProcess::Impl::StopWatching() {
  uv_poll_stop(poll);
  close(pipe);
  uv_close(reinterpret_cast<uv_handle_t*>(poll),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
  poll = nullptr;
  pipe = -1;
}

// Waits for a child that has ended or is about to.
ChildResult ChildProcess::Impl::Reap() {
  ChildResult result;
  result.pid = pid;
  int ended = 0;
  pid_t reaped = 0;
  do {
    reaped = waitpid(pid, &ended, 0);
  } while (reaped < 0 && errno == EINTR);
  if (reaped != pid) {
    KEYWAY_WARNING() << "waitpid() of the child " << pid << ": " << std::strerror(errno);
    result.exit_code = 1;
  } else if (WIFSIGNALED(ended)) {
    result.exit_code = 1;
    result.signal = killed && WTERMSIG(ended) == SIGKILL ? SIGUSR1 : WTERMSIG(ended);
  } else {
    result.exit_code = WEXITSTATUS(ended);
  }
  keyspace::SetMemoryShared(false);
  pid = -1;
  killed = false;
  return result;
}

void ChildProcess::Impl::End() {
  StopWatching();
  ChildResult result = Reap();
  result.cow_bytes = status.child_cow_peak;
  result.took_seconds = WallSeconds() - started_seconds;
  status.child_cow_peak = 0;
  status.child_cow_size = 0;
  status.child_cow_measured_micros = 0;
  status.child_keys_processed = 0;
  status.child_keys_total = 0;
  const OnEnd ended = std::exchange(on_end, nullptr);
  ended(result);
}

ChildProcess::ChildProcess(Services& services, PersistenceStatus& status)
    : impl_(std::make_unique<Impl>(services, status)) {}

ChildProcess::~ChildProcess() {
  if (!running()) return;
  kill(impl_->pid, SIGKILL);
  impl_->StopWatching();
  impl_->Reap();
}

Status ChildProcess::Start(const Options& options, Body body, OnEnd on_end) {
  Impl& impl = *impl_;
  CHECK(!running());
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return Error{std::strerror(errno)};
  const auto [read_end, write_end] = ends;
  const pid_t self = getpid();
  const int64_t began = impl.services.clock.MonotonicMicros();
  pid_t child = -1;
  int error = 0;
  {
    const BlockedSignals blocked;
    child = fork();
    if (child == 0) impl.RunBody(options, body, write_end, self, blocked.before());
    error = errno;
  }
  const int64_t micros = impl.services.clock.MonotonicMicros() - began;
  close(write_end);
  if (child < 0) {
    close(read_end);
    return Error{std::strerror(error)};
  }
  impl.pid = child;
  keyspace::SetMemoryShared(true);
  impl.kind = options.kind;
  impl.on_end = std::move(on_end);
  impl.started_seconds = impl.WallSeconds();
  impl.Watch(read_end);
  PersistenceStatus& status = impl.status;
  ++status.total_forks;
  status.latest_fork_micros = micros;
  if (impl.services.latency != nullptr) impl.services.latency->Add("fork", micros);
  status.child_keys_total = options.keys_total;
  return {};
}

bool ChildProcess::running() const {
  return impl_->pid >= 0;
}

bool ChildProcess::running(ChildKind kind) const {
  return running() && impl_->kind == kind;
}

int64_t ChildProcess::pid() const {
  return impl_->pid;
}

void ChildProcess::Kill() {
  if (!running()) return;
  impl_->killed = true;
  kill(impl_->pid, SIGKILL);
  // What it has told before: the pipe is the child's no longer when it is gone.
  impl_->Read();
  impl_->End();
}

}  // namespace keyway::shard::persistence
