#include "proxy/topology/replica_lag.h"

#include <gtest/gtest.h>

#include <string>

namespace keyway::proxy::topology {
namespace {

constexpr int64_t kSecond = 1'000'000;

std::string Reply(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

// As a redis-server 7.0.15 says it.
constexpr const char* kReplicaText =
    "# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:7001\r\n"
    "master_link_status:up\r\nmaster_last_io_seconds_ago:1\r\nmaster_sync_in_progress:0\r\n"
    "slave_read_repl_offset:140\r\nslave_repl_offset:126\r\nslave_priority:100\r\n"
    "connected_slaves:0\r\nmaster_failover_state:no-failover\r\n"
    "master_replid:20a4044aa3eb2b14aa171eb6d5a9238c7f6966f7\r\n"
    "master_replid2:0000000000000000000000000000000000000000\r\nmaster_repl_offset:140\r\n";

ReplicationInfo At(int64_t offset, const std::string& stream = "s") {
  ReplicationInfo info;
  info.stream = stream;
  info.offset = offset;
  return info;
}

TEST(ReplicaLagTest, ParsesInfo) {
  const auto replica = ParseReplicationInfo(Reply(kReplicaText));
  ASSERT_TRUE(replica.ok());
  EXPECT_FALSE(replica->primary);
  EXPECT_TRUE(replica->link_up);
  EXPECT_FALSE(replica->syncing);
  EXPECT_EQ(replica->stream, "20a4044aa3eb2b14aa171eb6d5a9238c7f6966f7");
  // What it has executed, not what it has read.
  EXPECT_EQ(replica->offset, 126);

  const auto primary = ParseReplicationInfo(
      Reply("# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:abc\r\n"
            "master_repl_offset:7000000000"));
  ASSERT_TRUE(primary.ok());
  EXPECT_TRUE(primary->primary);
  EXPECT_EQ(primary->offset, 7'000'000'000);
}

TEST(ReplicaLagTest, WhatIsNoInfo) {
  EXPECT_EQ(ParseReplicationInfo("-NOPERM no\r\n").error().message, "it answers INFO with NOPERM no");
  for (const std::string& text :
       {std::string(), std::string("role:master\r\n"), std::string("role:slave\r\nslave_repl_offset:x\r\n"),
        std::string("master_repl_offset:1\r\n")}) {
    EXPECT_FALSE(ParseReplicationInfo(Reply(text)).ok()) << text;
  }
}

// -1: unknown.
int64_t LagMicros(const PrimaryHistory& history, const ReplicationInfo& replica, int64_t now) {
  const auto lag = history.LagOf(replica, now);
  return lag ? lag->micros : -1;
}

TEST(ReplicaLagTest, LagIsTheAgeOfWhatTheReplicaHasForSure) {
  PrimaryHistory history(100 * kSecond);
  EXPECT_EQ(LagMicros(history, At(0), 0), -1);
  history.Note(At(100), 10 * kSecond);
  history.Note(At(200), 20 * kSecond);
  history.Note(At(300), 30 * kSecond);
  const int64_t now = 31 * kSecond;
  EXPECT_EQ(LagMicros(history, At(300), now), kSecond);
  EXPECT_EQ(LagMicros(history, At(350), now), kSecond);  // beyond what the primary had then
  EXPECT_EQ(LagMicros(history, At(299), now), 11 * kSecond);
  EXPECT_EQ(LagMicros(history, At(200), now), 11 * kSecond);
  EXPECT_EQ(LagMicros(history, At(199), now), 21 * kSecond);
  EXPECT_EQ(LagMicros(history, At(5), now), 21 * kSecond);
  // Of what was before the first look nobody knows how old it is.
  EXPECT_TRUE(history.LagOf(At(99), now)->at_least);
  EXPECT_FALSE(history.LagOf(At(100), now)->at_least);
  EXPECT_EQ(LagMicros(history, At(300, "other"), now), -1);
}

TEST(ReplicaLagTest, NothingIsWritten) {
  PrimaryHistory history(100 * kSecond);
  history.Note(At(100), 10 * kSecond);
  history.Note(At(100), 50 * kSecond);
  EXPECT_EQ(LagMicros(history, At(100), 51 * kSecond), kSecond);
  // The primary says no more: what the replica has grows old.
  EXPECT_EQ(LagMicros(history, At(100), 80 * kSecond), 30 * kSecond);
}

TEST(ReplicaLagTest, AnotherStream) {
  PrimaryHistory history(100 * kSecond);
  history.Note(At(100), 10 * kSecond);
  history.Note(At(100, "new"), 11 * kSecond);
  EXPECT_EQ(LagMicros(history, At(100), 12 * kSecond), -1);
  EXPECT_EQ(LagMicros(history, At(100, "new"), 12 * kSecond), kSecond);
  // A primary that has lost what it had is another one, whatever it calls its stream.
  history.Note(At(50, "new"), 20 * kSecond);
  EXPECT_EQ(LagMicros(history, At(50, "new"), 21 * kSecond), kSecond);
}

TEST(ReplicaLagTest, IsBounded) {
  PrimaryHistory history(10 * kSecond);
  for (int i = 0; i <= 100; ++i) history.Note(At(i), i * kSecond);
  EXPECT_EQ(LagMicros(history, At(0), 100 * kSecond), 10 * kSecond);
}

}  // namespace
}  // namespace keyway::proxy::topology
