#include "shard/persistence/aof/aof_rewriter.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "shard/persistence/child/child_process.h"
#include "shard/persistence/files/file_system.h"
#include "shard/server/effects.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::persistence {
namespace {

using Begun = Persistence::Begun;

constexpr int64_t kForever = 1'000'000'000;  // microseconds, of rdb-key-save-delay
constexpr char kFolder[] = "appendonlydir/";

// Real files in a folder of its own, real children; the clock stands still.
class AofRewriterTest : public testing::Test {
 protected:
  AofRewriterTest() {
    std::string folder = testing::TempDir() + "/rewriterXXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    EXPECT_EQ(chdir(folder.c_str()), 0);
    folder_ = folder;
    rig_.config.aof_use_rdb_preamble = false;
    rig_.services.effects = &effects_;
    peer_ = rig_.Connect();
  }
  ~AofRewriterTest() override {
    peer_.reset();
    rewriter_.KillChild();
    log_.Stop();
    EXPECT_EQ(chdir("/"), 0);
    std::filesystem::remove_all(folder_);
  }

  void Call(std::string_view line) { EXPECT_NE(peer_->Call(line)[0], '-') << line; }
  void AwaitChild() {
    EXPECT_TRUE(rig_.RunUntil([this] { return !child_.running(); }));
  }
  std::string Contents(const std::string& path) {
    const auto bytes = ReadWhole(FileSystem::Real(), path, 1 << 20);
    return bytes.ok() ? *bytes : "none";
  }
  // In the folder and in the directory of the append-only file.
  std::set<std::string> Files() {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(".")) {
      if (entry.is_regular_file()) names.insert(entry.path().filename());
    }
    return names;
  }
  // A child that does not end by itself.
  void StartSnapshot() {
    ASSERT_TRUE(child_
                    .Start(
                        {.kind = ChildKind::kSnapshot},
                        [](ChildReport&) {
                          for (;;) pause();
                          return true;
                        },
                        [](const ChildResult&) {})
                    .ok());
  }
  void StartSlowRewrite() {
    Call("SET slow 1");
    rig_.config.rdb_key_save_delay = kForever;
    ASSERT_TRUE(rewriter_.RewriteInBackground().ok());
    rig_.config.rdb_key_save_delay = 0;
  }

  std::string folder_;
  ManualClock clock_;
  ClientRig rig_{clock_};
  Effects effects_{rig_.keyspace, rig_.config};
  PersistenceStatus status_;
  ChildProcess child_{rig_.services, status_};
  AofLog log_{rig_.services, FileSystem::Real(), status_};
  AofRewriter rewriter_{rig_.services, FileSystem::Real(), child_, log_, status_};
  std::unique_ptr<ClientRig::Peer> peer_;
};

TEST_F(AofRewriterTest, WithTheLogOffThereIsABaseOnly) {
  Call("SET a 1");
  const auto begun = rewriter_.RewriteInBackground();
  ASSERT_TRUE(begun.ok());
  EXPECT_EQ(*begun, Begun::kNow);
  EXPECT_EQ(status_.aof_rewrite_started_seconds, clock_.WallMicros() / 1'000'000);
  Call("SET a 2");  // not in the base
  clock_.AdvanceMillis(5000);
  AwaitChild();
  EXPECT_TRUE(status_.aof_last_rewrite_ok);
  EXPECT_EQ(status_.aof_last_rewrite_took_seconds, 5);
  EXPECT_EQ(status_.aof_rewrite_started_seconds, -1);
  EXPECT_EQ(status_.aof_rewrites, 1u);
  EXPECT_EQ(Contents(std::string(kFolder) + "appendonly.aof.1.base.aof"),
            "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n");
  EXPECT_EQ(Contents(std::string(kFolder) + "appendonly.aof.manifest"),
            "file appendonly.aof.1.base.aof seq 1 type b\n");
  EXPECT_EQ(Files().size(), 2u);
}

TEST_F(AofRewriterTest, TheBaseMayBeRdb) {
  rig_.config.aof_use_rdb_preamble = true;
  Call("SET a 1");
  ASSERT_TRUE(rewriter_.RewriteInBackground().ok());
  AwaitChild();
  EXPECT_TRUE(status_.aof_last_rewrite_ok);
  EXPECT_TRUE(Contents(std::string(kFolder) + "appendonly.aof.1.base.rdb").starts_with("REDIS00"));
}

TEST_F(AofRewriterTest, OneAtATime) {
  StartSlowRewrite();
  const auto second = rewriter_.RewriteInBackground();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().message,
            "ERR Background append only file rewriting already in progress");
  rewriter_.KillChild();
  StartSnapshot();
  status_.aof_rewrites_failed_in_a_row = 7;
  const auto scheduled = rewriter_.RewriteInBackground();
  ASSERT_TRUE(scheduled.ok());
  EXPECT_EQ(*scheduled, Begun::kScheduled);
  EXPECT_TRUE(status_.aof_rewrite_scheduled);
  EXPECT_EQ(status_.aof_rewrites_failed_in_a_row, 0u);
  rewriter_.StartScheduled();
  EXPECT_FALSE(child_.running(ChildKind::kRewrite));
  child_.Kill();
  rewriter_.StartScheduled();
  EXPECT_TRUE(child_.running(ChildKind::kRewrite));
  EXPECT_FALSE(status_.aof_rewrite_scheduled);
  AwaitChild();
  EXPECT_TRUE(status_.aof_last_rewrite_ok);
}

TEST_F(AofRewriterTest, OurOwnKillIsNoFailure) {
  StartSlowRewrite();
  rewriter_.KillChild();
  EXPECT_FALSE(child_.running());
  EXPECT_TRUE(status_.aof_last_rewrite_ok);
  EXPECT_EQ(status_.aof_rewrites_failed_in_a_row, 0u);
  EXPECT_EQ(status_.aof_rewrite_started_seconds, -1);
  EXPECT_EQ(status_.aof_last_rewrite_took_seconds, -1);
  EXPECT_TRUE(Files().empty());
  rewriter_.KillChild();  // there is none
}

TEST_F(AofRewriterTest, ASignalIsAFailureUnlessItIsSIGUSR1) {
  StartSlowRewrite();
  kill(static_cast<pid_t>(child_.pid()), SIGUSR1);
  AwaitChild();
  EXPECT_TRUE(status_.aof_last_rewrite_ok);
  EXPECT_EQ(status_.aof_rewrites_failed_in_a_row, 0u);
  EXPECT_EQ(status_.aof_last_rewrite_took_seconds, 0);
  for (uint64_t failures = 1; failures <= 3; ++failures) {
    StartSlowRewrite();
    kill(static_cast<pid_t>(child_.pid()), SIGKILL);
    AwaitChild();
    EXPECT_FALSE(status_.aof_last_rewrite_ok);
    EXPECT_EQ(status_.aof_rewrites_failed_in_a_row, failures);
    EXPECT_TRUE(Files().empty());
  }
  ASSERT_TRUE(rewriter_.RewriteInBackground().ok());
  AwaitChild();
  EXPECT_TRUE(status_.aof_last_rewrite_ok);
  EXPECT_EQ(status_.aof_rewrites_failed_in_a_row, 0u);
}

TEST_F(AofRewriterTest, FailuresMakeItWait) {
  status_.aof_rewrites_failed_in_a_row = 3;
  status_.aof_rewrite_scheduled = true;
  for (const int64_t minutes : {1, 2, 4, 8, 16, 32, 60, 60}) {
    rewriter_.StartScheduled();
    EXPECT_FALSE(child_.running()) << minutes;
    clock_.AdvanceMillis(minutes * 60'000 - 1000);
    rewriter_.StartScheduled();
    EXPECT_FALSE(child_.running()) << minutes;
    clock_.AdvanceMillis(1000);
    rig_.config.rdb_key_save_delay = kForever;
    Call("SET slow 1");
    rewriter_.StartScheduled();
    ASSERT_TRUE(child_.running()) << minutes;
    kill(static_cast<pid_t>(child_.pid()), SIGKILL);
    AwaitChild();
    status_.aof_rewrite_scheduled = true;
  }
  // It begins with a minute again after a success.
  rig_.config.rdb_key_save_delay = 0;
  ASSERT_TRUE(rewriter_.RewriteInBackground().ok());
  AwaitChild();
  status_.aof_rewrite_scheduled = true;
  rewriter_.StartScheduled();
  AwaitChild();
  EXPECT_FALSE(status_.aof_rewrite_scheduled);
  status_.aof_rewrites_failed_in_a_row = 3;
  status_.aof_rewrite_scheduled = true;
  rewriter_.StartScheduled();
  clock_.AdvanceMillis(60'000);
  rewriter_.StartScheduled();
  EXPECT_TRUE(child_.running());
  AwaitChild();
}

TEST_F(AofRewriterTest, GrowthStartsARewrite) {
  ASSERT_TRUE(log_.Start().ok());
  rig_.config.auto_aof_rewrite_percentage = 100;
  rig_.config.auto_aof_rewrite_min_size = 1000;
  status_.aof_base_size = 600;
  status_.aof_current_size = 1000;
  rewriter_.Cron();
  EXPECT_FALSE(child_.running());
  status_.aof_current_size = 1199;
  rewriter_.Cron();
  EXPECT_FALSE(child_.running());
  rig_.config.auto_aof_rewrite_percentage = 0;
  status_.aof_current_size = 1'000'000;
  rewriter_.Cron();
  EXPECT_FALSE(child_.running());
  rig_.config.auto_aof_rewrite_percentage = 100;
  status_.aof_rewrites_failed_in_a_row = 3;
  rewriter_.Cron();
  EXPECT_FALSE(child_.running());
  status_.aof_rewrites_failed_in_a_row = 0;
  status_.aof_current_size = 1200;
  rewriter_.Cron();
  EXPECT_TRUE(child_.running(ChildKind::kRewrite));
  AwaitChild();
  EXPECT_EQ(Files(),
            (std::set<std::string>{"appendonly.aof.2.base.aof", "appendonly.aof.2.incr.aof",
                                   "appendonly.aof.manifest"}));
  // Without a base: as if that had been of one byte.
  status_.aof_base_size = 0;
  status_.aof_current_size = 1001;
  rewriter_.Cron();
  EXPECT_TRUE(child_.running(ChildKind::kRewrite));
}

TEST_F(AofRewriterTest, SwitchedOnAndOff) {
  Call("SET a 1");
  ASSERT_TRUE(rewriter_.SwitchOn().ok());
  EXPECT_TRUE(log_.on());
  EXPECT_TRUE(status_.aof_waits_for_rewrite);
  Call("SET a 2");
  AwaitChild();
  EXPECT_FALSE(status_.aof_waits_for_rewrite);
  Call("SET a 3");
  rewriter_.SwitchOff();
  EXPECT_FALSE(log_.on());
  Call("SET a 4");
  const std::string incremental = Contents(std::string(kFolder) + "appendonly.aof.1.incr.aof");
  EXPECT_NE(incremental.find("$1\r\n2\r\n"), std::string::npos);
  EXPECT_NE(incremental.find("$1\r\n3\r\n"), std::string::npos);
  EXPECT_EQ(incremental.find("$1\r\n4\r\n"), std::string::npos);
  EXPECT_EQ(Contents(std::string(kFolder) + "appendonly.aof.manifest"),
            "file appendonly.aof.1.base.aof seq 1 type b\n"
            "file appendonly.aof.1.incr.aof seq 1 type i\n");
}

TEST_F(AofRewriterTest, SwitchedOnWhileASnapshotIsWritten) {
  StartSnapshot();
  ASSERT_TRUE(rewriter_.SwitchOn().ok());
  EXPECT_TRUE(status_.aof_rewrite_scheduled);
  EXPECT_TRUE(status_.aof_waits_for_rewrite);
  Call("SET a 1");
  log_.Flush();
  child_.Kill();
  rewriter_.StartScheduled();
  AwaitChild();
  EXPECT_FALSE(status_.aof_waits_for_rewrite);
  EXPECT_NE(Contents(std::string(kFolder) + "appendonly.aof.1.base.aof").find("SET"),
            std::string::npos);
  EXPECT_EQ(Contents(std::string(kFolder) + "appendonly.aof.1.incr.aof"), "");
}

TEST_F(AofRewriterTest, SwitchedOnInTheMiddleOfARewrite) {
  StartSlowRewrite();
  const int64_t first = child_.pid();
  Call("SET a 1");
  ASSERT_TRUE(rewriter_.SwitchOn().ok());
  EXPECT_NE(child_.pid(), first);
  AwaitChild();
  EXPECT_FALSE(status_.aof_waits_for_rewrite);
  EXPECT_NE(Contents(std::string(kFolder) + "appendonly.aof.1.base.aof").find("$1\r\na\r\n"),
            std::string::npos);
  EXPECT_EQ(Files().size(), 3u);
}

TEST_F(AofRewriterTest, TriesAgainUntilThereIsABase) {
  Call("SET slow 1");
  rig_.config.rdb_key_save_delay = kForever;
  ASSERT_TRUE(rewriter_.SwitchOn().ok());
  kill(static_cast<pid_t>(child_.pid()), SIGKILL);
  AwaitChild();
  EXPECT_TRUE(status_.aof_rewrite_scheduled);
  EXPECT_TRUE(status_.aof_waits_for_rewrite);
  EXPECT_TRUE(Files().empty());
  rig_.config.rdb_key_save_delay = 0;
  rewriter_.StartScheduled();
  AwaitChild();
  EXPECT_FALSE(status_.aof_waits_for_rewrite);
  EXPECT_TRUE(log_.on());
}

TEST_F(AofRewriterTest, SwitchedOffInTheMiddleOfTheFirstRewrite) {
  Call("SET slow 1");
  rig_.config.rdb_key_save_delay = kForever;
  ASSERT_TRUE(rewriter_.SwitchOn().ok());
  rewriter_.SwitchOff();
  EXPECT_FALSE(child_.running());
  EXPECT_FALSE(log_.on());
  EXPECT_FALSE(status_.aof_waits_for_rewrite);
  EXPECT_FALSE(status_.aof_rewrite_scheduled);
  EXPECT_TRUE(Files().empty());
}

TEST_F(AofRewriterTest, CannotBegin) {
  { auto file = FileSystem::Real().Open("appendonlydir", OpenMode::kCreate); }
  const auto begun = rewriter_.RewriteInBackground();
  ASSERT_FALSE(begun.ok());
  EXPECT_EQ(begun.error().message,
            "ERR Can't execute an AOF background rewriting. Please check the server logs for more "
            "information.");
  EXPECT_FALSE(status_.aof_last_rewrite_ok);
  const Status switched = rewriter_.SwitchOn();
  ASSERT_FALSE(switched.ok());
  EXPECT_EQ(switched.error().message, "Unable to turn on AOF. Check server logs.");
  EXPECT_FALSE(log_.on());
}

TEST_F(AofRewriterTest, CannotEnd) {
  ASSERT_TRUE(log_.Start().ok());
  const std::string taken = std::string(kFolder) + "appendonly.aof.2.base.aof";
  ASSERT_TRUE(std::filesystem::create_directory(taken));
  Call("SET a 1");
  ASSERT_TRUE(rewriter_.RewriteInBackground().ok());
  AwaitChild();
  EXPECT_FALSE(status_.aof_last_rewrite_ok);
  EXPECT_EQ(status_.aof_rewrites_failed_in_a_row, 1u);
  // Both incremental files are needed.
  EXPECT_EQ(Files(),
            (std::set<std::string>{"appendonly.aof.1.base.aof", "appendonly.aof.1.incr.aof",
                                   "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"}));
  std::filesystem::remove(taken);
  ASSERT_TRUE(rewriter_.RewriteInBackground().ok());
  AwaitChild();
  EXPECT_TRUE(status_.aof_last_rewrite_ok);
  EXPECT_EQ(Contents(std::string(kFolder) + "appendonly.aof.manifest"),
            "file appendonly.aof.2.base.aof seq 2 type b\n"
            "file appendonly.aof.3.incr.aof seq 3 type i\n");
}

}  // namespace
}  // namespace keyway::shard::persistence
