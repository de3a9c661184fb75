#include "shard/server/persistence.h"

#include <gtest/gtest.h>

#include "shard/config/shard_config.h"

namespace keyway::shard {
namespace {

class StatusOnly final : public Persistence {
 public:
  PersistenceStatus& figures() { return status_; }

  Status Save() override { return {}; }
  Expected<Begun> SaveInBackground(bool) override { return Begun::kNow; }
  Expected<Begun> RewriteInBackground() override { return Begun::kNow; }
  Status Reload(const ReloadOptions&) override { return {}; }
  Status LoadAof() override { return {}; }
  void SetAofFlushDelay(int64_t) override {}
  void AfterFlushAll() override {}
  bool PrepareForEnd(SaveAtEnd, bool) override { return true; }
  void End() override {}
  void Cron() override {}
};

class WriteRefusalTest : public testing::Test {
 protected:
  ShardConfig config_;
  StatusOnly persistence_;
};

TEST_F(WriteRefusalTest, NoneWhileTheDiskWorks) {
  EXPECT_EQ(persistence_.WriteRefusal(config_), "");
  EXPECT_EQ(persistence_.ScriptRefusal(config_), "");
}

TEST_F(WriteRefusalTest, FailedSnapshotCountsWithSavePointsOnly) {
  persistence_.figures().last_bgsave_ok = false;
  EXPECT_TRUE(persistence_.WriteRefusal(config_).starts_with(
      "MISCONF Redis is configured to save RDB snapshots"));
  EXPECT_EQ(
      persistence_.ScriptRefusal(config_),
      "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist "
      "to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts.");
  config_.stop_writes_on_bgsave_error = false;
  EXPECT_EQ(persistence_.WriteRefusal(config_), "");
  config_.stop_writes_on_bgsave_error = true;
  config_.save.clear();
  EXPECT_EQ(persistence_.WriteRefusal(config_), "");
}

TEST_F(WriteRefusalTest, AppendOnlyFileSaysWhy) {
  persistence_.figures().aof_last_write_ok = false;
  persistence_.figures().aof_last_write_error = "No space left on device";
  EXPECT_EQ(persistence_.WriteRefusal(config_), "") << "the file is off";
  persistence_.figures().aof_on = true;
  EXPECT_EQ(persistence_.WriteRefusal(config_),
            "MISCONF Errors writing to the AOF file: No space left on device");
  EXPECT_TRUE(
      persistence_.ScriptRefusal(config_).ends_with(" AOF error: No space left on device"));
}

TEST_F(WriteRefusalTest, SnapshotComesFirst) {
  persistence_.figures() = {.last_bgsave_ok = false, .aof_on = true, .aof_last_write_ok = false};
  EXPECT_TRUE(persistence_.WriteRefusal(config_).starts_with("MISCONF Redis is configured"));
}

TEST_F(WriteRefusalTest, ResetKeepsWhatIsNoCounter) {
  persistence_.figures().saves = 3;
  persistence_.figures().total_forks = 4;
  persistence_.figures().changes_at_last_save = 5;
  persistence_.figures().last_bgsave_ok = false;
  persistence_.ResetStats();
  EXPECT_EQ(persistence_.status().saves, 0u);
  EXPECT_EQ(persistence_.status().total_forks, 0u);
  EXPECT_EQ(persistence_.status().changes_at_last_save, 5u);
  EXPECT_FALSE(persistence_.status().last_bgsave_ok);
}

}  // namespace
}  // namespace keyway::shard
