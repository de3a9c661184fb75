// Payloads as redis-server 7.0.15 writes them.
#include "shard/scripting/library_payload.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "shard/persistence/rdb/crc64.h"

namespace keyway::shard::scripting {
namespace {

using std::string_literals::operator""s;

const std::string kEmpty = "\n\0]\x9b\\@\x0f\x7f\xa2\xda"s;
constexpr std::string_view kSmallCode =
    "#!lua name=small\nredis.register_function('f', function(k,a) return 1 end)";
const std::string kSmall = "\xf5@I"s + std::string(kSmallCode) + "\n\0\xcf\x90\x43[<\x9a\xa9\x61"s;

// `libraries` with a footer.
std::string Payload(std::string libraries, int version = 10) {
  libraries += static_cast<char>(version & 0xff);
  libraries += static_cast<char>(version >> 8);
  const uint64_t crc = rdb::Crc64(0, libraries);
  for (int i = 0; i < 8; ++i) libraries += static_cast<char>(crc >> (8 * i) & 0xff);
  return libraries;
}

// The codes, and the error after them.
std::vector<std::string> Read(std::string_view payload) {
  LibraryPayloadReader reader(payload);
  if (!reader.IsWhole(/*check_crc=*/true)) return {"not whole"};
  std::vector<std::string> read;
  while (!reader.AtEnd()) {
    Expected<std::string> code = reader.Next();
    read.push_back(code.ok() ? code.value() : code.error().message);
    if (!code.ok()) break;
  }
  return read;
}

using Codes = std::vector<std::string>;

TEST(LibraryPayload, WrittenAsByRedis) {
  EXPECT_EQ(LibraryPayloadWriter(true).Finish(), kEmpty);
  LibraryPayloadWriter writer(true);
  writer.Add(kSmallCode);
  EXPECT_EQ(writer.Finish(), kSmall);
}

TEST(LibraryPayload, ReadAsByRedis) {
  EXPECT_EQ(Read(kEmpty), Codes{});
  EXPECT_EQ(Read(kSmall), Codes{std::string(kSmallCode)});
}

TEST(LibraryPayload, WhatIsWrittenCanBeRead) {
  const std::string large = "#!lua name=large\n--" + std::string(50'000, 'x');
  const std::string random = "#!lua name=b\n--\0\xff\x01"s;
  for (bool compress : {false, true}) {
    LibraryPayloadWriter writer(compress);
    writer.Add(large);
    writer.Add(random);
    writer.Add("12345");
    const std::string payload = writer.Finish();
    EXPECT_EQ(payload.size() < 1000, compress);
    EXPECT_EQ(Read(payload), (Codes{large, random, "12345"}));
  }
}

TEST(LibraryPayload, OfReleaseCandidates) {
  EXPECT_EQ(Read(Payload("\xf6\x03old\x03Lua\x00\x04\nfoo"s)), Codes{"#!Lua name=old\n\nfoo"});
  EXPECT_EQ(Read(Payload("\xf6\x03old\x03LUA\x01\x04text\x03"
                         "foo"s)),
            Codes{"#!LUA name=old\nfoo"});
  EXPECT_EQ(Read(Payload("\xf6\x03x\0y\x03l\0u\x00\x04"
                         "co\0d"s)),
            Codes{"#!l name=x\nco"});
  EXPECT_EQ(Read(Payload("\xf6")), Codes{"ERR Failed loading library name"});
  EXPECT_EQ(Read(Payload("\xf6\x03old")), Codes{"ERR Failed loading engine name"});
  EXPECT_EQ(Read(Payload("\xf6\x03old\x03lua\x81\xff\xff\xff\xff\xff\xff\xff\xff")),
            Codes{"ERR Failed loading library description indicator"});
  EXPECT_EQ(Read(Payload("\xf6\x03old\x03lua\x01")),
            Codes{"ERR Failed loading library description"});
  EXPECT_EQ(Read(Payload("\xf6\x03old\x03lua")), Codes{"ERR Failed loading library blob"});
}

TEST(LibraryPayload, RefusesWhatIsNoLibrary) {
  EXPECT_EQ(Read(Payload("\x00"s)), Codes{"ERR given type is not a function"});
  EXPECT_EQ(Read(Payload("\xff")), Codes{"ERR given type is not a function"});
  for (const std::string& cut :
       {"\xf5"s, "\xf5\xc3\x05\x05"s, "\xf5\xc4\x05\x05"s,
        "\xf5\x81\xff\xff\xff\xff\xff\xff\xff\xff"s, "\xf5\x81\x7f\xff\xff\xff\xff\xff\xff\xff"s}) {
    EXPECT_EQ(Read(Payload(cut)), Codes{"ERR Failed loading library payload"}) << cut;
  }
}

TEST(LibraryPayload, ChecksTheFooter) {
  EXPECT_EQ(Read(""), Codes{"not whole"});
  EXPECT_EQ(Read("123456789"), Codes{"not whole"});
  EXPECT_EQ(Read(kSmall.substr(0, kSmall.size() - 1)), Codes{"not whole"});
  EXPECT_EQ(Read(Payload("", 11)), Codes{"not whole"});
  EXPECT_EQ(Read(Payload("", 300)), Codes{"not whole"});
  EXPECT_EQ(Read(Payload("", 1)), Codes{});
  for (size_t i = 0; i < kSmall.size(); ++i) {
    std::string changed = kSmall;
    changed[i] = static_cast<char>(changed[i] ^ 0x20);
    EXPECT_EQ(Read(changed), Codes{"not whole"}) << i;
    EXPECT_EQ(LibraryPayloadReader(changed).IsWhole(/*check_crc=*/false),
              i != kSmall.size() - 10 && i != kSmall.size() - 9)
        << i;
  }
}

}  // namespace
}  // namespace keyway::shard::scripting
