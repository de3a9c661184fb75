// Payloads as redis-server 7.0.15 writes them.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "shard/keyspace/record.h"
#include "shard/persistence/rdb/value_reader.h"
#include "shard/persistence/rdb/value_writer.h"
#include "shard/types/encodings/intset.h"
#include "shard/types/encodings/listpack.h"
#include "shard/types/encodings/quicklist.h"

namespace keyway::shard::rdb {
namespace {

using keyspace::Encoding;
using keyspace::Record;
using keyspace::Type;
using keyspace::Value;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace)

struct FreeRecord {
  void operator()(Record* record) const { Record::Free(record); }
};
using RecordPtr = std::unique_ptr<Record, FreeRecord>;

RecordPtr Make(Value value) {
  return RecordPtr(Record::New("key", std::move(value), keyspace::kNoExpiry, 0));
}

RecordPtr Read(std::string_view payload, const ReadOptions& options = {}) {
  ByteReader reader(payload);
  ByteReader::Text text;
  uint8_t type = 0;
  EXPECT_TRUE(reader.Byte(&type));
  auto value = ReadValue(type, options, &reader, &text);
  return value.ok() ? Make(std::move(*value)) : nullptr;
}

std::string Dump(const Record& record, bool compress = true) {
  return DumpPayload(record, {.compress = compress});
}

TEST(DumpPayload, Strings) {
  EXPECT_EQ(Dump(*Make(Value::Integer(12))), "\x00\xc0\x0c\n\x00<*\xf8Q\\\x04\xbc\xd5"s);
  EXPECT_EQ(Dump(*Make(Value::Integer(-200))), "\x00\xc1\x38\xff\n\x00\";\x8f\xbb\xe8\xf4\x61\xf3"s);
  EXPECT_EQ(Dump(*Make(Value::Integer(70000))),
            "\x00\xc2p\x11\x01\x00\n\x00\x01\xa4\x08\xfe\x95\x30\x95\xa5"s);
  EXPECT_EQ(Dump(*Make(Value::Integer(int64_t{1} << 40))).substr(0, 15), "\x00\r1099511627776"s);
  EXPECT_EQ(Dump(*Make(Value::Embedded("aaaaaaaaaaaaaaaaaaaaa"))),
            "\x00\xc3\x06\x15\x01\x61\x61\xe0\n\x00\n\x00\xfd\x0c\xb3h\x07\x41?h"s);
  EXPECT_EQ(Dump(*Make(Value::Embedded("aaaaaaaaaaaaaaaaaaaaa")), false).substr(0, 4),
            "\x00\x15\x61\x61"s);
  // Bytes that read as an integer become one.
  EXPECT_EQ(Dump(*Make(Value::Embedded("12"))).substr(0, 3), "\x00\xc0\x0c"s);
}

TEST(DumpPayload, Packed) {
  types::Intset set;
  for (int integer : {1, 2, 70000}) set.Add(integer);
  EXPECT_EQ(Dump(*Make(Value::Object(Type::kSet, Encoding::kIntset, set.Release()))),
            "\x0b\x14\x04\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00p\x11\x01\x00"
            "\n\x00\x85\xd5\xc1\x06[\x1d\xd0U"s);
  types::Listpack pack;
  pack.Append("a");
  pack.Append("1");
  EXPECT_EQ(Dump(*Make(Value::Object(Type::kHash, Encoding::kListpack, pack.Release()))),
            "\x10\x0c\x0c\x00\x00\x00\x02\x00\x81\x61\x02\x01\x01\xff\n\x00\x84\xa6\x93\xe8\xaa\x17\xe4"
            "\xdb"s);
}

TEST(ReadValue, WhatWasWritten) {
  auto list = std::make_unique<types::Quicklist>(types::Quicklist::Options{.fill = 2});
  for (std::string_view text : {"a", "1", "b", "70000", "c"}) {
    list->Push(types::Quicklist::End::kTail, text);
  }
  const RecordPtr record =
      Make(Value::Object(Type::kList, Encoding::kQuicklist, list.release()));
  const std::string payload = Dump(*record);
  EXPECT_TRUE(IsDumpPayload(payload));
  const RecordPtr read = Read(payload);
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->encoding(), Encoding::kQuicklist);
  EXPECT_EQ(Dump(*read), payload);
  for (size_t cut = 1; cut < payload.size() - 10; ++cut) {
    EXPECT_EQ(Read(std::string_view(payload).substr(0, cut)), nullptr) << cut;
  }
}

TEST(ReadValue, EncodingsFollowTheLimits) {
  const std::string hash = "\x04\x02\x01\x61\x01\x62\x01\x63\x01\x64"s;  // {a: b, c: d}
  EXPECT_EQ(Read(hash)->encoding(), Encoding::kListpack);
  EXPECT_EQ(Read(hash, {.hash_max_listpack_entries = 1})->encoding(), Encoding::kHashtable);
  EXPECT_EQ(Read(hash, {.hash_max_listpack_value = 0})->encoding(), Encoding::kHashtable);
  const std::string set = "\x02\x02\x01\x31\x01\x32"s;  // {1, 2}
  EXPECT_EQ(Read(set)->encoding(), Encoding::kIntset);
  EXPECT_EQ(Read(set, {.set_max_intset_entries = 1})->encoding(), Encoding::kHashtable);
  const std::string zset = "\x05\x01\x01\x61\x00\x00\x00\x00\x00\x00\x00\x00"s;  // {a: 0}
  EXPECT_EQ(Read(zset)->encoding(), Encoding::kListpack);
  EXPECT_EQ(Read(zset, {.zset_max_listpack_entries = 0})->encoding(), Encoding::kSkiplist);
}

TEST(ReadValue, RefusesWhatIsNotRight) {
  for (const std::string& payload :
       {"\x01\x00"s, "\x02\x00"s, "\x04\x00"s, "\x05\x00"s, "\x0e\x00"s, "\x12\x00"s, "\x06\x01"s,
        "\x07\x01"s, "\x08\x01"s, "\x14\x01"s, "\xff\x01"s,
        "\x00\xc4"s,                                      // no such encoding of strings
        "\x00\x82\x61"s,                                  // no such length
        "\x00\xc3\x01\x81\x00\x00\x00\xff\xff\xff\xff\xff"s,  // more than the bytes can stand for
        "\x02\x81\x00\xff\xff\xff\xff\xff\xff\xff\x01\x61"s,  // a claim
        "\x02\x02\x01\x61\x01\x61"s,                      // a member twice
        "\x04\x02\x01\x61\x01\x62\x01\x61\x01\x62"s,      // a field twice
        "\x03\x01\x01\x61\xfd"s,                          // NaN
        "\x05\x01\x01\x61\x00\x00\x00\x00\x00\x00\xf8\x7f"s, "\x12\x01\x03\x01\x61"s,
        "\x10\x07\x07\x00\x00\x00\x00\x00\xff"s,          // an empty hash
        "\x0b\x08\x02\x00\x00\x00\x00\x00\x00\x00"s}) {  // an empty set
    EXPECT_EQ(Read(payload), nullptr) << static_cast<int>(payload[0]);
  }
}

TEST(IsDumpPayload, LooksAtVersionAndChecksum) {
  std::string payload = Dump(*Make(Value::Integer(12)));
  EXPECT_TRUE(IsDumpPayload(payload));
  payload.back() = static_cast<char>(payload.back() ^ 1);
  EXPECT_FALSE(IsDumpPayload(payload));
  EXPECT_TRUE(IsDumpPayload(payload, false));
  payload[payload.size() - 10] = 11;
  EXPECT_FALSE(IsDumpPayload(payload, false));
  EXPECT_FALSE(IsDumpPayload("", false));
}

}  // namespace
}  // namespace keyway::shard::rdb
