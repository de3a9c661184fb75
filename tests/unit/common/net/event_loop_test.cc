#include "common/net/event_loop.h"

#include <csignal>

#include <atomic>
#include <thread>

#include "tests/unit/common/net/loop_fixture.h"

namespace keyway::net {
namespace {

using EventLoopTest = LoopTest;

TEST_F(EventLoopTest, RunsPostedTasksInOrderOnItsThread) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 5000;
  std::vector<int> last(kThreads, -1);
  int total = 0;
  bool ordered = true;
  std::thread::id loop_thread;
  std::thread runner([&] {
    loop_thread = std::this_thread::get_id();
    loop_.Run();
  });
  std::vector<std::thread> posters;
  for (int thread = 0; thread < kThreads; ++thread) {
    posters.emplace_back([&, thread] {
      for (int i = 0; i < kPosts; ++i) {
        loop_.Post([&, thread, i] {
          ordered = ordered && last[thread] + 1 == i && std::this_thread::get_id() == loop_thread;
          last[thread] = i;
          ++total;
        });
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  loop_.Post([&] { loop_.Stop(); });
  runner.join();
  EXPECT_TRUE(ordered);
  EXPECT_EQ(kThreads * kPosts, total);
}

TEST_F(EventLoopTest, StopsFromAnotherThread) {
  std::thread runner([&] { loop_.Run(); });
  loop_.Stop();
  runner.join();
}

TEST_F(EventLoopTest, RunsThePassToItsEndAfterStop) {
  std::string order;
  loop_.Post([&] {
    loop_.Stop();
    loop_.AtEndOfPass([&] { order += "end"; });
  });
  loop_.Run();
  EXPECT_EQ("end", order);
}

TEST_F(EventLoopTest, RunsTasksThenHooksAtTheEndOfAPass) {
  std::string order;
  loop_.EveryPass([&] { order += "h"; });
  loop_.Post([&] {
    loop_.AtEndOfPass([&] { order += "a"; });
    loop_.AtEndOfPass([&] { order += "b"; });
    order.clear();
  });
  while (order.find('b') == std::string::npos) loop_.RunOnce();
  EXPECT_EQ("abh", order.substr(0, 3));
}

TEST_F(EventLoopTest, WhatComesBeforeWritesRunsAfterAllHooks) {
  std::string order;
  loop_.BeforeWrites([&] { order += "w"; });
  loop_.EveryPass([&] { order += "g"; });
  loop_.EveryPass([&] { order += "h"; });
  loop_.AtEndOfPass([&] { order += "a"; });
  loop_.RunOnce();
  EXPECT_EQ("aghw", order.substr(0, 4));
}

TEST_F(EventLoopTest, AHookMayAddAHook) {
  int runs = 0;
  loop_.EveryPass([&] {
    if (runs++ == 0) {
      for (int i = 0; i < 100; ++i) loop_.EveryPass([&] { ++runs; });
    }
  });
  loop_.RunOnce();
  EXPECT_GE(runs, 101);
}

TEST_F(EventLoopTest, NeverSleepsWithWorkAtTheEndOfAPass) {
  // Each task asks for another one, for far more rounds than a pass has.
  int left = 1000;
  std::function<void()> again = [&] {
    if (--left > 0) loop_.AtEndOfPass(again);
  };
  loop_.AtEndOfPass(again);
  int passes = 0;
  // Nothing else wakes the loop: it would hang here if it slept.
  while (left > 0) {
    loop_.RunOnce(true);
    ++passes;
  }
  EXPECT_GT(passes, 10) << "the rounds of one pass are bounded";
  EXPECT_FALSE(loop_.RunOnce());
}

TEST_F(EventLoopTest, TellsTheTimeOfThePass) {
  const int64_t before = SystemClock::Instance().MonotonicMicros();
  int64_t first = 0;
  int64_t second = 0;
  bool done = false;
  Timer timer(loop_, [&] {
    first = loop_.NowMicros();
    while (SystemClock::Instance().MonotonicMicros() < first + 2000) {
    }
    second = loop_.NowMicros();
    done = true;
  });
  timer.Start(20);
  const int64_t busy = loop_.busy_micros();
  const uint64_t passes = loop_.passes();
  ASSERT_TRUE(RunUntil([&] { return done; }));
  EXPECT_GE(first, before + 15'000);
  EXPECT_EQ(first, second);
  loop_.RunOnce();
  EXPECT_GE(loop_.busy_micros() - busy, 2000);
  EXPECT_GT(loop_.passes(), passes);
}

TEST_F(EventLoopTest, TimerFiresOnceOrAgain) {
  int once = 0;
  int repeated = 0;
  Timer single(loop_, [&] { ++once; });
  Timer repeating(loop_, [&] { ++repeated; });
  EXPECT_FALSE(single.active());
  single.Start(1);
  repeating.Start(1, 1);
  EXPECT_TRUE(single.active());
  ASSERT_TRUE(RunUntil([&] { return repeated >= 5; }));
  EXPECT_EQ(1, once);
  EXPECT_FALSE(single.active());
  repeating.Stop();
  EXPECT_FALSE(repeating.active());
  const int until = repeated;
  RunFor(20);
  EXPECT_EQ(until, repeated);
}

TEST_F(EventLoopTest, TimerCountsFromItsStart) {
  // The loop's own time is that of its creation until it runs.
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  const int64_t start = SystemClock::Instance().MonotonicMicros();
  bool done = false;
  Timer timer(loop_, [&] { done = true; });
  timer.Start(50);
  ASSERT_TRUE(RunUntil([&] { return done; }));
  EXPECT_GE(SystemClock::Instance().MonotonicMicros() - start, 40'000);
}

TEST_F(EventLoopTest, TimerMayBeDestroyedInItsCallback) {
  std::string held = "the callback's own memory outlives the call";
  std::unique_ptr<Timer> timer;
  std::string seen;
  timer = std::make_unique<Timer>(loop_, [&timer, &seen, held] {
    timer.reset();
    seen = held;
  });
  timer->Start(0);
  ASSERT_TRUE(RunUntil([&] { return timer == nullptr; }));
  EXPECT_EQ(held, seen);
}

TEST_F(EventLoopTest, CallsForASignal) {
  std::unique_ptr<Signal> signal;
  int count = 0;
  signal = std::make_unique<Signal>(loop_, SIGUSR1, [&] {
    if (++count == 2) signal.reset();
  });
  std::raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return count == 1; }));
  std::raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return signal == nullptr; }));
}

TEST(EventLoop, DropsWhatHasNotRun) {
  auto held = std::make_shared<int>(1);
  {
    EventLoop loop;
    // They own handles of the loop, which must close with it.
    auto timer = std::make_shared<Timer>(loop, [] {});
    loop.Post([held, timer] { FAIL(); });
    loop.AtEndOfPass([held, timer] { FAIL(); });
    loop.EveryPass([held, timer] {});
    timer->Start(1000);
  }
  EXPECT_EQ(1, held.use_count());
}

TEST(EventLoop, IgnoresSigpipe) {
  EventLoop loop;
  struct sigaction action;
  ASSERT_EQ(0, sigaction(SIGPIPE, nullptr, &action));
  EXPECT_EQ(SIG_IGN, action.sa_handler);
}

}  // namespace
}  // namespace keyway::net
