#include "shard/persistence/aof/aof_log.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "common/base/random.h"
#include "shard/server/latency_monitor.h"
#include "tests/unit/shard/persistence/aof/aof_log_rig.h"

namespace keyway::shard::persistence {
namespace {

constexpr char kIncremental[] = "appendonly.aof.1.incr.aof";

std::string Numbers(int from, int to) {
  std::string text = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
  for (int i = from; i < to; ++i) {
    const std::string number = std::to_string(i);
    text += "*3\r\n$5\r\nRPUSH\r\n$3\r\nlog\r\n$" + std::to_string(number.size()) + "\r\n" +
            number + "\r\n";
  }
  return text;
}

TEST(AofLogTest, TheFirstStartMakesABaseAndAnIncrementalFile) {
  AofLogRig rig(AppendFsync::kEverySec);
  EXPECT_TRUE(rig.Start().ok());
  EXPECT_EQ(rig.Manifest(),
            "file appendonly.aof.1.base.aof seq 1 type b\n"
            "file appendonly.aof.1.incr.aof seq 1 type i\n");
  EXPECT_EQ(rig.Contents("appendonly.aof.1.base.aof"), "");
  EXPECT_EQ(rig.Contents(kIncremental), "");
  EXPECT_TRUE(rig.status.aof_on);
  rig.files.CutPower();
  EXPECT_TRUE(rig.Start().ok());
  EXPECT_EQ(rig.log->manifest().incremental().size(), 1u);
}

TEST(AofLogTest, TheNextStartGoesOnInTheLastFile) {
  AofLogRig rig(AppendFsync::kEverySec);
  ASSERT_TRUE(rig.Start().ok());
  rig.Add();
  rig.Add();
  rig.Flush();
  rig.End();
  ASSERT_TRUE(rig.Start().ok());
  EXPECT_EQ(rig.next, 2);
  EXPECT_EQ(rig.status.aof_current_size, Numbers(0, 2).size());
  rig.Add();
  rig.Flush();
  rig.End();
  // A new process says the database again.
  EXPECT_EQ(rig.Contents(kIncremental), Numbers(0, 2) + Numbers(2, 3));
  EXPECT_EQ(*rig.Load(), 3);
}

TEST(AofLogTest, AStartSaysWhyItCannotBe) {
  for (const FileOperation operation :
       {FileOperation::kOpen, FileOperation::kSync, FileOperation::kRename}) {
    for (int step = 0; step < 8; ++step) {
      AofLogRig rig(AppendFsync::kEverySec);
      rig.files.Fail(operation, EIO, step);
      const Status started = rig.Start();
      rig.files.Heal();
      if (!started.ok()) {
        EXPECT_NE(started.error().message.find("Input/output error"), std::string::npos);
      }
      rig.files.CutPower();
      ASSERT_TRUE(rig.Start().ok()) << step;
      rig.Add();
      EXPECT_TRUE(rig.FlushAndSync());
      rig.files.CutPower();
      EXPECT_EQ(*rig.Load(), 1);
    }
  }
}

TEST(AofLogTest, NotesTimesWhenTheSecondHasChanged) {
  AofLogRig rig(AppendFsync::kAlways);
  rig.rig.config.aof_timestamp_enabled = true;
  rig.clock.SetWallMicros(1'700'000'000'999'999);
  ASSERT_TRUE(rig.Start().ok());
  rig.Add();
  rig.Add();
  rig.clock.AdvanceMicros(1);
  rig.Add();
  rig.Flush();
  const std::string text = rig.Contents(kIncremental);
  EXPECT_EQ(text.find("#TS:1700000000\r\n"), 0u);
  EXPECT_EQ(text.find("#TS:", 5), text.rfind("#TS:1700000001\r\n*3"));
  EXPECT_EQ(*rig.Load(), 3);
}

TEST(AofLogTest, AlwaysIsOnTheDiskWhenThePassEnds) {
  AofLogRig rig(AppendFsync::kAlways);
  ASSERT_TRUE(rig.Start().ok());
  for (int pass = 0; pass < 20; ++pass) {
    const uint64_t syncs = rig.files.count(FileOperation::kSync);
    rig.AddSome(7);
    EXPECT_NE(rig.status.aof_buffer_bytes, 0u);
    ASSERT_TRUE(rig.Flush());
    EXPECT_EQ(rig.files.count(FileOperation::kSync), syncs + 1);
    EXPECT_EQ(rig.status.aof_buffer_bytes, 0u);
    ASSERT_TRUE(rig.Flush());
    EXPECT_EQ(rig.files.count(FileOperation::kSync), syncs + 1);
    rig.files.CutPower();
    ASSERT_EQ(*rig.Load(), rig.next);
    ASSERT_TRUE(rig.Start().ok());
  }
}

TEST(AofLogTest, AlwaysEndsTheProcessWhenTheDiskFails) {
  const std::function<void(MemoryFileSystem&)> faults[] = {
      [](MemoryFileSystem& files) { files.Fail(FileOperation::kWrite, ENOSPC); },
      [](MemoryFileSystem& files) { files.set_room(10); },
      [](MemoryFileSystem& files) {
        files.set_room(10);
        files.Fail(FileOperation::kTruncate, EIO);
      },
      [](MemoryFileSystem& files) { files.Fail(FileOperation::kSync, EIO); },
  };
  for (const auto& fault : faults) {
    AofLogRig rig(AppendFsync::kAlways);
    ASSERT_TRUE(rig.Start().ok());
    rig.Add();
    ASSERT_TRUE(rig.Flush());
    const int told = rig.next;
    fault(rig.files);
    rig.Add();
    EXPECT_FALSE(rig.Flush());
    rig.files.Heal();
    // Nothing more is written.
    rig.Add();
    EXPECT_FALSE(rig.Flush());
    EXPECT_FALSE(rig.FlushAndSync());
    rig.log->Cron();
    const Expected<int> loaded = rig.Load();
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_GE(*loaded, told);
    EXPECT_LE(*loaded, told + 1);
  }
}

TEST(AofLogTest, EverySecondIsWrittenAtOnceAndSyncedByItself) {
  AofLogRig rig(AppendFsync::kEverySec);
  rig.sync_interval = std::chrono::milliseconds(1);
  ASSERT_TRUE(rig.Start().ok());
  rig.AddSome(20);
  rig.Flush();
  EXPECT_TRUE(Eventually([&] { return *rig.Load() == rig.next; }));
  EXPECT_TRUE(Eventually([&] {
    rig.log->Cron();
    return rig.status.aof_buffer_bytes == 0 && rig.status.aof_pending_fsyncs == 0;
  }));
  EXPECT_EQ(rig.status.aof_current_size, rig.Contents(kIncremental).size());
  EXPECT_TRUE(rig.FlushAndSync());
  rig.files.CutPower();
  EXPECT_EQ(*rig.Load(), rig.next);
}

TEST(AofLogTest, NoSyncMeansNone) {
  AofLogRig rig(AppendFsync::kNo);
  rig.sync_interval = std::chrono::milliseconds(1);
  ASSERT_TRUE(rig.Start().ok());
  const uint64_t syncs = rig.files.count(FileOperation::kSync);
  rig.AddSome(20);
  rig.Flush();
  EXPECT_TRUE(Eventually([&] { return *rig.Load() == rig.next; }));
  rig.End();
  EXPECT_EQ(rig.files.count(FileOperation::kSync), syncs);
}

TEST(AofLogTest, NoSyncWhileAChildRunsIfSoConfigured) {
  for (const AppendFsync policy : {AppendFsync::kEverySec, AppendFsync::kAlways}) {
    AofLogRig rig(policy);
    rig.sync_interval = std::chrono::milliseconds(1);
    rig.rig.config.no_appendfsync_on_rewrite = true;
    ASSERT_TRUE(rig.Start().ok());
    rig.status.bgsave_started_seconds = 1;
    const uint64_t syncs = rig.files.count(FileOperation::kSync);
    rig.AddSome(20);
    rig.Flush();
    EXPECT_TRUE(Eventually([&] { return *rig.Load() == rig.next; }));
    EXPECT_EQ(rig.files.count(FileOperation::kSync), syncs);
    rig.status.bgsave_started_seconds = -1;
    rig.log->Cron();
    EXPECT_TRUE(Eventually([&] { return rig.files.count(FileOperation::kSync) > syncs; }));
  }
}

// Asked for the time when the server has decided to wait, with the latency monitor on.
class TellingClock final : public Clock {
 public:
  int64_t MonotonicMicros() const override {
    if (on_call) on_call();
    return now;
  }
  int64_t WallMicros() const override { return now; }

  int64_t now = 1'000'000;
  std::function<void()> on_call;
};

TEST(AofLogTest, TheServerWaitsForADiskThatIsTwoSecondsBehind) {
  AofLogRig rig(AppendFsync::kEverySec);
  TellingClock clock;
  rig.rig.config.latency_monitor_threshold = 1;
  LatencyMonitor latency(clock, rig.rig.config);
  Services services{.clock = clock,
                    .random = rig.rig.random,
                    .loop = rig.rig.loop,
                    .config = rig.rig.config,
                    .registry = rig.rig.directives,
                    .keyspace = rig.rig.keyspace,
                    .clients = rig.rig.clients,
                    .stats = rig.rig.stats,
                    .lifecycle = rig.rig.lifecycle};
  services.effects = &rig.effects;
  services.latency = &latency;
  rig.log = std::make_unique<AofLog>(
      services, rig.files, rig.status,
      AofLog::Options{.on_fatal = {}, .sync_interval = std::chrono::milliseconds(1)});
  ASSERT_TRUE(rig.log->Start().ok());
  rig.files.HoldSyncs(true);
  rig.Add();
  rig.Flush();
  EXPECT_TRUE(Eventually([&] {
    rig.log->Cron();
    return rig.status.aof_pending_fsyncs == 1;
  }));
  clock.now += 1'900'000;
  rig.Add();
  rig.Flush();
  EXPECT_EQ(rig.status.aof_delayed_fsyncs, 0u);
  EXPECT_NE(rig.status.aof_buffer_bytes, 0u);
  clock.now += 200'000;
  int calls = 0;
  clock.on_call = [&] {
    if (++calls < 2) return;
    clock.now += 5'000;
    rig.files.HoldSyncs(false);
  };
  rig.Add();
  rig.Flush();
  EXPECT_EQ(rig.status.aof_delayed_fsyncs, 1u);
  EXPECT_NE(latency.Find("aof-write-pending-fsync"), nullptr);
  EXPECT_TRUE(rig.FlushAndSync());
  EXPECT_EQ(*rig.Load(), 3);
  rig.End();
}

struct WriteFault {
  const char* name;
  std::function<void(MemoryFileSystem&)> apply;
};

TEST(AofLogTest, WhatCannotBeWrittenIsTriedAgain) {
  const WriteFault faults[] = {
      {"full", [](MemoryFileSystem& files) { files.set_room(0); }},
      {"short", [](MemoryFileSystem& files) { files.set_room(100); }},
      {"short for good",
       [](MemoryFileSystem& files) {
         files.set_room(100);
         files.Fail(FileOperation::kTruncate, EIO, 0, true);
       }},
  };
  for (const WriteFault& fault : faults) {
    SCOPED_TRACE(fault.name);
    AofLogRig rig(AppendFsync::kEverySec);
    ASSERT_TRUE(rig.Start().ok());
    rig.Add();
    ASSERT_TRUE(rig.FlushAndSync());
    fault.apply(rig.files);
    rig.AddSome(20);
    rig.Flush();
    ASSERT_TRUE(Eventually([&] {
      rig.log->Cron();
      return !rig.status.aof_last_write_ok;
    }));
    EXPECT_EQ(rig.status.aof_last_write_error, "No space left on device");
    EXPECT_NE(rig.status.aof_buffer_bytes, 0u);
    EXPECT_LE(rig.status.aof_current_size, rig.Contents(kIncremental).size());
    EXPECT_FALSE(rig.FlushAndSync());
    rig.Add();
    rig.Flush();
    EXPECT_FALSE(rig.log->BeginRewrite().ok());
    rig.files.Heal();
    // Only a second later.
    rig.log->Cron();
    EXPECT_FALSE(rig.status.aof_last_write_ok);
    rig.clock.AdvanceMillis(1001);
    ASSERT_TRUE(Eventually([&] {
      rig.log->Cron();
      return rig.status.aof_last_write_ok;
    }));
    ASSERT_TRUE(rig.FlushAndSync());
    EXPECT_EQ(rig.status.aof_buffer_bytes, 0u);
    EXPECT_EQ(rig.status.aof_current_size, rig.Contents(kIncremental).size());
    rig.files.CutPower();
    EXPECT_EQ(*rig.Load(), rig.next);
  }
}

TEST(AofLogTest, ASyncThatFailsRefusesWritesAndHasTheBaseRewritten) {
  AofLogRig rig(AppendFsync::kEverySec);
  rig.sync_interval = std::chrono::milliseconds(1);
  ASSERT_TRUE(rig.Start().ok());
  rig.files.Fail(FileOperation::kSync, EIO, 0, true);
  rig.Add();
  rig.Flush();
  ASSERT_TRUE(Eventually([&] {
    rig.log->Cron();
    return !rig.status.aof_last_write_ok;
  }));
  EXPECT_EQ(rig.status.aof_last_write_error, "Input/output error");
  EXPECT_FALSE(rig.status.aof_rewrite_scheduled);
  rig.files.Heal();
  ASSERT_TRUE(Eventually([&] {
    rig.log->Cron();
    return rig.status.aof_last_write_ok;
  }));
  EXPECT_TRUE(rig.status.aof_rewrite_scheduled);
}

TEST(AofLogTest, AppendfsyncMayChangeAtAnyTime) {
  AofLogRig rig(AppendFsync::kEverySec);
  ASSERT_TRUE(rig.Start().ok());
  const AppendFsync policies[] = {AppendFsync::kAlways,   AppendFsync::kNo,
                                  AppendFsync::kAlways,   AppendFsync::kEverySec,
                                  AppendFsync::kNo,       AppendFsync::kEverySec,
                                  AppendFsync::kEverySec, AppendFsync::kAlways};
  for (int round = 0; round < 10; ++round) {
    for (const AppendFsync policy : policies) {
      rig.AddSome(3);
      rig.Flush();
      rig.AddSome(2);
      rig.rig.config.appendfsync = policy;
      if (round % 2 == 0) rig.log->OnConfigChanged();
      rig.Add();
      rig.Flush();
      if (policy == AppendFsync::kAlways) {
        EXPECT_EQ(*rig.Load(), rig.next);
      }
    }
  }
  rig.files.CutPower();
  EXPECT_EQ(*rig.Load(), rig.next);
}

TEST(AofLogTest, AlwaysCannotBeSwitchedOnWhileTheDiskFails) {
  AofLogRig rig(AppendFsync::kEverySec);
  ASSERT_TRUE(rig.Start().ok());
  rig.files.set_room(0);
  rig.Add();
  rig.Flush();
  rig.rig.config.appendfsync = AppendFsync::kAlways;
  rig.log->OnConfigChanged();
  EXPECT_TRUE(rig.dead);
}

TEST(AofLogTest, StopLeavesAllOnTheDisk) {
  AofLogRig rig(AppendFsync::kEverySec);
  ASSERT_TRUE(rig.Start().ok());
  rig.AddSome(5);
  rig.log->Stop();
  EXPECT_FALSE(rig.log->on());
  EXPECT_FALSE(rig.effects.wanted());
  rig.files.CutPower();
  EXPECT_EQ(*rig.Load(), rig.next);
  rig.log->Flush();
  rig.log->Cron();
  EXPECT_TRUE(rig.FlushAndSync());
}

// ---- Rewrites.

TEST(AofLogTest, ARewriteReplacesTheFiles) {
  AofLogRig rig(AppendFsync::kEverySec);
  ASSERT_TRUE(rig.Start().ok());
  rig.AddSome(5);
  ASSERT_TRUE(rig.Begin());
  EXPECT_EQ(rig.Manifest(),
            "file appendonly.aof.1.base.aof seq 1 type b\n"
            "file appendonly.aof.1.incr.aof seq 1 type i\n"
            "file appendonly.aof.2.incr.aof seq 2 type i\n");
  const uint64_t size = rig.status.aof_current_size;
  EXPECT_EQ(size, rig.Contents(kIncremental).size());
  rig.AddSome(5);
  rig.Flush();
  EXPECT_GT(rig.status.aof_current_size, size);
  EXPECT_TRUE(Eventually([&] { return *rig.Load() == rig.next; }));
  ASSERT_TRUE(rig.Finish());
  EXPECT_EQ(rig.Manifest(),
            "file appendonly.aof.2.base.aof seq 2 type b\n"
            "file appendonly.aof.2.incr.aof seq 2 type i\n");
  EXPECT_EQ(rig.Contents(kIncremental), "none");
  EXPECT_EQ(rig.Contents("appendonly.aof.1.base.aof"), "none");
  EXPECT_EQ(*rig.Load(), rig.next);
  EXPECT_EQ(rig.status.aof_current_size, rig.Contents("appendonly.aof.2.base.aof").size() +
                                             rig.Contents("appendonly.aof.2.incr.aof").size());
  EXPECT_EQ(rig.status.aof_base_size, rig.status.aof_current_size);
  rig.Add();
  EXPECT_TRUE(rig.FlushAndSync());
  rig.files.CutPower();
  EXPECT_EQ(*rig.Load(), rig.next);
}

TEST(AofLogTest, HistoryIsKeptIfSoConfigured) {
  AofLogRig rig(AppendFsync::kAlways);
  rig.rig.config.aof_disable_auto_gc = true;
  ASSERT_TRUE(rig.Start().ok());
  rig.Add();
  ASSERT_TRUE(rig.Begin());
  ASSERT_TRUE(rig.Finish());
  EXPECT_EQ(rig.log->manifest().history().size(), 2u);
  EXPECT_NE(rig.Contents(kIncremental), "none");
  rig.rig.config.aof_disable_auto_gc = false;
  ASSERT_TRUE(rig.Start().ok());
  EXPECT_EQ(rig.log->manifest().history().size(), 0u);
  EXPECT_EQ(rig.Contents(kIncremental), "none");
}

TEST(AofLogTest, RewritesThatFailLeaveMoreAndMoreFilesUntilOneSucceeds) {
  AofLogRig rig(AppendFsync::kEverySec);
  ASSERT_TRUE(rig.Start().ok());
  for (int i = 0; i < 5; ++i) {
    rig.AddSome(5);
    ASSERT_TRUE(rig.Begin());
    rig.log->AbandonRewrite();
  }
  EXPECT_EQ(rig.log->manifest().incremental().size(), 6u);
  rig.AddSome(5);
  ASSERT_TRUE(rig.FlushAndSync());
  EXPECT_EQ(*rig.Load(), rig.next);
  ASSERT_TRUE(rig.Begin());
  ASSERT_TRUE(rig.Finish());
  EXPECT_EQ(rig.log->manifest().incremental().size(), 1u);
  EXPECT_EQ(*rig.Load(), rig.next);
}

TEST(AofLogTest, ARewriteWithoutTheLogMakesABaseOnly) {
  AofLogRig rig(AppendFsync::kEverySec);
  rig.StartWithout(7);
  ASSERT_TRUE(rig.Begin());
  EXPECT_EQ(rig.Manifest(), "none");
  ASSERT_TRUE(rig.Finish());
  EXPECT_EQ(rig.Manifest(), "file appendonly.aof.1.base.aof seq 1 type b\n");
  EXPECT_EQ(*rig.Load(), 7);
}

TEST(AofLogTest, SwitchedOnItIsWorthNothingUntilTheFirstRewriteHasEnded) {
  AofLogRig rig(AppendFsync::kEverySec);
  rig.StartWithout(7);
  ASSERT_TRUE(rig.log->StartWithRewrite().ok());
  EXPECT_TRUE(rig.status.aof_waits_for_rewrite);
  rig.Add();
  EXPECT_FALSE(rig.Finish());
  for (int attempt = 0; attempt < 2; ++attempt) {
    ASSERT_TRUE(rig.Begin());
    rig.Add();
    rig.Flush();
    EXPECT_EQ(rig.Manifest(), "none");
    EXPECT_NE(rig.Contents("temp-appendonly.aof.incr"), "none");
    if (attempt == 0) {
      rig.log->AbandonRewrite();
      EXPECT_EQ(rig.Contents("temp-appendonly.aof.incr"), "none");
      rig.Add();
    }
  }
  ASSERT_TRUE(rig.Finish());
  EXPECT_FALSE(rig.status.aof_waits_for_rewrite);
  EXPECT_EQ(rig.Manifest(),
            "file appendonly.aof.1.base.aof seq 1 type b\n"
            "file appendonly.aof.1.incr.aof seq 1 type i\n");
  rig.Add();
  ASSERT_TRUE(rig.FlushAndSync());
  EXPECT_EQ(*rig.Load(), rig.next);
  rig.log->Stop();
  rig.Add();
  ASSERT_TRUE(rig.log->StartWithRewrite().ok());
  ASSERT_TRUE(rig.Begin());
  rig.Add();
  ASSERT_TRUE(rig.Finish());
  EXPECT_EQ(rig.Manifest(),
            "file appendonly.aof.2.base.aof seq 2 type b\n"
            "file appendonly.aof.2.incr.aof seq 2 type i\n");
  ASSERT_TRUE(rig.FlushAndSync());
  EXPECT_EQ(*rig.Load(), rig.next);
}

TEST(AofLogTest, SwitchedOffBeforeTheFirstRewriteHasEndedItLeavesNothing) {
  AofLogRig rig(AppendFsync::kEverySec);
  rig.StartWithout(7);
  ASSERT_TRUE(rig.log->StartWithRewrite().ok());
  ASSERT_TRUE(rig.Begin());
  rig.Add();
  rig.log->Stop();
  EXPECT_EQ(rig.Contents("temp-appendonly.aof.incr"), "none");
  EXPECT_EQ(rig.Manifest(), "none");
  EXPECT_FALSE(rig.status.aof_on);
}

constexpr FileOperation kOperations[] = {FileOperation::kOpen,     FileOperation::kRead,
                                         FileOperation::kWrite,    FileOperation::kSync,
                                         FileOperation::kTruncate, FileOperation::kRename,
                                         FileOperation::kRemove};
constexpr int kSteps = 12;

// How the power goes.
enum class Cut : uint8_t { kNot, kClean, kRandom };

void CutPower(AofLogRig& rig, Cut cut, Random& random) {
  if (cut == Cut::kClean) rig.files.CutPower();
  if (cut == Cut::kRandom) rig.files.CutPower(random);
}

// One operation of a rewrite fails, or all of that kind from then on; then the process ends, and
// perhaps the power with it.
TEST(AofLogTest, NoFaultDuringARewriteLosesAnything) {
  Random random(1);
  for (const AppendFsync policy : {AppendFsync::kAlways, AppendFsync::kEverySec}) {
    for (const FileOperation operation : kOperations) {
      for (const bool for_good : {false, true}) {
        for (const Cut cut : {Cut::kNot, Cut::kClean, Cut::kRandom}) {
          for (int step = 0; step < kSteps; ++step) {
            AofLogRig rig(policy);
            ASSERT_TRUE(rig.Start().ok());
            rig.AddSome(5);
            ASSERT_TRUE(rig.FlushAndSync());
            int told = rig.next;
            const auto tell = [&] {
              if (rig.FlushAndSync()) told = rig.next;
            };
            rig.files.Fail(operation, EIO, step, for_good);
            const bool begun = rig.Begin();
            rig.AddSome(5);
            tell();
            if (begun && !rig.dead) (void)rig.Finish();
            rig.AddSome(2);
            tell();
            // The end.
            rig.files.Heal();
            if (cut == Cut::kNot) rig.End();
            CutPower(rig, cut, random);
            const Expected<int> loaded = rig.Load();
            ASSERT_TRUE(loaded.ok())
                << loaded.error().message << " operation " << static_cast<int>(operation)
                << " step " << step << " for good " << for_good << " cut " << static_cast<int>(cut);
            ASSERT_GE(*loaded, told) << " operation " << static_cast<int>(operation) << " step "
                                     << step << " for good " << for_good << " cut "
                                     << static_cast<int>(cut);
            // And after it.
            ASSERT_TRUE(rig.Start().ok());
            rig.AddSome(5);
            ASSERT_TRUE(rig.Begin());
            rig.AddSome(5);
            ASSERT_TRUE(rig.Finish());
            ASSERT_TRUE(rig.FlushAndSync());
            CutPower(rig, cut, random);
            ASSERT_EQ(*rig.Load(), rig.next);
          }
        }
      }
    }
  }
}

// The same without an end: the next rewrite puts everything right.
TEST(AofLogTest, AfterAFaultTheNextRewriteSucceeds) {
  Random random(2);
  for (const AppendFsync policy : {AppendFsync::kEverySec, AppendFsync::kAlways}) {
    for (const FileOperation operation : kOperations) {
      for (int step = 0; step < kSteps; ++step) {
        AofLogRig rig(policy);
        ASSERT_TRUE(rig.Start().ok());
        rig.AddSome(5);
        ASSERT_TRUE(rig.FlushAndSync());
        rig.files.Fail(operation, EIO, step);
        if (rig.Begin() && !rig.dead) (void)rig.Finish();
        rig.files.Heal();
        if (rig.dead) continue;
        rig.AddSome(5);
        ASSERT_TRUE(rig.FlushAndSync());
        rig.clock.AdvanceMillis(2000);
        rig.log->Cron();
        ASSERT_TRUE(rig.Begin());
        rig.AddSome(5);
        ASSERT_TRUE(rig.Finish());
        ASSERT_TRUE(rig.FlushAndSync());
        EXPECT_EQ(rig.log->manifest().history().size(), 0u);
        EXPECT_EQ(rig.log->manifest().incremental().size(), 1u);
        rig.files.CutPower(random);
        ASSERT_EQ(*rig.Load(), rig.next);
        // Of the directory nothing is left but what the manifest names.
        EXPECT_EQ(rig.files.List("appendonlydir")->size(), 3u)
            << static_cast<int>(operation) << " " << step;
      }
    }
  }
}

TEST(AofLogTest, NoFaultWhileItIsSwitchedOnLeavesAFalseState) {
  Random random(3);
  for (const AppendFsync policy : {AppendFsync::kAlways, AppendFsync::kEverySec}) {
    for (const FileOperation operation : kOperations) {
      for (const Cut cut : {Cut::kNot, Cut::kClean, Cut::kRandom}) {
        for (int step = 0; step < kSteps; ++step) {
          AofLogRig rig(policy);
          rig.StartWithout(7);
          ASSERT_TRUE(rig.log->StartWithRewrite().ok());
          rig.files.Fail(operation, EIO, step);
          bool on = false;
          int told = 0;
          for (int attempt = 0; attempt < 3 && !on && !rig.dead; ++attempt) {
            if (!rig.Begin()) continue;
            rig.AddSome(5);
            if (!rig.FlushAndSync()) continue;
            on = rig.Finish();
            if (!on) rig.log->AbandonRewrite();
            rig.AddSome(5);
          }
          if (on && rig.FlushAndSync()) told = rig.next;
          EXPECT_TRUE(on || rig.dead) << static_cast<int>(operation) << " " << step;
          rig.files.Heal();
          if (cut == Cut::kNot) rig.End();
          CutPower(rig, cut, random);
          const Expected<int> loaded = rig.Load();
          ASSERT_TRUE(loaded.ok()) << loaded.error().message;
          ASSERT_GE(*loaded, told);
        }
      }
    }
  }
}

// Everything at once, process after process on the same disk.
TEST(AofLogTest, WhateverHappensWhatWasPromisedIsThere) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    const auto pick = [&](int below) { return static_cast<int>(random.Below(below)); };
    AofLogRig rig(AppendFsync::kEverySec);
    if (pick(2) == 0) rig.sync_interval = std::chrono::milliseconds(1);
    int told = 0;  // so many numbers were promised to be on the disk
    for (int life = 0; life < 8; ++life) {
      rig.rig.config.appendfsync = static_cast<AppendFsync>(pick(3));
      const Status started = rig.Start();
      ASSERT_TRUE(started.ok()) << started.error().message;
      ASSERT_GE(rig.next, told) << "seed " << seed << " life " << life;
      told = rig.next;
      bool rewriting = false;
      for (int step = pick(60); step > 0 && !rig.dead; --step) {
        switch (pick(12)) {
          case 0:
            rig.files.Fail(kOperations[pick(7)], pick(2) == 0 ? EIO : ENOSPC, pick(6),
                           pick(4) == 0);
            break;
          case 1:
            rig.files.set_room(static_cast<uint64_t>(pick(300)));
            break;
          case 2:
          case 3:
            rig.files.Heal();
            break;
          case 4:
            rig.clock.AdvanceMillis(500 + pick(1000));
            rig.log->Cron();
            break;
          case 5:
            rig.rig.config.appendfsync = static_cast<AppendFsync>(pick(3));
            if (pick(2) == 0) rig.log->OnConfigChanged();
            break;
          case 6:
            if (!rewriting) {
              rewriting = rig.Begin();
            } else {
              (void)rig.Finish();
              rewriting = false;
            }
            break;
          case 7:
            if (rig.FlushAndSync()) told = rig.next;
            break;
          default:
            rig.AddSome(1 + pick(10));
            rig.Flush();
            if (!rig.dead && rig.rig.config.appendfsync == AppendFsync::kAlways) told = rig.next;
            break;
        }
      }
      rig.files.Heal();
      if (pick(3) == 0) {
        rig.files.CutPower(random);
        rig.End();
      } else {
        rig.End();
        if (pick(2) == 0) rig.files.CutPower(random);
      }
    }
    const Expected<int> loaded = rig.Load();
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    ASSERT_GE(*loaded, told);
  }
}

}  // namespace
}  // namespace keyway::shard::persistence
