#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shard/keyspace/record.h"
#include "shard/persistence/rdb/file_reader.h"
#include "shard/persistence/rdb/file_writer.h"
#include "shard/types/encodings/field_table.h"
#include "shard/types/encodings/set_table.h"
#include "shard/types/encodings/sorted_set.h"
#include "tests/support/files/memory_file_system.h"

namespace keyway::shard::rdb {
namespace {

using keyspace::Record;
using keyspace::Value;
using persistence::FileOperation;
using persistence::MemoryFileSystem;
using persistence::OpenMode;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace)

struct FreeRecord {
  void operator()(Record* record) const { Record::Free(record); }
};
using RecordPtr = std::unique_ptr<Record, FreeRecord>;

RecordPtr Make(std::string_view key, std::string_view value, int64_t expiry_ms) {
  return RecordPtr(Record::New(key, Value::Embedded(value), expiry_ms, 0));
}

// What a file holds, as lines.
class Listing final : public FileVisitor {
 public:
  void Aux(std::string_view name, std::string_view value) override {
    lines.push_back("aux " + std::string(name) + "=" + std::string(value));
  }
  Status Library(std::string_view code) override {
    lines.push_back("library " + std::string(code));
    return {};
  }
  Status Database(uint64_t index) override {
    lines.push_back("database " + std::to_string(index));
    if (index > 15) return Error{"there is no such database"};
    return {};
  }
  void Resize(uint64_t keys, uint64_t expires) override {
    lines.push_back("resize " + std::to_string(keys) + " " + std::to_string(expires));
  }
  Status Key(KeyEntry entry) override {
    const RecordPtr record(Record::New(entry.key, std::move(entry.value), entry.expiry_ms, 0));
    lines.push_back("key " + std::string(record->key()) + " " +
                    std::to_string(record->expiry_ms()) + " " + std::to_string(entry.idle_seconds) +
                    " " + std::to_string(entry.frequency));
    return {};
  }

  std::vector<std::string> lines;
};

std::string Written(const FileWriteOptions& options = {}) {
  MemoryFileSystem files;
  const auto file = files.Open("file", OpenMode::kCreate);
  FileWriter writer(**file, options);
  writer.Aux("redis-ver", "7.0.15");
  writer.Library("#!lua name=x");
  writer.Database(3, 3, 1);
  writer.Key(*Make("plain", "value", keyspace::kNoExpiry), {});
  writer.Key(*Make("expires", "1", 1700000000123), {.idle_seconds = 70000});
  writer.Key(*Make("", "", keyspace::kNoExpiry), {.frequency = 255});
  EXPECT_TRUE(writer.Finish().ok());
  EXPECT_EQ(writer.bytes(), files.Contents("file")->size());
  return *files.Contents("file");
}

std::string ErrorOf(std::string_view bytes) {
  Listing listing;
  const auto read = ReadFile(bytes, {}, listing);
  return read.ok() ? "ok" : std::to_string(read.error().offset) + ": " + read.error().message;
}

TEST(RdbFile, HoldsWhatWasWritten) {
  const std::string file = Written();
  EXPECT_TRUE(
      file.starts_with("REDIS0010\xfa\x09redis-ver\x06"
                       "7.0.15\xf5"s));
  Listing listing;
  const auto read = ReadFile(file + "*1\r\n", {}, listing);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, file.size());
  EXPECT_EQ(listing.lines,
            (std::vector<std::string>{"aux redis-ver=7.0.15", "library #!lua name=x", "database 3",
                                      "resize 3 1", "key plain -1 -1 -1",
                                      "key expires 1700000000123 70000 -1", "key  -1 -1 255"}));
}

TEST(RdbFile, WithoutChecksum) {
  const std::string file = Written({.checksum = false});
  EXPECT_TRUE(file.ends_with(std::string(8, '\0')));
  EXPECT_EQ(ErrorOf(file), "ok");
}

TEST(RdbFile, OfAnOldVersion) {
  // Seconds, and no checksum.
  const std::string file = "REDIS0003\xfe\x00\xfd\x10\x00\x00\x00\x00\x01k\x01v\xff"s;
  Listing listing;
  ASSERT_TRUE(ReadFile(file, {}, listing).ok());
  EXPECT_EQ(listing.lines, (std::vector<std::string>{"database 0", "key k 16000 -1 -1"}));
}

// Wherever it is cut, the error names a place before the cut.
TEST(RdbFile, CutAnywhere) {
  const std::string file = Written();
  for (size_t length = 0; length < file.size(); ++length) {
    Listing listing;
    const auto read = ReadFile(std::string_view(file).substr(0, length), {}, listing);
    ASSERT_FALSE(read.ok()) << length;
    EXPECT_LE(read.error().offset, length);
  }
}

TEST(RdbFile, RefusesWhatMakesNoSense) {
  const std::string file = Written();
  EXPECT_EQ(ErrorOf("RADIS0010\xff"), "0: Wrong signature trying to load DB from file");
  EXPECT_EQ(ErrorOf("REDIS0011\xff"), "0: Can't handle RDB format version 11");
  EXPECT_EQ(ErrorOf("REDISabcd\xff"), "0: Can't handle RDB format version 0");
  EXPECT_EQ(ErrorOf("REDIS0010\xfe\x10"s), "9: there is no such database");
  EXPECT_EQ(ErrorOf("REDIS0010\x64\x01k\x01v"s), "9: Unknown RDB encoding type 100 (key 'k')");
  std::string changed = file;
  changed[30] ^= 1;
  EXPECT_NE(ErrorOf(changed).find("Wrong RDB checksum expected: ("), std::string::npos);
  Listing listing;
  EXPECT_TRUE(ReadFile(changed, {.checksum = false}, listing).ok());
}

TEST(RdbFile, TellsOfADiskThatFails) {
  for (const FileOperation operation : {FileOperation::kWrite, FileOperation::kSync}) {
    MemoryFileSystem files;
    files.Fail(operation, EIO, 1);
    const auto file = files.Open("file", OpenMode::kCreate);
    FileWriter writer(**file, {.compress = false, .sync_every_bytes = 1});
    const std::string code(WriteDrain::kBufferBytes - 100, 'x');
    writer.Library(code);
    writer.Library(code);
    EXPECT_FALSE(writer.failed());
    writer.Library(code);
    EXPECT_TRUE(writer.failed());
    writer.Library(code);
    EXPECT_EQ(writer.Finish().error().code, EIO);
  }
}

// Notes how the file is written, and keeps it.
class CountingFile final : public persistence::File {
 public:
  persistence::FileResult<size_t> Read(char*, size_t) override { return size_t{0}; }
  persistence::FileResult<size_t> Write(std::string_view bytes) override {
    longest_write = std::max(longest_write, bytes.size());
    contents += bytes;
    return bytes.size();
  }
  persistence::FileStatus Sync() override { return {}; }
  persistence::FileStatus BeginSync() override {
    synced.push_back(contents.size());
    return {};
  }
  persistence::FileStatus Truncate(uint64_t) override { return {}; }
  persistence::FileResult<uint64_t> Size() override { return uint64_t{contents.size()}; }

  size_t longest_write = 0;
  std::string contents;
  std::vector<size_t> synced;
};

// Values much larger than the buffer, of each kind that is written in pieces.
TEST(RdbFile, LargeValuesGoToTheDiskInPieces) {
  using keyspace::Encoding;
  using keyspace::Type;
  std::vector<RecordPtr> records;
  const auto add = [&](std::string_view key, Value value) {
    records.emplace_back(Record::New(key, std::move(value), keyspace::kNoExpiry, 0));
  };
  std::string noise(3'000'000, '\0');
  uint64_t state = 1;
  for (char& byte : noise) byte = static_cast<char>((state = state * 6364136223846793005 + 1) >> 56);
  add("noise", Value::Raw(keyspace::RawString::Copy(noise)));
  add("zeros", Value::Raw(keyspace::RawString::Copy(std::string(20'000'000, '0'))));
  auto integers = std::make_unique<types::SetTable>();
  auto fields = std::make_unique<types::FieldTable>();
  auto scores = std::make_unique<types::SortedSet>();
  for (int i = 0; i < 100'000; ++i) {
    const std::string text = std::to_string(i);
    integers->Add(text);
    fields->Set(text, "value of " + text);
    scores->Insert(text, i);
  }
  add("integers", Value::Object(Type::kSet, Encoding::kHashtable, integers.release()));
  add("fields", Value::Object(Type::kHash, Encoding::kHashtable, fields.release()));
  add("scores", Value::Object(Type::kZset, Encoding::kSkiplist, scores.release()));

  CountingFile file;
  constexpr uint64_t kEvery = 1'000'000;
  FileWriter writer(file, {.sync_every_bytes = kEvery});
  std::vector<std::string> dumps;
  for (const RecordPtr& record : records) {
    writer.Key(*record, {});
    dumps.push_back(DumpPayload(*record, {}));
  }
  ASSERT_TRUE(writer.Finish().ok());
  EXPECT_EQ(writer.bytes(), file.contents.size());
  EXPECT_LE(file.longest_write, WriteDrain::kBufferBytes + 1024);
  ASSERT_FALSE(file.synced.empty());
  for (size_t i = 1; i < file.synced.size(); ++i) {
    EXPECT_GE(file.synced[i] - file.synced[i - 1], kEvery);
    EXPECT_LE(file.synced[i] - file.synced[i - 1], kEvery + WriteDrain::kBufferBytes);
  }
  // In the file there is what DUMP gives in one piece, but for its footer of 10 bytes and the key.
  for (const std::string& dump : dumps) {
    EXPECT_NE(file.contents.find(std::string_view(dump).substr(1, dump.size() - 11)),
              std::string::npos);
  }
  Listing listing;
  const auto read = ReadFile(file.contents, {}, listing);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(listing.lines.size(), records.size());
}

TEST(RdbFile, BeginsAsOne) {
  for (const char* text : {"", "R", "REDIS", "REDIS0010"}) EXPECT_TRUE(BeginsAsRdb(text));
  for (const char* text : {"*", "r", "RED*S"}) EXPECT_FALSE(BeginsAsRdb(text));
}

}  // namespace
}  // namespace keyway::shard::rdb
