#include "shard/persistence/loading/loader.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/files/memory_file_system.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::persistence {
namespace {

constexpr char kDirectory[] = "appendonlydir";
constexpr char kManifest[] = "appendonlydir/appendonly.aof.manifest";
constexpr char kIncr[] = "appendonlydir/appendonly.aof.1.incr.aof";
constexpr char kOneIncr[] = "file appendonly.aof.1.incr.aof seq 1 type i\n";
constexpr char kOldFile[] = "appendonly.aof";

std::string Request(std::initializer_list<std::string_view> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (std::string_view word : words) {
    text += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
  }
  return text;
}

std::string KeyInRdb(std::string_view key, std::string_view value) {
  return std::string(1, '\0') + static_cast<char>(key.size()) + std::string(key) +
         static_cast<char>(value.size()) + std::string(value);
}

// Without a checksum.
std::string Rdb(std::string_view parts) {
  return "REDIS0010" + std::string(parts) + '\xff' + std::string(8, '\0');
}

// One process after the other on the same disk.
class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() { Restart(); }

  void Restart() {
    loader_.reset();
    rig_ = std::make_unique<ClientRig>();
    status_ = {};
    rig_->config.appendonly = append_only_;
    rig_->config.aof_load_truncated = load_truncated_;
    loader_ = std::make_unique<Loader>(rig_->services, *disk_, status_, [this] {
      ++turns_;
      EXPECT_TRUE(status_.loading);
    });
  }

  Status Start() {
    Restart();
    const auto manifest = loader_->ReadManifest();
    if (!manifest.ok()) return manifest.error();
    manifest_ = *manifest;
    return loader_->LoadAtStart(manifest_);
  }

  // The text of the error with which the start ends.
  std::string Refusal() {
    const Status started = Start();
    EXPECT_FALSE(started.ok());
    EXPECT_FALSE(status_.loading);
    return started.ok() ? std::string() : started.error().message;
  }

  void PutAof(std::string_view commands) {
    ASSERT_TRUE(disk_->MakeDirectory(kDirectory).ok());
    disk_->Put(kManifest, kOneIncr);
    disk_->Put(kIncr, commands);
    append_only_ = true;
  }

  std::optional<std::string> Get(std::string_view text, int database = 0) {
    const keyspace::Record* record = rig_->keyspace.database(database).Peek(keyspace::Key(text));
    if (record == nullptr) return std::nullopt;
    if (record->encoding() == keyspace::Encoding::kInt) return std::to_string(record->integer());
    return std::string(record->embedded());
  }
  int64_t ExpiryOf(std::string_view text) {
    return rig_->keyspace.database(0).Peek(keyspace::Key(text))->expiry_ms();
  }

  std::unique_ptr<MemoryFileSystem> disk_ = std::make_unique<MemoryFileSystem>();
  std::unique_ptr<ClientRig> rig_;
  PersistenceStatus status_;
  std::unique_ptr<Loader> loader_;
  AofManifest manifest_;
  bool append_only_ = false;
  bool load_truncated_ = true;
  int turns_ = 0;
};

TEST_F(LoaderTest, WithoutAFileItStartsEmpty) {
  EXPECT_TRUE(Start().ok());
  append_only_ = true;
  EXPECT_TRUE(Start().ok());
  EXPECT_TRUE(manifest_.empty());
}

TEST_F(LoaderTest, LoadsAnRdbFile) {
  const std::string past = std::string("\xfc\xe8\x03", 3) + std::string(6, '\0');
  disk_->Put("dump.rdb", Rdb(KeyInRdb("a", "x") + "\xfe\x02" + KeyInRdb("b", "y") + past +
                             KeyInRdb("past", "z")));
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get("a"), "x");
  EXPECT_EQ(Get("b", 2), "y");
  EXPECT_EQ(rig_->keyspace.KeyCount(), 2U);
  EXPECT_EQ(status_.last_load_keys_loaded, 2U);
  EXPECT_EQ(status_.last_load_keys_expired, 1U);
  EXPECT_EQ(rig_->keyspace.changes(), 0U);
  EXPECT_FALSE(status_.loading);
  EXPECT_EQ(status_.loading_total_bytes, disk_->Contents("dump.rdb")->size());
}

TEST_F(LoaderTest, LetsOthersRunAtTheStartOnly) {
  std::string keys;
  for (int i = 0; i < 400'000; ++i) keys += KeyInRdb("key:" + std::to_string(i), "some value");
  disk_->Put("dump.rdb", Rdb(keys));
  ASSERT_TRUE(Start().ok());
  EXPECT_GE(turns_, 2);
  turns_ = 0;
  EXPECT_TRUE(loader_->LoadRdb(true).ok());
  EXPECT_EQ(rig_->keyspace.KeyCount(), 400'000U);
  EXPECT_EQ(turns_, 0);
}

TEST_F(LoaderTest, LoadsAnRdbFileAgain) {
  EXPECT_FALSE(loader_->LoadRdb(false).ok());
  disk_->Put("dump.rdb", Rdb(KeyInRdb("a", "x")));
  EXPECT_TRUE(loader_->LoadRdb(false).ok());
  EXPECT_FALSE(loader_->LoadRdb(false).ok());
  disk_->Put("dump.rdb", Rdb(KeyInRdb("a", "other")));
  EXPECT_TRUE(loader_->LoadRdb(true).ok());
  EXPECT_EQ(Get("a"), "other");
  EXPECT_EQ(rig_->keyspace.changes(), 0U);
}

TEST_F(LoaderTest, RefusesAnRdbFileCutAnywhere) {
  const std::string whole = Rdb(KeyInRdb("a", "x") + "\xfe\x02" + KeyInRdb("b", "y"));
  for (size_t length = 0; length < whole.size(); ++length) {
    disk_->Put("dump.rdb", whole.substr(0, length));
    EXPECT_EQ(Refusal(), "Fatal error loading the DB, check server logs. Exiting.") << length;
  }
  disk_->Put("dump.rdb", whole);
  EXPECT_TRUE(Start().ok());
}

TEST_F(LoaderTest, RefusesWhatTheDiskDoesNotGive) {
  disk_->Put("dump.rdb", Rdb(KeyInRdb("a", "x")));
  disk_->Fail(FileOperation::kRead, EIO);
  EXPECT_EQ(Refusal(), "Fatal error loading the DB, check server logs. Exiting.");
  disk_->Fail(FileOperation::kOpen, EACCES);
  EXPECT_EQ(Refusal(), "Fatal error loading the DB, check server logs. Exiting.");

  PutAof(Request({"SET", "a", "1"}));
  for (int skip = 0; skip < 4; ++skip) {
    disk_->Fail(FileOperation::kRead, EIO, skip);
    EXPECT_NE(Refusal().find("Input/output error"), std::string::npos) << skip;
  }
  for (int skip = 0; skip < 4; ++skip) {
    disk_->Fail(FileOperation::kOpen, EMFILE, skip);
    EXPECT_NE(Refusal().find("Too many open files"), std::string::npos) << skip;
  }
  disk_->Heal();
  EXPECT_TRUE(Start().ok());
  EXPECT_EQ(Get("a"), "1");
}

TEST_F(LoaderTest, ReplaysCommands) {
  PutAof(Request({"SELECT", "0"}) + Request({"SET", "a", "1"}) + Request({"MULTI"}) +
         Request({"INCR", "a"}) + Request({"SELECT", "5"}) + Request({"SET", "b", "x"}) +
         Request({"EXEC"}) + Request({"SET", "c", "y"}) + Request({"LPUSH", "c", "no list"}) +
         Request({"BLPOP", "none", "0"}));
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get("a"), "2");
  EXPECT_EQ(Get("b", 5), "x");
  EXPECT_EQ(Get("c", 5), "y");
  EXPECT_EQ(rig_->keyspace.changes(), 0U);
  EXPECT_EQ(rig_->keyspace.stats().hits + rig_->keyspace.stats().misses, 0U);
  EXPECT_EQ(rig_->stats.counters.error_replies, 0U);
  EXPECT_EQ(status_.aof_current_size, disk_->Contents(kIncr)->size());
}

TEST_F(LoaderTest, NothingExpiresMeanwhile) {
  PutAof(Request({"SET", "a", "1"}) + Request({"PEXPIREAT", "a", "1000"}) + Request({"INCR", "a"}) +
         Request({"PERSIST", "a"}) + Request({"SET", "b", "1"}) + Request({"EXPIREAT", "b", "2"}) +
         Request({"RENAME", "b", "c"}));
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get("a"), "2");
  EXPECT_EQ(ExpiryOf("a"), keyspace::kNoExpiry);
  EXPECT_EQ(ExpiryOf("c"), 2000);
  EXPECT_EQ(rig_->keyspace.stats().expired_keys, 0U);
  // Afterwards it does.
  keyspace::Database& database = rig_->keyspace.database(0);
  EXPECT_EQ(
      database.Find(keyspace::Key("c"), rig_->services.clock.WallMillis(), keyspace::Access::kNone),
      nullptr);
}

TEST_F(LoaderTest, KeepsWhatHasExpiredInABase) {
  const std::string past = std::string("\xfc\xe8\x03", 3) + std::string(6, '\0');
  PutAof(Request({"INCR", "n"}) + Request({"PERSIST", "n"}));
  disk_->Put(kManifest, std::string("file base seq 1 type b\n") + kOneIncr);
  disk_->Put("appendonlydir/base", Rdb(past + KeyInRdb("n", "5")));
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get("n"), "6");
  EXPECT_EQ(status_.aof_base_size, disk_->Contents("appendonlydir/base")->size());
}

TEST_F(LoaderTest, CommandsItDoesNotKnowEndTheStart) {
  for (const auto& command :
       {Request({"NOSUCH"}), Request({"SET", "too few"}), Request({"CONFIG", "NOSUCH"})}) {
    PutAof(Request({"SET", "a", "1"}) + command);
    EXPECT_TRUE(Refusal().starts_with("Unknown command '"));
    EXPECT_EQ(disk_->Contents(kIncr), Request({"SET", "a", "1"}) + command);
  }
  PutAof(Request({"SELECT", "16"}) + Request({"SET", "a", "1"}));
  EXPECT_NE(Refusal().find("more than 16 databases"), std::string::npos);
}

TEST_F(LoaderTest, CutsTheTailOfTheLastFileAnywhere) {
  const std::string first = Request({"SET", "a", "1"});
  const std::string second =
      Request({"MULTI"}) + Request({"INCR", "a"}) + Request({"INCR", "a"}) + Request({"EXEC"});
  const std::string third = Request({"INCR", "a"});
  const std::string whole = first + second + third;
  for (size_t length = 1; length <= whole.size(); ++length) {
    size_t kept = 0;
    if (length >= first.size()) kept = first.size();
    if (length >= first.size() + second.size()) kept += second.size();
    if (length == whole.size()) kept = length;
    PutAof(whole.substr(0, length));
    load_truncated_ = false;
    if (kept == length) {
      EXPECT_TRUE(Start().ok()) << length;
    } else {
      EXPECT_TRUE(Refusal().starts_with("Unexpected end of file reading the append only file "))
          << length;
    }
    EXPECT_EQ(disk_->Contents(kIncr), whole.substr(0, length));
    load_truncated_ = true;
    ASSERT_TRUE(Start().ok()) << length;
    EXPECT_EQ(disk_->Contents(kIncr), whole.substr(0, kept)) << length;
    EXPECT_EQ(status_.aof_current_size, kept);
    const std::string value = kept < second.size() ? "1" : kept < whole.size() ? "3" : "4";
    if (kept != 0) {
      EXPECT_EQ(Get("a"), value) << length;
    }
  }
  // The disk does not want to.
  PutAof(whole.substr(0, 10));
  disk_->Fail(FileOperation::kTruncate, EIO);
  EXPECT_TRUE(Refusal().starts_with("Unexpected end of file"));
  EXPECT_EQ(disk_->Contents(kIncr), whole.substr(0, 10));
}

TEST_F(LoaderTest, AnEarlierFileMustBeWhole) {
  PutAof(Request({"SET", "a", "1"}).substr(0, 10));
  disk_->Put(kManifest, std::string(kOneIncr) + "file second seq 2 type i\n");
  disk_->Put("appendonlydir/second", Request({"SET", "b", "1"}));
  EXPECT_EQ(Refusal(), "Fatal error: the truncated file is not the last file");
  EXPECT_EQ(disk_->Contents(kIncr), Request({"SET", "a", "1"}).substr(0, 10));
}

TEST_F(LoaderTest, AnEarlierFileThatOnlyEmptyOnesFollowMayBeCutOff) {
  PutAof(Request({"SET", "a", "1"}).substr(0, 10));
  disk_->Put(kManifest, std::string(kOneIncr) + "file second seq 2 type i\n");
  disk_->Put("appendonlydir/second", "");
  EXPECT_TRUE(Start().ok());
  EXPECT_EQ(disk_->Contents(kIncr), "");
}

TEST_F(LoaderTest, BadFormatIsNotCut) {
  PutAof(Request({"SET", "a", "1"}) + "nonsense");
  EXPECT_TRUE(Refusal().starts_with("Bad file format reading the append only file "));
}

// Wherever the power goes, or the disk fails, the next start finds the data.
TEST_F(LoaderTest, AdoptsTheOldFileSafely) {
  const std::string commands = Request({"SET", "a", "1"});
  append_only_ = true;
  for (const FileOperation operation : {FileOperation::kOpen, FileOperation::kWrite,
                                        FileOperation::kSync, FileOperation::kRename}) {
    for (int skip = 0; skip < 4; ++skip) {
      for (const bool cut_power : {false, true}) {
        disk_ = std::make_unique<MemoryFileSystem>();
        disk_->Put(kOldFile, commands);
        disk_->Fail(operation, EIO, skip, /*for_good=*/true);
        Restart();
        (void)loader_->ReadManifest();
        disk_->Heal();
        if (cut_power) disk_->CutPower();
        ASSERT_TRUE(Start().ok()) << static_cast<int>(operation) << " " << skip;
        EXPECT_EQ(Get("a"), "1") << static_cast<int>(operation) << " " << skip;
        EXPECT_EQ(manifest_.base()->name, kOldFile);
        EXPECT_FALSE(disk_->Contents(kOldFile).has_value());
      }
    }
  }
}

TEST_F(LoaderTest, LeavesTheOldFileWhereItIsUnlessItIsWanted) {
  disk_->Put(kOldFile, Request({"SET", "a", "1"}));
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(disk_->Contents(kOldFile).has_value());
  PutAof(Request({"SET", "b", "1"}));
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(disk_->Contents(kOldFile).has_value());
  EXPECT_EQ(Get("b"), "1");
}

}  // namespace
}  // namespace keyway::shard::persistence
