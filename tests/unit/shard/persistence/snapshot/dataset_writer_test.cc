#include "shard/persistence/snapshot/dataset_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "shard/persistence/rdb/file_reader.h"
#include "shard/server/scripts.h"
#include "tests/support/files/memory_file_system.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::persistence {
namespace {

using keyspace::Event;
using keyspace::Key;
using keyspace::kNoExpiry;
using keyspace::Record;
using keyspace::Value;
using Lines = std::vector<std::string>;

// What a file holds, as lines.
class Listing final : public rdb::FileVisitor {
 public:
  void Aux(std::string_view name, std::string_view value) override {
    const bool varies = name == "used-mem";
    lines.push_back("aux " + std::string(name) + "=" + (varies ? "?" : std::string(value)));
    if (varies) {
      EXPECT_GT(std::stoll(std::string(value)), 0);
    }
  }
  Status Library(std::string_view code) override {
    lines.push_back("library " + std::string(code));
    return {};
  }
  Status Database(uint64_t index) override {
    lines.push_back("database " + std::to_string(index));
    return {};
  }
  void Resize(uint64_t keys, uint64_t expires) override {
    lines.push_back("resize " + std::to_string(keys) + " " + std::to_string(expires));
  }
  Status Key(rdb::KeyEntry entry) override {
    Record* record = Record::New(entry.key, std::move(entry.value), entry.expiry_ms, 0);
    std::string line = "key " + std::string(record->key());
    if (record->has_expiry()) line += " expires " + std::to_string(record->expiry_ms());
    if (entry.idle_seconds >= 0) line += " idle " + std::to_string(entry.idle_seconds);
    if (entry.frequency >= 0) line += " used " + std::to_string(entry.frequency);
    Record::Free(record);
    lines.push_back(line);
    return {};
  }

  Lines lines;
};

class TwoLibraries final : public Scripts {
 public:
  uint32_t CommandFlags(const command::Command&, std::span<const std::string_view>) const override {
    return 0;
  }
  std::string_view BusyError() const override { return {}; }
  void Abort() override {}
  void ForEachLibrary(const std::function<void(std::string_view code)>& visit) const override {
    visit("#!lua name=a");
    visit("#!lua name=b");
  }
  Status LoadLibrary(std::string_view, bool) override { return {}; }
  void ClearLibraries() override {}
  Usage usage() const override { return {}; }
  size_t vm_bytes() const override { return 0; }
};

class DatasetWriterTest : public testing::Test {
 protected:
  DatasetWriterTest() : rig_(clock_) {}

  int64_t now_ms() const { return clock_.WallMillis(); }
  void Set(int database, std::string_view key, int64_t expiry_ms = kNoExpiry) {
    rig_.keyspace.database(database).Set(Key(key), Value::Embedded("value"), expiry_ms, now_ms(),
                                         Event::kSet);
  }
  FileStatus Write(const DatasetWriteOptions& options = {}) {
    const auto file = files_.Open("file", OpenMode::kCreate);
    return WriteDataset(**file, rig_.services, options);
  }
  // From `from` on.
  Lines Written(const DatasetWriteOptions& options = {}, size_t from = 5) {
    EXPECT_TRUE(Write(options).ok());
    Listing listing;
    EXPECT_TRUE(rdb::ReadFile(*files_.Contents("file"), {}, listing).ok());
    listing.lines.erase(listing.lines.begin(), listing.lines.begin() + static_cast<int64_t>(from));
    return std::move(listing.lines);
  }

  ManualClock clock_;
  ClientRig rig_;
  MemoryFileSystem files_;
};

TEST_F(DatasetWriterTest, SaysWhoHasWrittenIt) {
  clock_.SetWallMicros(1'700'000'000'999'999);
  EXPECT_EQ(Written({}, 0), (Lines{"aux redis-ver=7.0.15", "aux redis-bits=64",
                                   "aux ctime=1700000000", "aux used-mem=?", "aux aof-base=0"}));
  EXPECT_EQ(Written({.aof_base = true}, 4), Lines{"aux aof-base=1"});
}

TEST_F(DatasetWriterTest, SaysWhereItStandsInTheStream) {
  const std::string id(40, 'a');
  EXPECT_EQ(Written({.place = StreamPlace{.database = 3, .id = id, .offset = 1234}}, 4),
            (Lines{"aux repl-stream-db=3", "aux repl-id=" + id, "aux repl-offset=1234",
                   "aux aof-base=0"}));
}

TEST_F(DatasetWriterTest, LeavesOutWhatIsNotWanted) {
  TwoLibraries scripts;
  rig_.services.scripts = &scripts;
  Set(0, "k");
  EXPECT_EQ(Written({.keys = false}), (Lines{"library #!lua name=a", "library #!lua name=b"}));
  EXPECT_EQ(Written({.libraries = false}), (Lines{"database 0", "resize 1 0", "key k"}));
  EXPECT_EQ(Written({.libraries = false, .keys = false}), Lines());
}

TEST_F(DatasetWriterTest, HasLibrariesBeforeKeys) {
  TwoLibraries scripts;
  rig_.services.scripts = &scripts;
  Set(0, "k");
  EXPECT_EQ(Written(), (Lines{"library #!lua name=a", "library #!lua name=b", "database 0",
                              "resize 1 0", "key k"}));
}

TEST_F(DatasetWriterTest, HasAllDatabasesThatHoldKeys) {
  Set(0, "a");
  Set(3, "b", now_ms() + 1000);
  Set(3, "c");
  Set(15, "d");
  const std::string in_a_second = " expires " + std::to_string(now_ms() + 1000);
  Lines lines = Written();
  std::sort(lines.begin() + 5, lines.begin() + 7);
  EXPECT_EQ(lines, (Lines{"database 0", "resize 1 0", "key a", "database 3", "resize 2 1",
                          "key b" + in_a_second, "key c", "database 15", "resize 1 0", "key d"}));
  // What has expired is written, too.
  clock_.AdvanceMillis(5000);
  EXPECT_EQ(Written().size(), lines.size());
  EXPECT_EQ(rig_.keyspace.KeyCount(), 4u);
}

TEST_F(DatasetWriterTest, HasWhatThePolicyNeeds) {
  Set(0, "k");
  clock_.AdvanceMillis(70'500);
  const auto key = [&](MaxmemoryPolicy policy) {
    rig_.config.maxmemory_policy = policy;
    return Written().back();
  };
  EXPECT_EQ(key(MaxmemoryPolicy::kAllkeysLru), "key k idle 70");
  EXPECT_EQ(key(MaxmemoryPolicy::kVolatileLru), "key k idle 70");
  EXPECT_EQ(key(MaxmemoryPolicy::kNoEviction), "key k");
  EXPECT_EQ(key(MaxmemoryPolicy::kAllkeysRandom), "key k");
  EXPECT_EQ(key(MaxmemoryPolicy::kVolatileRandom), "key k");
  EXPECT_EQ(key(MaxmemoryPolicy::kVolatileTtl), "key k");

  keyspace::KeyspaceOptions options;
  options.access.lfu = true;
  rig_.keyspace.set_options(options);
  Set(0, "l");
  rig_.keyspace.database(0).Delete(Key("k"), now_ms(), keyspace::Reclaim::kNow);
  EXPECT_EQ(key(MaxmemoryPolicy::kAllkeysLfu), "key l used 5");
  clock_.AdvanceMillis(120'000);
  EXPECT_EQ(key(MaxmemoryPolicy::kVolatileLfu), "key l used 3");
}

TEST_F(DatasetWriterTest, FollowsDirectives) {
  const std::string long_key(1000, 'x');
  Set(0, long_key);
  ASSERT_TRUE(Write().ok());
  EXPECT_EQ(files_.Contents("file")->find(long_key), std::string::npos);
  rig_.config.rdbcompression = false;
  rig_.config.rdbchecksum = false;
  ASSERT_TRUE(Write().ok());
  EXPECT_NE(files_.Contents("file")->find(long_key), std::string::npos);
  EXPECT_TRUE(files_.Contents("file")->ends_with(std::string(8, '\0')));
  rig_.config.rdb_key_save_delay = -1000;
  EXPECT_TRUE(Write().ok());
  rig_.config.rdb_key_save_delay = 1;
  EXPECT_TRUE(Write().ok());
}

TEST_F(DatasetWriterTest, TellsOfEachKey) {
  for (int i = 0; i < 3000; ++i) Set(i % 2, "key" + std::to_string(i));
  uint64_t told = 0;
  EXPECT_EQ(Written({.progress = [&told](uint64_t keys) { EXPECT_EQ(keys, ++told); }}).size(),
            3004u);
  EXPECT_EQ(told, 3000u);
}

TEST_F(DatasetWriterTest, FailsWithTheDisk) {
  for (int i = 0; i < 100'000; ++i) Set(0, "key" + std::to_string(i));
  uint64_t told = 0;
  files_.set_room(100'000);
  const FileStatus written = Write({.progress = [&told](uint64_t keys) { told = keys; }});
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().message, "No space left on device");
  EXPECT_LT(told, 50'000u);
  files_.Heal();
  files_.Fail(FileOperation::kWrite, EIO);
  EXPECT_FALSE(Write().ok());
  EXPECT_TRUE(Write().ok());
}

}  // namespace
}  // namespace keyway::shard::persistence
