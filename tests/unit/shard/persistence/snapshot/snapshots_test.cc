#include "shard/persistence/snapshot/snapshots.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "tests/support/files/memory_file_system.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::persistence {
namespace {

using keyspace::Event;
using keyspace::Key;
using keyspace::Value;

constexpr char kOld[] = "the old file";
constexpr char kInProgress[] = "ERR Background save already in progress";

// A child of a test writes into its own copy of the disk in memory.
class SnapshotsTest : public testing::Test {
 protected:
  SnapshotsTest() : rig_(clock_) {
    status_.last_save_seconds = now();
    files_.Put("dump.rdb", kOld);
    Change(1);
  }

  int64_t now() const { return clock_.WallMicros() / 1'000'000; }
  uint64_t changes() const { return rig_.keyspace.changes() - status_.changes_at_last_save; }
  void Change(int times) {
    for (int i = 0; i < times; ++i) {
      rig_.keyspace.database(0).Set(Key("key" + std::to_string(next_++)), Value::Embedded("v"),
                                    keyspace::kNoExpiry, clock_.WallMillis(), Event::kSet);
    }
  }
  std::string SaveError() {
    const Status saved = snapshots_.Save();
    return saved.ok() ? "OK" : saved.error().message;
  }
  std::string BackgroundSave(bool schedule = false) {
    const auto begun = snapshots_.SaveInBackground(schedule);
    if (!begun.ok()) return begun.error().message;
    return *begun == Persistence::Begun::kNow ? "now" : "scheduled";
  }
  void WaitForChild() {
    EXPECT_TRUE(rig_.RunUntil([this] { return !child_.running(); }));
  }
  // A child that runs until it is ended: half an hour a key.
  void StartSlowSave() {
    rig_.config.rdb_key_save_delay = 2'000'000'000;
    EXPECT_EQ(BackgroundSave(), "now");
    rig_.config.rdb_key_save_delay = 0;
  }
  void StartRewrite() {
    const auto wait = [](ChildReport&) -> bool {
      for (;;) pause();
    };
    EXPECT_TRUE(child_.Start({.kind = ChildKind::kRewrite}, wait, [](const ChildResult&) {}).ok());
  }
  std::string TemporaryOf(int64_t pid) { return "temp-" + std::to_string(pid) + ".rdb"; }

  ManualClock clock_;
  ClientRig rig_;
  MemoryFileSystem files_;
  PersistenceStatus status_;
  ChildProcess child_{rig_.services, status_};
  Snapshots snapshots_{rig_.services, files_, child_, status_};
  int next_ = 0;
};

TEST_F(SnapshotsTest, SaveWritesTheFile) {
  Change(2);
  clock_.AdvanceMillis(2000);
  EXPECT_EQ(changes(), 3u);
  EXPECT_EQ(SaveError(), "OK");
  EXPECT_TRUE(files_.Contents("dump.rdb")->starts_with("REDIS0010"));
  EXPECT_FALSE(files_.Contents(TemporaryOf(getpid())).has_value());
  EXPECT_EQ(changes(), 0u);
  EXPECT_EQ(status_.last_save_seconds, now());
  EXPECT_EQ(status_.saves, 1u);
  EXPECT_EQ(status_.last_bgsave_took_seconds, -1);
  // It outlives a loss of power.
  files_.CutPower();
  EXPECT_TRUE(files_.Contents("dump.rdb")->starts_with("REDIS0010"));
}

TEST_F(SnapshotsTest, WriteIsNoSave) {
  EXPECT_TRUE(snapshots_.Write());
  EXPECT_EQ(status_.saves, 0u);
  EXPECT_EQ(changes(), 0u);
}

TEST_F(SnapshotsTest, SaveHealsWhatBgsaveHasFailed) {
  status_.last_bgsave_ok = false;
  EXPECT_EQ(SaveError(), "OK");
  EXPECT_TRUE(status_.last_bgsave_ok);
}

TEST_F(SnapshotsTest, WhatFailsLeavesTheOldFile) {
  const int64_t then = now();
  clock_.AdvanceMillis(5000);
  const auto fails = [&] {
    EXPECT_EQ(SaveError(), "ERR");
    EXPECT_EQ(*files_.Contents("dump.rdb"), kOld);
    EXPECT_FALSE(files_.Contents(TemporaryOf(getpid())).has_value());
    EXPECT_EQ(changes(), 1u);
    EXPECT_EQ(status_.last_save_seconds, then);
    EXPECT_TRUE(status_.last_bgsave_ok);
    files_.Heal();
  };
  files_.set_room(20);
  fails();
  for (const FileOperation operation : {FileOperation::kOpen, FileOperation::kWrite,
                                        FileOperation::kSync, FileOperation::kRename}) {
    files_.Fail(operation, EIO);
    fails();
  }
  EXPECT_EQ(status_.saves, 5u);
}

TEST_F(SnapshotsTest, WhatIsNotSyncedIsNotSaved) {
  // The file is synced, its directory is not: the new file is there, but may be gone after a crash.
  files_.Fail(FileOperation::kSync, EIO, 1);
  EXPECT_EQ(SaveError(), "ERR");
  EXPECT_EQ(changes(), 1u);
}

TEST_F(SnapshotsTest, BgsaveSavesInAChild) {
  EXPECT_EQ(BackgroundSave(), "now");
  EXPECT_EQ(status_.bgsave_started_seconds, now());
  EXPECT_EQ(status_.last_bgsave_try_seconds, now());
  EXPECT_EQ(status_.child_keys_total, 1u);
  // What changes from now on is not in it.
  Change(2);
  clock_.AdvanceMillis(3000);
  WaitForChild();
  EXPECT_EQ(changes(), 2u);
  EXPECT_TRUE(status_.last_bgsave_ok);
  EXPECT_EQ(status_.last_save_seconds, now());
  EXPECT_EQ(status_.last_bgsave_took_seconds, 3);
  EXPECT_EQ(status_.bgsave_started_seconds, -1);
  EXPECT_EQ(status_.saves, 1u);
  EXPECT_EQ(status_.total_forks, 1u);
}

TEST_F(SnapshotsTest, BgsaveThatFails) {
  const int64_t then = now();
  files_.Fail(FileOperation::kSync, EIO);
  EXPECT_EQ(BackgroundSave(), "now");
  clock_.AdvanceMillis(1000);
  WaitForChild();
  EXPECT_FALSE(status_.last_bgsave_ok);
  EXPECT_EQ(status_.last_save_seconds, then);
  EXPECT_EQ(status_.last_bgsave_took_seconds, 1);
  EXPECT_EQ(changes(), 1u);
  files_.Heal();
  EXPECT_EQ(BackgroundSave(), "now");
  WaitForChild();
  EXPECT_TRUE(status_.last_bgsave_ok);
}

TEST_F(SnapshotsTest, BgsaveThatCannotFork) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;  // not even for the pipe
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const std::string result = BackgroundSave();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(result, "ERR");
  EXPECT_FALSE(status_.last_bgsave_ok);
  EXPECT_EQ(status_.last_bgsave_try_seconds, now());
  EXPECT_EQ(status_.bgsave_started_seconds, -1);
  EXPECT_EQ(status_.saves, 1u);
  EXPECT_EQ(status_.total_forks, 0u);
}

TEST_F(SnapshotsTest, OneAtATime) {
  StartSlowSave();
  EXPECT_EQ(SaveError(), kInProgress);
  EXPECT_EQ(BackgroundSave(), kInProgress);
  EXPECT_EQ(BackgroundSave(true), kInProgress);
  EXPECT_FALSE(status_.bgsave_scheduled);
  EXPECT_FALSE(snapshots_.Fork());
  EXPECT_EQ(status_.saves, 1u);
  // The end of the process, DEBUG RELOAD and FLUSHALL write while a child runs.
  EXPECT_TRUE(snapshots_.Write());
  EXPECT_TRUE(child_.running());
}

TEST_F(SnapshotsTest, WhileAnotherChildRuns) {
  StartRewrite();
  EXPECT_EQ(
      BackgroundSave(),
      "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE "
      "in order to schedule a BGSAVE whenever possible.");
  EXPECT_EQ(status_.saves, 0u);
  EXPECT_EQ(SaveError(), "OK");
  EXPECT_EQ(BackgroundSave(true), "scheduled");
  EXPECT_TRUE(status_.bgsave_scheduled);
  snapshots_.KillChild();  // not the one that rewrites
  EXPECT_TRUE(child_.running(ChildKind::kRewrite));
  snapshots_.Cron();
  EXPECT_TRUE(status_.bgsave_scheduled);
  child_.Kill();
  snapshots_.Cron();
  EXPECT_FALSE(status_.bgsave_scheduled);
  EXPECT_TRUE(child_.running(ChildKind::kSnapshot));
  WaitForChild();
}

TEST_F(SnapshotsTest, AKilledChildIsNoFailure) {
  StartSlowSave();
  const std::string temporary = TemporaryOf(child_.pid());
  files_.Put(temporary, "half of it");
  clock_.AdvanceMillis(2000);
  snapshots_.KillChild();
  EXPECT_FALSE(child_.running());
  EXPECT_FALSE(files_.Contents(temporary).has_value());
  EXPECT_TRUE(status_.last_bgsave_ok);
  EXPECT_EQ(status_.last_bgsave_took_seconds, 2);
  EXPECT_EQ(status_.bgsave_started_seconds, -1);
  EXPECT_EQ(changes(), 1u);
}

TEST_F(SnapshotsTest, AChildThatIsKilledByOthers) {
  for (const int number : {SIGKILL, SIGTERM, SIGUSR1}) {
    status_.last_bgsave_ok = true;
    StartSlowSave();
    const std::string temporary = TemporaryOf(child_.pid());
    files_.Put(temporary, "half of it");
    kill(static_cast<pid_t>(child_.pid()), number);
    WaitForChild();
    EXPECT_EQ(status_.last_bgsave_ok, number == SIGUSR1);
    EXPECT_FALSE(files_.Contents(temporary).has_value());
    EXPECT_EQ(*files_.Contents("dump.rdb"), kOld);
  }
}

TEST_F(SnapshotsTest, SavePoints) {
  rig_.config.save = {{100, 1}, {10, 3}};
  const auto saves = [&] {
    snapshots_.Cron();
    const bool begun = child_.running();
    WaitForChild();
    return begun;
  };
  EXPECT_FALSE(saves());
  clock_.AdvanceMillis(10'000);
  Change(2);
  EXPECT_FALSE(saves());  // more than ten seconds
  clock_.AdvanceMillis(1000);
  EXPECT_TRUE(saves());
  EXPECT_EQ(changes(), 0u);
  clock_.AdvanceMillis(90'000);
  EXPECT_FALSE(saves());
  Change(2);
  EXPECT_FALSE(saves());
  clock_.AdvanceMillis(11'000);
  EXPECT_TRUE(saves());
  clock_.AdvanceMillis(200'000);
  EXPECT_FALSE(saves());
  rig_.config.save.clear();
  Change(100);
  EXPECT_FALSE(saves());
}

TEST_F(SnapshotsTest, AfterAFailureItWaits) {
  rig_.config.save = {{1, 1}};
  clock_.AdvanceMillis(2000);
  files_.Fail(FileOperation::kOpen, EACCES);
  snapshots_.Cron();
  WaitForChild();
  files_.Heal();
  EXPECT_FALSE(status_.last_bgsave_ok);
  status_.bgsave_scheduled = true;
  for (int second = 0; second < 5; ++second) {
    clock_.AdvanceMillis(1000);
    snapshots_.Cron();
    EXPECT_FALSE(child_.running());
  }
  clock_.AdvanceMillis(1000);
  snapshots_.Cron();
  EXPECT_TRUE(child_.running());
  EXPECT_TRUE(status_.bgsave_scheduled);  // the save point was first
  WaitForChild();
  snapshots_.Cron();
  EXPECT_FALSE(status_.bgsave_scheduled);
  WaitForChild();
  EXPECT_EQ(status_.saves, 3u);
}

TEST_F(SnapshotsTest, OfAnEmptyKeyspace) {
  rig_.keyspace.FlushAll(false);
  EXPECT_EQ(SaveError(), "OK");
  EXPECT_EQ(BackgroundSave(), "now");
  WaitForChild();
  EXPECT_TRUE(status_.last_bgsave_ok);
}

}  // namespace
}  // namespace keyway::shard::persistence
