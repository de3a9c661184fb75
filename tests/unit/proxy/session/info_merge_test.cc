#include "proxy/session/info_merge.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyway::proxy::session {
namespace {

// A field of the merged INFO of nodes that have one section with these lines each.
std::string Merged(const std::string& title, const std::vector<std::string>& nodes,
                   const std::string& field) {
  std::vector<std::string> texts;
  for (const std::string& lines : nodes) texts.push_back("# " + title + "\r\n" + lines);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  for (const InfoSection& section : MergeInfo(views)) {
    for (const auto& [name, value] : section.fields) {
      if (name == field) return value;
    }
  }
  return "(none)";
}

TEST(InfoMergeTest, ParsesSections) {
  const auto sections = ParseInfo("# Server\r\na:1\r\nb:x:y\r\n\r\n# Empty\r\n\r\n# CPU\r\nc:\r\n");
  ASSERT_EQ(sections.size(), 3u);
  EXPECT_EQ(sections[0].title, "Server");
  EXPECT_EQ(sections[0].fields, (InfoFields{{"a", "1"}, {"b", "x:y"}}));
  EXPECT_TRUE(sections[1].fields.empty());
  EXPECT_EQ(sections[2].fields, (InfoFields{{"c", ""}}));
  EXPECT_TRUE(ParseInfo("no section:1\r\n").empty());
}

TEST(InfoMergeTest, AddsUp) {
  EXPECT_EQ(Merged("Memory", {"used_memory:10\r\n", "used_memory:32\r\n"}, "used_memory"), "42");
  EXPECT_EQ(Merged("Stats", {"expired_keys:1\r\n", "x:1\r\n"}, "expired_keys"), "1");
  EXPECT_EQ(Merged("Stats", {"expired_keys:1\r\n", "x:1\r\n"}, "x"), "1");
  EXPECT_EQ(Merged("CPU", {"used_cpu_sys:0.250000\r\n", "used_cpu_sys:1.500000\r\n"}, "used_cpu_sys"),
            "1.750000");
  EXPECT_EQ(Merged("Stats", {"instantaneous_input_kbps:0.07\r\n", "instantaneous_input_kbps:1.10\r\n"},
                   "instantaneous_input_kbps"),
            "1.17");
}

TEST(InfoMergeTest, LimitsSizesAndShares) {
  const std::vector<std::string> nodes = {
      "used_memory:1048576\r\nused_memory_human:1.00M\r\nused_memory_peak:2097152\r\n"
      "used_memory_peak_perc:50.00%\r\nmaxmemory:5\r\nmaxmemory_policy:noeviction\r\n",
      "used_memory:2097152\r\nused_memory_human:2.00M\r\nused_memory_peak:2097152\r\n"
      "used_memory_peak_perc:100.00%\r\nmaxmemory:7\r\nmaxmemory_policy:noeviction\r\n"};
  EXPECT_EQ(Merged("Memory", nodes, "used_memory_human"), "3.00M");
  EXPECT_EQ(Merged("Memory", nodes, "used_memory_peak_perc"), "75.00%");
  EXPECT_EQ(Merged("Memory", nodes, "maxmemory"), "12");
  EXPECT_EQ(Merged("Memory", nodes, "maxmemory_policy"), "noeviction");
  EXPECT_EQ(Merged("Memory", {"maxmemory:0\r\n", "maxmemory:7\r\n"}, "maxmemory"), "0");
  EXPECT_EQ(Merged("Memory", {"maxmemory:7\r\n", "maxmemory:0\r\n"}, "maxmemory"), "0");
}

TEST(InfoMergeTest, TheWorstAndTheOldest) {
  const std::vector<std::string> nodes = {
      "rdb_last_save_time:20\r\nrdb_bgsave_in_progress:0\r\nrdb_last_bgsave_status:ok\r\n",
      "rdb_last_save_time:10\r\nrdb_bgsave_in_progress:1\r\nrdb_last_bgsave_status:err\r\n"};
  EXPECT_EQ(Merged("Persistence", nodes, "rdb_last_save_time"), "10");
  EXPECT_EQ(Merged("Persistence", nodes, "rdb_bgsave_in_progress"), "1");
  EXPECT_EQ(Merged("Persistence", nodes, "rdb_last_bgsave_status"), "err");
}

TEST(InfoMergeTest, ReplicasOfOneNodeAreNotThoseOfTheWhole) {
  const std::vector<std::string> nodes = {
      "role:master\r\nconnected_slaves:2\r\nslave0:ip=127.0.0.1,port=1\r\nmaster_repl_offset:5\r\n",
      "role:master\r\nconnected_slaves:1\r\nslave0:ip=127.0.0.1,port=2\r\nmaster_repl_offset:6\r\n"};
  EXPECT_EQ(Merged("Replication", nodes, "connected_slaves"), "1");
  EXPECT_EQ(Merged("Replication", nodes, "slave0"), "(none)");
  EXPECT_EQ(Merged("Replication", nodes, "master_repl_offset"), "11");
}

TEST(InfoMergeTest, CommandsErrorsAndLatencies) {
  EXPECT_EQ(Merged("Commandstats",
                   {"cmdstat_set:calls=2,usec=10,usec_per_call=5.00,rejected_calls=0,failed_calls=1\r\n",
                    "cmdstat_set:calls=1,usec=8,usec_per_call=8.00,rejected_calls=2,failed_calls=0\r\n"},
                   "cmdstat_set"),
            "calls=3,usec=18,usec_per_call=6.00,rejected_calls=2,failed_calls=1");
  EXPECT_EQ(Merged("Errorstats", {"errorstat_ERR:count=1\r\n", "errorstat_ERR:count=4\r\n"},
                   "errorstat_ERR"),
            "count=5");
  EXPECT_EQ(Merged("Latencystats",
                   {"latency_percentiles_usec_set:p50=1.003,p99=9.023\r\n",
                    "latency_percentiles_usec_set:p50=2.007,p99=3.007\r\n"},
                   "latency_percentiles_usec_set"),
            "p50=2.007,p99=9.023");
}

TEST(InfoMergeTest, WhatIsNoNumberStaysTheFirst) {
  EXPECT_EQ(Merged("Stats", {"odd:x\r\n", "odd:1\r\n"}, "odd"), "x");
  EXPECT_EQ(Merged("Server", {"hz:10\r\n", "hz:20\r\n"}, "hz"), "10");
  EXPECT_TRUE(MergeInfo({}).empty());
}

TEST(MergeKeyspaceTest, AddsUpDatabases) {
  const std::string_view sections[] = {
      "$1\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=100\r\ndb2:keys=1,expires=0,avg_ttl=0\r\n",
      "# Keyspace\r\ndb0:keys=5,expires=3,avg_ttl=200\r\n", "# Keyspace\r\n", "dbx:keys=1\r\ndb"};
  EXPECT_EQ(MergeKeyspace(sections),
            "db0:keys=8,expires=4,avg_ttl=175\r\ndb2:keys=1,expires=0,avg_ttl=0\r\n");
  EXPECT_EQ(MergeKeyspace({}), "");
}

TEST(HumanBytesTest, AsRedis) {
  EXPECT_EQ(HumanBytes(0), "0B");
  EXPECT_EQ(HumanBytes(1023), "1023B");
  EXPECT_EQ(HumanBytes(1536), "1.50K");
  EXPECT_EQ(HumanBytes(uint64_t{5} << 30), "5.00G");
}

}  // namespace
}  // namespace keyway::proxy::session
