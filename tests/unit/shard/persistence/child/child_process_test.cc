#include "shard/persistence/child/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::persistence {
namespace {

[[noreturn]] void WaitForever() {
  for (;;) pause();
}

// A number that parent and child see.
class SharedNumber {
 public:
  SharedNumber()
      : number_(new (mmap(nullptr, sizeof(*number_), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int64_t>(0)) {}
  ~SharedNumber() { munmap(number_, sizeof(*number_)); }
  std::atomic<int64_t>& operator*() { return *number_; }

 private:
  std::atomic<int64_t>* number_;
};

class ChildProcessTest : public testing::Test {
 protected:
  ChildProcessTest() : rig_(clock_), child_(std::in_place, rig_.services, status_) {}

  ChildProcess::OnEnd Note() {
    return [this](const ChildResult& result) { ended_ = result; };
  }
  Status Start(ChildProcess::Body body, const ChildProcess::Options& options = {}) {
    ended_.reset();
    return child_->Start(options, std::move(body), Note());
  }
  // How a child ends that does this.
  ChildResult ResultOf(ChildProcess::Body body) {
    EXPECT_TRUE(Start(std::move(body)).ok());
    EXPECT_TRUE(rig_.RunUntil([this] { return ended_.has_value(); }));
    return ended_.value_or(ChildResult());
  }

  ManualClock clock_;
  ClientRig rig_;
  PersistenceStatus status_;
  std::optional<ChildProcess> child_;
  std::optional<ChildResult> ended_;
};

TEST_F(ChildProcessTest, EndsAsItsBodySays) {
  SharedNumber pid;
  EXPECT_FALSE(child_->running());
  ASSERT_TRUE(Start([&](ChildReport&) {
                *pid = getpid();
                return true;
              }).ok());
  EXPECT_TRUE(child_->running());
  EXPECT_TRUE(child_->running(ChildKind::kSnapshot));
  EXPECT_FALSE(child_->running(ChildKind::kRewrite));
  const int64_t its_pid = child_->pid();
  clock_.AdvanceMillis(3000);
  ASSERT_TRUE(rig_.RunUntil([this] { return ended_.has_value(); }));
  EXPECT_FALSE(child_->running());
  EXPECT_EQ(ended_->pid, its_pid);
  EXPECT_EQ(*pid, its_pid);
  EXPECT_EQ(ended_->exit_code, 0);
  EXPECT_EQ(ended_->signal, 0);
  EXPECT_EQ(ended_->took_seconds, 3);
  EXPECT_EQ(status_.total_forks, 1u);

  const ChildResult failed = ResultOf([](ChildReport&) { return false; });
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_EQ(failed.signal, 0);
  EXPECT_EQ(status_.total_forks, 2u);
}

TEST_F(ChildProcessTest, IsEndedBySignalsThatTheParentWouldHandle) {
  static std::atomic<int> handled = 0;
  for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGKILL}) {
    struct sigaction before = {};
    struct sigaction action = {};
    action.sa_handler = [](int) { handled = 1; };
    if (number != SIGKILL) sigaction(number, &action, &before);
    const ChildResult result = ResultOf([&](ChildReport&) {
      kill(getpid(), number);
      return true;
    });
    EXPECT_EQ(result.signal, number);
    EXPECT_EQ(result.exit_code, 1);
    if (number != SIGKILL) {
      // The parent's own handlers are as they were, and nothing is blocked.
      kill(getpid(), number);
      EXPECT_EQ(handled.exchange(0), 1);
      sigaction(number, &before, nullptr);
    }
  }
}

TEST_F(ChildProcessTest, KillWaitsForTheEnd) {
  ASSERT_TRUE(Start([](ChildReport&) -> bool { WaitForever(); }).ok());
  const auto pid = static_cast<pid_t>(child_->pid());
  child_->Kill();
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(ended_->signal, SIGUSR1);
  EXPECT_FALSE(child_->running());
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
  ended_.reset();
  child_->Kill();
  EXPECT_FALSE(ended_.has_value());
}

TEST_F(ChildProcessTest, DiesWithItsObject) {
  ASSERT_TRUE(Start([](ChildReport&) -> bool { WaitForever(); }).ok());
  const auto pid = static_cast<pid_t>(child_->pid());
  child_.reset();
  EXPECT_FALSE(ended_.has_value());
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(ChildProcessTest, TheNextMayBeginWhenOneEnds) {
  int runs = 0;
  ChildProcess::OnEnd again = [&](const ChildResult& result) {
    EXPECT_EQ(result.exit_code, 0);
    if (++runs == 5) return;
    EXPECT_TRUE(child_
                    ->Start(
                        {.kind = ChildKind::kRewrite}, [](ChildReport&) { return true; }, again)
                    .ok());
    EXPECT_TRUE(child_->running(ChildKind::kRewrite));
  };
  ASSERT_TRUE(child_
                  ->Start(
                      {}, [](ChildReport&) { return true; }, again)
                  .ok());
  EXPECT_TRUE(rig_.RunUntil([&runs] { return runs == 5; }));
  EXPECT_EQ(status_.total_forks, 5u);
}

TEST_F(ChildProcessTest, TellsOnceASecondHowFarItIs) {
  SharedNumber step;
  ASSERT_TRUE(Start(
                  [&](ChildReport& report) -> bool {
                    for (uint64_t keys = 1; keys <= 5000; ++keys) report.Keys(keys);
                    *step = 1;
                    while (*step == 1) usleep(1000);
                    clock_.AdvanceMillis(1000);
                    for (uint64_t keys = 5001; keys <= 6500; ++keys) report.Keys(keys);
                    WaitForever();
                  },
                  {.keys_total = 7000})
                  .ok());
  EXPECT_EQ(status_.child_keys_total, 7000u);
  const auto seen = [&](uint64_t keys) { return status_.child_keys_processed == keys; };
  ASSERT_TRUE(rig_.RunUntil([&] { return seen(1); }));
  while (*step == 0) usleep(1000);
  rig_.Settle();
  EXPECT_EQ(status_.child_keys_processed, 1u);
  *step = 2;
  ASSERT_TRUE(rig_.RunUntil([&] { return !seen(1); }));
  EXPECT_EQ(status_.child_keys_processed, 5121u);
  EXPECT_NE(status_.child_cow_measured_micros, 0);
  EXPECT_GE(status_.child_cow_peak, status_.child_cow_size);

  const uint64_t peak = status_.child_cow_peak;
  child_->Kill();
  EXPECT_EQ(ended_->cow_bytes, peak);
  EXPECT_EQ(status_.child_keys_processed, 0u);
  EXPECT_EQ(status_.child_keys_total, 0u);
  EXPECT_EQ(status_.child_cow_size, 0u);
  EXPECT_EQ(status_.child_cow_peak, 0u);
  EXPECT_EQ(status_.child_cow_measured_micros, 0);
}

TEST_F(ChildProcessTest, MeasuresWhatItHasWrittenTo) {
  constexpr size_t kBytes = 64 << 20;
  std::string memory(kBytes, 'a');
  const ChildResult result = ResultOf([&](ChildReport&) {
    for (size_t at = 0; at < kBytes; at += 1024) memory[at] = 'b';
    return true;
  });
  EXPECT_EQ(memory.find('b'), std::string::npos);
  if (result.cow_bytes == 0) GTEST_SKIP() << "no smaps_rollup";
  EXPECT_GE(result.cow_bytes, kBytes * 9 / 10);
}

TEST_F(ChildProcessTest, KeepsNoDescriptorOfItsParent) {
  // Files, sockets, the pipe of the loop, and one with a high number.
  const int high = fcntl(STDERR_FILENO, F_DUPFD, 900);
  ASSERT_GE(high, 900);
  const auto peer = rig_.Connect();
  SharedNumber open;
  const ChildResult result = ResultOf([&](ChildReport&) {
    for (int fd = 0; fd < 2000; ++fd) {
      if (fcntl(fd, F_GETFD) != -1) ++*open;
    }
    return true;
  });
  close(high);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(*open, 3 + 1);  // and its pipe; the log is standard output
}

TEST_F(ChildProcessTest, SaysWhyItCannotBegin) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const Status started = Start([](ChildReport&) { return true; });
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().message, "Too many open files");
  EXPECT_FALSE(child_->running());
  EXPECT_EQ(status_.total_forks, 0u);
  EXPECT_EQ(ResultOf([](ChildReport&) { return true; }).exit_code, 0);
}

// A process between this one and the child is killed: the child, which this one inherits, dies,
// too.
TEST_F(ChildProcessTest, DiesWithItsParent) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  SharedNumber pid;
  const pid_t between = fork();
  if (between == 0) {
    const Status started = Start([&](ChildReport&) -> bool {
      *pid = getpid();
      WaitForever();
    });
    if (!started.ok()) _exit(1);
    WaitForever();
  }
  ASSERT_GT(between, 0);
  while (*pid == 0) usleep(1000);
  kill(between, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(between, &status, 0), between);
  ASSERT_EQ(waitpid(static_cast<pid_t>(*pid), &status, 0), *pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

}  // namespace
}  // namespace keyway::shard::persistence
