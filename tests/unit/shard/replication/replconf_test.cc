#include "shard/replication/replconf.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace keyway::shard::replication {
namespace {

using Kind = ReplconfResult::Kind;

ReplconfResult Read(std::vector<std::string_view> args, ReplicaTraits* traits) {
  args.insert(args.begin(), "REPLCONF");
  return ReadReplconf(args, traits);
}

ReplconfResult Read(std::vector<std::string_view> args) {
  ReplicaTraits traits;
  return Read(std::move(args), &traits);
}

TEST(Replconf, TellsTraits) {
  ReplicaTraits traits;
  EXPECT_EQ(Read({"listening-port", "7000", "IP-Address", "10.0.0.1"}, &traits).kind, Kind::kOk);
  EXPECT_EQ(Read({"capa", "EOF", "capa", "psync2", "capa", "later"}, &traits).kind, Kind::kOk);
  EXPECT_EQ(Read({"rdb-only", "1"}, &traits).kind, Kind::kOk);
  EXPECT_EQ(traits.port, 7000);
  EXPECT_EQ(traits.address, "10.0.0.1");
  EXPECT_TRUE(traits.can_eof);
  EXPECT_TRUE(traits.can_psync2);
  EXPECT_TRUE(traits.rdb_only);
  EXPECT_FALSE(traits.filtered());
  EXPECT_EQ(Read({"rdb-only", "0"}, &traits).kind, Kind::kOk);
  EXPECT_FALSE(traits.rdb_only);
}

TEST(Replconf, Filters) {
  ReplicaTraits traits;
  EXPECT_EQ(Read({"rdb-filter-only", ""}, &traits).kind, Kind::kOk);
  EXPECT_TRUE(traits.without_keys);
  EXPECT_TRUE(traits.without_libraries);
  EXPECT_EQ(Read({"rdb-filter-only", "functions"}, &traits).kind, Kind::kOk);
  EXPECT_TRUE(traits.without_keys);
  EXPECT_FALSE(traits.without_libraries);
  EXPECT_EQ(Read({"rdb-filter-only", "functions keys"}).text,
            "ERR Unsupported rdb-filter-only option: keys");
  EXPECT_EQ(Read({"rdb-filter-only", "\""}).text, "ERR Missing rdb-filter-only values");
}

TEST(Replconf, WhatStandsBeforeAnErrorHolds) {
  ReplicaTraits traits;
  const ReplconfResult result = Read({"listening-port", "7000", "foo", "bar"}, &traits);
  EXPECT_EQ(result.kind, Kind::kError);
  EXPECT_EQ(result.text, "ERR Unrecognized REPLCONF option: foo");
  EXPECT_EQ(traits.port, 7000);
}

TEST(Replconf, Errors) {
  EXPECT_EQ(Read({"capa"}).text, "ERR syntax error");
  EXPECT_EQ(Read({"listening-port", "x"}).text, "ERR value is not an integer or out of range");
  EXPECT_EQ(Read({"rdb-only", "2"}).text,
            "ERR value is out of range, value must between 0 and 1");
  const std::string longest(255, 'x');
  const std::string longer(256, 'x');
  EXPECT_EQ(Read({"ip-address", longest}).kind, Kind::kOk);
  EXPECT_EQ(Read({"ip-address", longer}).text,
            "ERR REPLCONF ip-address provided by replica instance is too long: 256 bytes");
}

TEST(Replconf, WithoutReply) {
  const ReplconfResult acknowledgement = Read({"ACK", "17", "foo", "bar"});
  EXPECT_EQ(acknowledgement.kind, Kind::kAcknowledgement);
  EXPECT_EQ(acknowledgement.text, "17");
  EXPECT_EQ(Read({"getack", "*"}).kind, Kind::kGetAcknowledgement);
}

}  // namespace
}  // namespace keyway::shard::replication
