// What only files of old versions hold, and what is read of a file and refused in a payload of
// RESTORE, or the other way round.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "shard/keyspace/record.h"
#include "shard/persistence/rdb/file_reader.h"
#include "shard/persistence/rdb/format.h"
#include "shard/persistence/rdb/library_reader.h"
#include "shard/persistence/rdb/old_encodings.h"
#include "shard/persistence/rdb/value_reader.h"
#include "shard/types/encodings/quicklist.h"

namespace keyway::shard::rdb {
namespace {

using keyspace::Record;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace)

class Listing final : public FileVisitor {
 public:
  Status Library(std::string_view code) override {
    lines.push_back("library " + std::string(code));
    if (code.empty()) return Error{"ERR Missing library metadata"};
    return {};
  }
  Status Database(uint64_t) override { return {}; }
  Status Key(KeyEntry entry) override {
    lines.push_back(std::string(entry.key) + " " + std::to_string(entry.expiry_ms) + " " +
                    std::to_string(entry.idle_seconds));
    Record::Free(Record::New(entry.key, std::move(entry.value), keyspace::kNoExpiry, 0));
    return {};
  }
  void EmptyKey(std::string_view key) override { lines.push_back("empty " + std::string(key)); }

  std::vector<std::string> lines;
};

// The parts of a file of version 4, which has no checksum, or the error.
std::vector<std::string> Read(std::string_view parts) {
  Listing listing;
  const auto read = ReadFile("REDIS0004" + std::string(parts) + "\xff", {}, listing);
  if (!read.ok()) listing.lines.push_back(read.error().message);
  return listing.lines;
}

using Lines = std::vector<std::string>;

TEST(OldFile, Expiries) {
  const std::string value = "\x00\x01k\x01v"s;
  EXPECT_EQ(Read("\xfd\x10\x00\x00\x00"s + value), Lines{"k 16000 -1"});
  // Before 1970.
  EXPECT_EQ(Read("\xfd\xfe\xff\xff\xff"s + value), Lines{"k 0 -1"});
  EXPECT_EQ(Read("\xfc\xfe\xff\xff\xff\xff\xff\xff\xff"s + value), Lines{"k 0 -1"});
  // The number that stands for none.
  EXPECT_EQ(Read("\xfc\xff\xff\xff\xff\xff\xff\xff\xff"s + value), Lines{"k -1 -1"});
}

TEST(OldFile, SkipsEmptyKeys) {
  const std::string empty_pack = "\x07\x07\x00\x00\x00\x00\x00\xff"s;
  const std::string empty_ziplist = "\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"s;
  for (const std::string& value :
       {"\x01\x01k\x00"s, "\x02\x01k\x00"s, "\x03\x01k\x00"s, "\x04\x01k\x00"s, "\x05\x01k\x00"s,
        "\x0e\x01k\x00"s, "\x12\x01k\x00"s, "\x12\x01k\x01\x02"s + empty_pack,
        "\x0e\x01k\x02"s + empty_ziplist + empty_ziplist, "\x0a\x01k"s + empty_ziplist,
        "\x0c\x01k"s + empty_ziplist, "\x0d\x01k"s + empty_ziplist, "\x10\x01k"s + empty_pack,
        "\x11\x01k"s + empty_pack}) {
    SCOPED_TRACE(testing::PrintToString(value));
    // What was said about it does not hold for the next one.
    EXPECT_EQ(Read("\xfd\x10\x00\x00\x00\xf8\x05"s + value + "\x00\x01l\x01v"s),
              (Lines{"empty k", "l -1 -1"}));
    ByteReader reader(std::string_view(value).substr(3));
    ByteReader::Text text;
    const auto read = ReadValue(static_cast<uint8_t>(value[0]), {}, &reader, &text);
    ASSERT_FALSE(read.ok());
    EXPECT_TRUE(read.error().is_empty);
    EXPECT_TRUE(reader.rest().empty());
  }
  // These never were.
  EXPECT_EQ(Read("\x09\x01k\x02\x00\xff"s), Lines{"Zipmap integrity check failed. (key 'k')"});
  EXPECT_EQ(Read("\x0b\x01k\x08\x02\x00\x00\x00\x00\x00\x00\x00"s),
            Lines{"Intset integrity check failed. (key 'k')"});
}

TEST(OldFile, Libraries) {
  EXPECT_EQ(Read("\xf5\x03two"s), Lines{"library two"});
  EXPECT_EQ(Read("\xf5\x00"s), (Lines{"library ", "Failed loading library, Missing library metadata"}));
  EXPECT_EQ(Read("\xf6\x01n\x03LUA\x00\x04""body"s), Lines{"library #!LUA name=n\nbody"});
  EXPECT_EQ(Read("\xf6\x01n\x03LUA\x01\x01\x64\x04""body"s), Lines{"library #!LUA name=n\nbody"});
  const std::string candidate = "\x01n\x03LUA\x01\x01\x64\x04""body"s;
  for (size_t cut = 0; cut < candidate.size(); ++cut) {
    ByteReader reader(std::string_view(candidate).substr(0, cut));
    const auto code = ReadLibrary(kLibraryOfCandidateMark, &reader);
    ASSERT_FALSE(code.ok()) << cut;
    EXPECT_TRUE(code.error().message.starts_with("Failed loading "));
  }
}

TEST(OldFile, Modules) {
  const std::string id = "\x81\x01\x23\x45\x67\x89\xab\xcd\xef"s;
  EXPECT_EQ(ModuleTypeName(0x0123456789abcdef), "ASNFZ4mrz");
  for (const char* type : {"\x06", "\x07"}) {
    EXPECT_EQ(Read(type + "\x01k"s + id + "\x00"s),
              Lines{"The RDB file contains module data I can't load: no matching module type "
                    "'ASNFZ4mrz' (key 'k')"});
  }
  EXPECT_EQ(Read("\xf7"s + id + "\x02\x01\x00"s),
            Lines{"The RDB file contains AUX module data I can't load: no matching module "
                  "'ASNFZ4mrz'"});
  EXPECT_EQ(Read("\xf7"s + id + "\x01\x01\x00"s), Lines{"bad when_opcode"});
}

TEST(OldFile, SaysWhatIsWrong) {
  EXPECT_EQ(Read("\x00\x01k\x05v"s), Lines{"Unexpected EOF reading RDB file (key 'k')"});
  EXPECT_EQ(Read("\x00\x01k\xc3\x01\x08v"s), Lines{"Invalid LZF compressed string (key 'k')"});
  EXPECT_EQ(Read("\x00\x01k\xc4"s), Lines{"Unknown RDB string encoding type (key 'k')"});
  EXPECT_EQ(Read("\x00\x01k\x82\x61"s), Lines{"Unknown length encoding in rdbLoadLen() (key 'k')"});
  EXPECT_EQ(Read("\x13\x01k\x00\x82"s), Lines{"Stream object metadata loading failed. (key 'k')"});
  EXPECT_EQ(Read("\x03\x01k\x01\x01m\x02" "0x"s), Lines{"Unexpected EOF reading RDB file (key 'k')"});
}

// As a number that is not checked, a payload may hold what is no length.
TEST(ByteReader, UnknownLengths) {
  uint64_t length = 0;
  ByteReader payload("\x82");
  EXPECT_TRUE(payload.AnyLength(&length));
  EXPECT_EQ(length, UINT64_MAX);
  ByteReader file("\x82", ByteReader::UnknownLength::kProblem);
  EXPECT_FALSE(file.AnyLength(&length));
  ByteReader checked("\x82");
  EXPECT_FALSE(checked.Length(&length));
}

TEST(OldFile, ListsOfZiplistsAreSpreadOverNodes) {
  const std::string ziplist =
      "\x13\x00\x00\x00\x10\x00\x00\x00\x03\x00\x00\x01\x61\x03\x01\x62\x03\xf2\xff"s;
  ASSERT_TRUE(ReadZiplist(ziplist).has_value());
  const std::string value = std::string(1, static_cast<char>(ziplist.size())) + ziplist;
  ByteReader reader(value);
  ByteReader::Text text;
  auto read = ReadValue(static_cast<uint8_t>(ValueType::kListZiplist), {.list = {.fill = 2}},
                        &reader, &text);
  ASSERT_TRUE(read.ok());
  Record* record = Record::New("k", std::move(*read), keyspace::kNoExpiry, 0);
  EXPECT_EQ(static_cast<const types::Quicklist*>(record->object())->node_count(), 2);
  Record::Free(record);
}

}  // namespace
}  // namespace keyway::shard::rdb
