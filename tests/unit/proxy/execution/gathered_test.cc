// Gathered commands: what the shards are asked, and what comes of their replies.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "common/hyperloglog/hyperloglog.h"
#include "tests/unit/proxy/execution/one_request_rig.h"

namespace keyway::proxy::execution {
namespace {

using Words = FakeNode::Words;

using GatheredTest = OneRequestTest;

TEST_F(GatheredTest, EachShardDoesThePartOfItsSlots) {
  Make();
  cluster_->node(0).set_answer([](const Words&) { return Bulks({"2", "3"}); });
  cluster_->node(1).set_answer([](const Words&) { return Bulks({"3", "4"}); });
  cluster_->node(2).set_answer([](const Words&) { return Bulks({"3", "2", "1"}); });
  EXPECT_EQ(Ask({"SUNION", "a", "b", "{a}2", "c"}), Bulks({"1", "2", "3", "4"}));
  EXPECT_EQ(cluster_->node(2).log().back(), "SUNION a {a}2");
  EXPECT_EQ(Ask({"SINTER", "a", "b"}, resp::Version::kResp3),
            "~2\r\n" + Bulk("2") + Bulk("3"));
  EXPECT_EQ(Ask({"SDIFF", "a", "b", "c", "{a}2", "{b}2"}), Bulks({"1"}));
  EXPECT_EQ(cluster_->node(2).log().back(), "SDIFF a {a}2");
  EXPECT_EQ(cluster_->node(0).log().back(), "SUNION b {b}2");
  EXPECT_EQ(Ask({"SINTERCARD", "2", "a", "b"}), ":2\r\n");
  EXPECT_EQ(Ask({"SINTERCARD", "2", "a", "b", "limit", "1"}), ":1\r\n");
  EXPECT_EQ(Ask({"SINTERCARD", "2", "a", "b", "LIMIT", "-1"}), "-ERR LIMIT can't be negative\r\n");
  EXPECT_EQ(Ask({"SINTERCARD", "2", "a", "b", "LIMIT"}), "-ERR syntax error\r\n");
}

TEST_F(GatheredTest, AnErrorOfAnyShardIsTheReply) {
  Make({.deadline_ms = 100});
  cluster_->node(0).set_answer([](const Words&) { return "-WRONGTYPE x\r\n"; });
  cluster_->node(1).set_answer([](const Words&) { return Bulks({}); });
  cluster_->node(2).set_answer([](const Words&) { return Bulks({}); });
  EXPECT_EQ(Ask({"SINTER", "a", "b", "c"}), "-WRONGTYPE x\r\n");
  cluster_->node(0).Stop();
  EXPECT_TRUE(Ask({"SUNION", "a", "b", "c"}).starts_with("-ERR keyway-proxy: no reply from "));
  cluster_->access.SetMap(cluster_->Map({0, 1, 2}, false));
  EXPECT_EQ(Ask({"SUNION", "a", "c"}), "-CLUSTERDOWN Hash slot not served\r\n");
}

TEST_F(GatheredTest, StrangeRepliesAreErrors) {
  Make();
  for (const char* reply : {"+OK\r\n", "*1\r\n:1\r\n", "*1\r\n$-1\r\n", "*-1\r\n", ":1\r\n"}) {
    for (int i = 0; i < 3; ++i) cluster_->node(i).set_answer([=](const Words&) { return reply; });
    EXPECT_EQ(Ask({"SUNION", "a", "b"})[0], '-') << reply;
    EXPECT_EQ(Ask({"ZUNION", "2", "a", "b"})[0], '-') << reply;
  }
}

TEST_F(GatheredTest, WhatIsGatheredIsBounded) {
  Make({.max_gathered_bytes = 1024});
  for (int i = 0; i < 3; ++i) {
    cluster_->node(i).set_answer([](const Words&) { return Bulks({std::string(600, 'x')}); });
  }
  EXPECT_EQ(Ask({"SUNION", "a", "b"}),
            "-ERR keyway-proxy: the values of 'sunion' take more than 1kb together, which "
            "--max_gathered_bytes does not allow\r\n");
}

TEST_F(GatheredTest, KeysOfASlotOnItsWayAreAskedForOneAtATime) {
  Make();
  cluster_->node(2).set_answer([](const Words& words) {
    return words.size() > 2 ? "-TRYAGAIN x\r\n" : Bulks({words[1]});
  });
  cluster_->node(0).set_answer([](const Words& words) { return Bulks({words[1]}); });
  EXPECT_EQ(Ask({"SUNION", "a", "b", "{a}2"}), Bulks({"a", "b", "{a}2"}));
}

TEST_F(GatheredTest, CountsHyperLogLogs) {
  Make();
  std::string one = HyperLogLog::Empty();
  std::string other = HyperLogLog::Empty();
  for (int i = 0; i < 100; ++i) {
    HyperLogLog::Add(&one, 3000, std::to_string(i));
    HyperLogLog::Add(&other, 3000, std::to_string(i + 50));
  }
  cluster_->node(0).set_answer([&](const Words&) { return Bulk(one); });
  cluster_->node(2).set_answer(
      [&](const Words& words) { return words[1] == "a" ? Bulk(other) : "$-1\r\n"; });
  HyperLogLog::Registers registers{};
  HyperLogLog::MergeInto(one, &registers);
  HyperLogLog::MergeInto(other, &registers);
  EXPECT_EQ(Ask({"PFCOUNT", "a", "b", "{a}2"}),
            ":" + std::to_string(HyperLogLog::Count(registers)) + "\r\n");
  // What is wrong first in the order of the keys.
  cluster_->node(0).set_answer([&](const Words&) { return "-WRONGTYPE x\r\n"; });
  cluster_->node(2).set_answer([&](const Words&) { return Bulk("no"); });
  const std::string no_one = "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n";
  EXPECT_EQ(Ask({"PFCOUNT", "a", "b"}), no_one);
  EXPECT_EQ(Ask({"PFCOUNT", "b", "a"}), "-WRONGTYPE x\r\n");
  one.resize(17);
  cluster_->node(0).set_answer([&](const Words&) { return Bulk(one); });
  EXPECT_EQ(Ask({"PFCOUNT", "b", "a"}), "-INVALIDOBJ Corrupted HLL object detected\r\n");
}

TEST_F(GatheredTest, SortedSets) {
  Make();
  cluster_->node(0).set_answer([](const Words&) { return Bulks({"x", "1", "y", "2.5"}); });
  cluster_->node(2).set_answer([](const Words&) { return Bulks({"y", "inf"}); });
  EXPECT_EQ(Ask({"ZUNION", "2", "a", "b"}), Bulks({"x", "y"}));
  EXPECT_EQ(cluster_->node(0).log().back(), "ZUNION 1 b WITHSCORES");
  EXPECT_EQ(Ask({"ZUNION", "2", "a", "b", "WITHSCORES", "WEIGHTS", "1", "3", "AGGREGATE", "MIN"}),
            Bulks({"x", "3", "y", "7.5"}));
  cluster_->node(0).set_answer([](const Words&) {
    return "*2\r\n*2\r\n$1\r\nx\r\n,1\r\n*2\r\n$1\r\ny\r\n,2.5\r\n";
  });
  cluster_->node(2).set_answer([](const Words&) { return "*1\r\n*2\r\n$1\r\ny\r\n,inf\r\n"; });
  EXPECT_EQ(Ask({"ZINTER", "2", "a", "b", "WITHSCORES"}, resp::Version::kResp3),
            "*1\r\n*2\r\n" + Bulk("y") + ",inf\r\n");
  EXPECT_EQ(Ask({"ZDIFF", "2", "b", "a"}), Bulks({"x"}));
  EXPECT_EQ(Ask({"ZINTERCARD", "2", "b", "a", "LIMIT", "5"}), ":1\r\n");
  EXPECT_EQ(Ask({"ZINTER", "2", "a", "b", "WEIGHTS", "1", "x"}), "-ERR weight value is not a float\r\n");
  EXPECT_EQ(Ask({"ZDIFF", "2", "a", "b", "WEIGHTS", "1", "1"}), "-ERR syntax error\r\n");
  EXPECT_EQ(Ask({"ZINTER", "2", "a", "b", "AGGREGATE", "AVG"}), "-ERR syntax error\r\n");
}

}  // namespace
}  // namespace keyway::proxy::execution
