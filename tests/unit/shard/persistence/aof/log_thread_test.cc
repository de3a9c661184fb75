#include "shard/persistence/aof/log_thread.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "common/base/clock.h"
#include "tests/support/files/memory_file_system.h"

namespace keyway::shard::persistence {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr char kPath[] = "log";

template <typename Condition>
bool Eventually(Condition condition) {
  const int64_t end = SystemClock::Instance().MonotonicMicros() + 10'000'000;
  while (!condition()) {
    if (SystemClock::Instance().MonotonicMicros() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

class LogThreadTest : public testing::Test {
 protected:
  void Start(std::chrono::microseconds sync_interval, bool sync) {
    file_ = std::move(files_.Open(kPath, OpenMode::kCreate)).value();
    thread_ = std::make_unique<LogThread>(sync_interval);
    thread_->SetSync(sync, false);
    thread_->Use(file_.get(), 0, false);
  }
  LogThread::Report Hand(std::string text) { return thread_->Hand(&text, ++now_); }
  std::string Contents() const { return files_.Contents(kPath).value_or("none"); }

  MemoryFileSystem files_;
  std::unique_ptr<File> file_;
  std::unique_ptr<LogThread> thread_;
  int64_t now_ = 1000;
};

TEST_F(LogThreadTest, WritesAtOnceAndInOrder) {
  Start(hours(1), false);
  std::string all;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece = std::to_string(i) + std::string(static_cast<size_t>(i % 37), '.');
    all += piece;
    Hand(piece);
  }
  EXPECT_TRUE(Eventually([&] { return Contents() == all; }));
  EXPECT_EQ(files_.count(FileOperation::kSync), 0u);
  EXPECT_EQ(thread_->Drain().unwritten_bytes, 0u);
  EXPECT_EQ(files_.count(FileOperation::kSync), 1u);
}

TEST_F(LogThreadTest, TheDestructorWritesWhatThereIs) {
  Start(hours(1), false);
  Hand("abc");
  thread_.reset();
  EXPECT_EQ(Contents(), "abc");
}

TEST_F(LogThreadTest, SyncsByItself) {
  Start(milliseconds(1), true);
  Hand("abc");
  EXPECT_TRUE(Eventually([&] { return thread_->Read().oldest_micros == 0; }));
  EXPECT_GE(files_.count(FileOperation::kSync), 1u);
  const uint64_t syncs = files_.count(FileOperation::kSync);
  Hand("d");
  EXPECT_TRUE(Eventually([&] { return files_.count(FileOperation::kSync) > syncs; }));
  EXPECT_EQ(Contents(), "abcd");
}

TEST_F(LogThreadTest, DoesNotSyncWhileThatIsHeld) {
  Start(milliseconds(1), true);
  thread_->SetSync(true, true);
  Hand("abc");
  EXPECT_TRUE(Eventually([&] { return thread_->Read().oldest_micros == 0; }));
  EXPECT_EQ(Contents(), "abc");
  EXPECT_EQ(files_.count(FileOperation::kSync), 0u);
  thread_->SetSync(true, false);
  EXPECT_TRUE(Eventually([&] { return files_.count(FileOperation::kSync) == 1; }));
}

TEST_F(LogThreadTest, TellsHowOldTheOldestIsThatIsNotSynced) {
  Start(milliseconds(1), true);
  files_.HoldSyncs(true);
  const int64_t first = now_ + 1;
  Hand("abc");
  EXPECT_TRUE(Eventually([&] { return thread_->Read().syncing; }));
  const LogThread::Report report = Hand("def");
  EXPECT_EQ(report.oldest_micros, first);
  EXPECT_EQ(report.unwritten_bytes, 3u);
  std::thread waiting([&] {
    const LogThread::Report after = thread_->WaitFor(100, first + 1);
    EXPECT_NE(after.oldest_micros, first);
  });
  files_.HoldSyncs(false);
  waiting.join();
  EXPECT_EQ(thread_->Drain().oldest_micros, 0);
  EXPECT_EQ(Contents(), "abcdef");
}

TEST_F(LogThreadTest, WaitsUntilLittleIsUnwritten) {
  Start(milliseconds(1), true);
  files_.HoldSyncs(true);
  Hand("abc");
  EXPECT_TRUE(Eventually([&] { return thread_->Read().syncing; }));
  Hand(std::string(1000, 'x'));
  std::thread waiting([&] { EXPECT_LE(thread_->WaitFor(999, 0).unwritten_bytes, 999u); });
  files_.HoldSyncs(false);
  waiting.join();
}

TEST_F(LogThreadTest, WhatCannotBeWrittenIsKeptAndTriedAgain) {
  Start(hours(1), false);
  files_.Fail(FileOperation::kWrite, ENOSPC, 0, true);
  Hand("abc");
  ASSERT_TRUE(Eventually([&] { return thread_->Read().write_failure.has_value(); }));
  EXPECT_EQ(thread_->Read().write_failure->error.code, ENOSPC);
  EXPECT_EQ(Hand("def").unwritten_bytes, 6u);
  const LogThread::Report drained = thread_->Drain();
  EXPECT_TRUE(drained.write_failure.has_value());
  EXPECT_EQ(drained.failed_writes, 2u);
  // Nobody waits for a disk that is broken.
  EXPECT_TRUE(thread_->WaitFor(0, now_ + 1).failed());
  files_.Heal();
  thread_->Retry();
  EXPECT_TRUE(Eventually([&] { return thread_->Read().unwritten_bytes == 0; }));
  EXPECT_FALSE(thread_->Read().failed());
  EXPECT_EQ(Contents(), "abcdef");
}

TEST_F(LogThreadTest, AShortWriteIsTakenBack) {
  Start(hours(1), false);
  Hand("abc");
  thread_->Drain();
  files_.set_room(2);
  Hand("def");
  ASSERT_TRUE(thread_->Drain().write_failure.has_value());
  EXPECT_EQ(Contents(), "abc");
  const LogThread::WriteFailure failure = *thread_->Read().write_failure;
  EXPECT_FALSE(failure.cut_error.has_value());
  files_.Heal();
  EXPECT_FALSE(thread_->Drain().failed());
  EXPECT_EQ(Contents(), "abcdef");
}

TEST_F(LogThreadTest, AShortWriteThatCannotBeTakenBackIsContinued) {
  Start(hours(1), false);
  files_.set_room(2);
  files_.Fail(FileOperation::kTruncate, EIO, 0, true);
  Hand("def");
  ASSERT_TRUE(Eventually([&] { return thread_->Read().write_failure.has_value(); }));
  const LogThread::WriteFailure failure = *thread_->Read().write_failure;
  EXPECT_EQ(failure.written, 2u);
  EXPECT_EQ(failure.expected, 3u);
  EXPECT_EQ(failure.cut_error->code, EIO);
  EXPECT_EQ(thread_->Read().unwritten_bytes, 1u);
  Hand("g");
  files_.Heal();
  EXPECT_FALSE(thread_->Drain().failed());
  EXPECT_EQ(Contents(), "defg");
}

TEST_F(LogThreadTest, ASyncThatFailsIsTriedAgain) {
  Start(milliseconds(1), true);
  files_.Fail(FileOperation::kSync, EIO, 0, true);
  Hand("abc");
  ASSERT_TRUE(Eventually([&] { return thread_->Read().sync_error.has_value(); }));
  EXPECT_EQ(thread_->Read().sync_error->code, EIO);
  EXPECT_TRUE(thread_->Drain().sync_error.has_value());
  files_.Heal();
  EXPECT_TRUE(Eventually([&] { return !thread_->Read().failed(); }));
}

TEST_F(LogThreadTest, ReleaseDropsWhatIsNotWritten) {
  Start(hours(1), false);
  files_.Fail(FileOperation::kWrite, ENOSPC);
  Hand("abc");
  ASSERT_TRUE(Eventually([&] { return thread_->Read().failed(); }));
  thread_->Release();
  EXPECT_EQ(thread_->Read().unwritten_bytes, 0u);
  thread_->Use(file_.get(), 0, false);
  Hand("d");
  EXPECT_FALSE(thread_->Drain().failed());
  EXPECT_EQ(Contents(), "d");
}

TEST_F(LogThreadTest, ClosesFilesAside) {
  LogThread thread;
  thread.CloseLater(std::move(files_.Open(kPath, OpenMode::kCreate)).value());
}

TEST_F(LogThreadTest, DoesNothingWithoutAFile) {
  LogThread thread;
  EXPECT_FALSE(thread.Drain().failed());
  thread.Release();
  thread.Retry();
  EXPECT_EQ(thread.Read().unwritten_bytes, 0u);
}

}  // namespace
}  // namespace keyway::shard::persistence
