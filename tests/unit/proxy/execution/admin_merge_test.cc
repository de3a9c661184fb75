#include "proxy/execution/admin_merge.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyway::proxy::execution {
namespace {

using Merge = void (*)(const Arguments&, Answers, resp::ReplyWriter&);

std::string Merged(Merge merge, const std::vector<std::string>& replies,
                   const Arguments& arguments = {},
                   resp::Version version = resp::Version::kResp2) {
  std::vector<ShardAnswer> answers;
  for (size_t i = 0; i < replies.size(); ++i) {
    answers.push_back({"n" + std::to_string(i), replies[i], replies[i].empty() ? '\0' : replies[i][0]});
  }
  OutputBuffer out;
  resp::ReplyWriter reply(out, version);
  merge(arguments, answers, reply);
  return out.ToString();
}

std::string Bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

constexpr const char* kShapes = "-ERR keyway-proxy: the shards gave replies of different shapes\r\n";

TEST(AdminMergeTest, Numbers) {
  EXPECT_EQ(Merged(ReplyLeast, {":3\r\n", ":1\r\n", ":2\r\n"}), ":1\r\n");
  EXPECT_EQ(Merged(ReplyGreatest, {":3\r\n", ":1\r\n"}), ":3\r\n");
  EXPECT_EQ(Merged(ReplyLeast, {":3\r\n", "+x\r\n"}), kShapes);
  EXPECT_EQ(Merged(ReplyFirst, {"+a\r\n", "+b\r\n"}), "+a\r\n");
}

TEST(AdminMergeTest, TextsAreNamedWhenTheyDiffer) {
  EXPECT_EQ(Merged(ReplyTexts, {Bulk("fine"), Bulk("fine")}), Bulk("fine"));
  EXPECT_EQ(Merged(ReplyTexts, {Bulk("fine\n"), Bulk("bad")}), Bulk("# n0\nfine\n# n1\nbad\n"));
  EXPECT_EQ(Merged(ReplyTexts, {"=8\r\ntxt:fine\r\n"}, {}, resp::Version::kResp3),
            "=8\r\ntxt:fine\r\n");
  EXPECT_EQ(Merged(ReplyTexts, {":1\r\n"}), kShapes);
}

TEST(AdminMergeTest, GraphsOfShardsThatHaveSamples) {
  const std::string none = "-ERR No samples available for event 'x'\r\n";
  EXPECT_EQ(Merged(ReplyLatencyGraph, {none, none}), none);
  EXPECT_EQ(Merged(ReplyLatencyGraph, {none, Bulk("graph")}), Bulk("graph"));
  EXPECT_EQ(Merged(ReplyLatencyGraph, {Bulk("graph"), none, Bulk("graph")}),
            Bulk("# n0\ngraph\n# n2\ngraph\n"));
  EXPECT_EQ(Merged(ReplyLatencyGraph, {"-ERR other\r\n", Bulk("graph")}),
            "-ERR keyway-proxy: n0 answered 'ERR other', other shards may have done what was asked\r\n");
}

TEST(AdminMergeTest, SlowlogByTimeWithUniqueIds) {
  const auto entry = [](int id, int time) {
    return "*3\r\n:" + std::to_string(id) + "\r\n:" + std::to_string(time) + "\r\n*1\r\n$1\r\na\r\n";
  };
  const std::vector<std::string> replies = {"*2\r\n" + entry(5, 30) + entry(4, 10),
                                            "*1\r\n" + entry(5, 20), "*0\r\n"};
  EXPECT_EQ(Merged(ReplySlowlog, replies, {"SLOWLOG", "GET"}),
            "*3\r\n" + entry(15, 30) + entry(16, 20) + entry(12, 10));
  EXPECT_EQ(Merged(ReplySlowlog, replies, {"SLOWLOG", "GET", "1"}), "*1\r\n" + entry(15, 30));
  EXPECT_EQ(Merged(ReplySlowlog, replies, {"SLOWLOG", "GET", "0"}), "*0\r\n");
  EXPECT_EQ(Merged(ReplySlowlog, replies, {"SLOWLOG", "GET", "-1"}),
            "*3\r\n" + entry(15, 30) + entry(16, 20) + entry(12, 10));
  EXPECT_EQ(Merged(ReplySlowlog, {"*1\r\n:1\r\n"}, {"SLOWLOG", "GET"}), kShapes);
}

TEST(AdminMergeTest, LatencyEvents) {
  EXPECT_EQ(Merged(ReplyLatencyLatest, {"*1\r\n*4\r\n$1\r\na\r\n:10\r\n:5\r\n:50\r\n",
                                        "*2\r\n*4\r\n$1\r\nb\r\n:1\r\n:2\r\n:3\r\n"
                                        "*4\r\n$1\r\na\r\n:11\r\n:4\r\n:40\r\n"}),
            "*2\r\n*4\r\n$1\r\na\r\n:11\r\n:4\r\n:50\r\n*4\r\n$1\r\nb\r\n:1\r\n:2\r\n:3\r\n");
  EXPECT_EQ(Merged(ReplyLatencyHistory, {"*2\r\n*2\r\n:1\r\n:5\r\n*2\r\n:3\r\n:6\r\n",
                                         "*2\r\n*2\r\n:2\r\n:7\r\n*2\r\n:3\r\n:9\r\n"}),
            "*3\r\n*2\r\n:1\r\n:5\r\n*2\r\n:2\r\n:7\r\n*2\r\n:3\r\n:9\r\n");
}

TEST(AdminMergeTest, HistogramsAreCumulative) {
  const std::string one =
      "*2\r\n$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:5\r\n$14\r\nhistogram_usec\r\n*4\r\n:4\r\n:2\r\n:16\r\n:5\r\n";
  const std::string two =
      "*2\r\n$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:3\r\n$14\r\nhistogram_usec\r\n*2\r\n:8\r\n:3\r\n";
  EXPECT_EQ(Merged(ReplyLatencyHistogram, {one, two}),
            "*2\r\n$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:8\r\n$14\r\nhistogram_usec\r\n"
            "*6\r\n:4\r\n:2\r\n:8\r\n:5\r\n:16\r\n:8\r\n");
  EXPECT_EQ(Merged(ReplyLatencyHistogram, {"%0\r\n", "%0\r\n"}, {}, resp::Version::kResp3),
            "%0\r\n");
}

TEST(AdminMergeTest, MemoryStatsAddUpAndWeighShares) {
  EXPECT_EQ(Merged(ReplyMemoryStats,
                   {"%3\r\n$14\r\npeak.allocated\r\n:100\r\n$15\r\npeak.percentage\r\n,50\r\n"
                    "$4\r\ndb.0\r\n%1\r\n$1\r\nx\r\n:1\r\n",
                    "%2\r\n$14\r\npeak.allocated\r\n:300\r\n$15\r\npeak.percentage\r\n,90\r\n",
                    "%3\r\n$14\r\npeak.allocated\r\n:0\r\n$15\r\npeak.percentage\r\n,0\r\n"
                    "$4\r\ndb.0\r\n%1\r\n$1\r\nx\r\n:2\r\n"},
                   {}, resp::Version::kResp3),
            "%3\r\n$14\r\npeak.allocated\r\n:400\r\n$15\r\npeak.percentage\r\n,80\r\n"
            "$4\r\ndb.0\r\n%1\r\n$1\r\nx\r\n:3\r\n");
}

TEST(AdminMergeTest, SwapDbOfAClusterIsThatOfOneDatabase) {
  const std::string refusal = "-ERR SWAPDB is not allowed in cluster mode\r\n";
  EXPECT_EQ(Merged(ReplySwapDb, {refusal, refusal}, {"SWAPDB", "0", "0"}), "+OK\r\n");
  EXPECT_EQ(Merged(ReplySwapDb, {refusal, refusal}, {"SWAPDB", "0", "1"}),
            "-ERR DB index is out of range\r\n");
  EXPECT_EQ(Merged(ReplySwapDb, {refusal, refusal}, {"SWAPDB", "x", "y"}),
            "-ERR invalid first DB index\r\n");
  EXPECT_EQ(Merged(ReplySwapDb, {refusal, refusal}, {"SWAPDB", "0", "y"}),
            "-ERR invalid second DB index\r\n");
  // Redis reads no such numbers.
  EXPECT_EQ(Merged(ReplySwapDb, {refusal, refusal}, {"SWAPDB", "00", "0"}),
            "-ERR invalid first DB index\r\n");
  EXPECT_EQ(Merged(ReplySwapDb, {refusal, refusal}, {"SWAPDB", "0", "-0"}),
            "-ERR invalid second DB index\r\n");
  EXPECT_EQ(Merged(ReplySwapDb, {"+OK\r\n", "+OK\r\n"}, {"SWAPDB", "0", "1"}), "+OK\r\n");
}

TEST(AdminMergeTest, ErrorsNameTheShardUnlessAllAgree) {
  const std::vector<ShardAnswer> same = {{"n0", "-ERR x\r\n", '-'}, {"n1", "-ERR x\r\n", '-'}};
  EXPECT_EQ(ErrorOf(same), "ERR x");
  const std::vector<ShardAnswer> one = {{"n0", "+OK\r\n", '+'}, {"n1", "-ERR x\r\n", '-'}};
  EXPECT_EQ(ErrorOf(one),
            "ERR keyway-proxy: n1 answered 'ERR x', other shards may have done what was asked");
  const std::vector<ShardAnswer> none = {{"n0", "+OK\r\n", '+'}};
  EXPECT_EQ(ErrorOf(none), "");
}

}  // namespace
}  // namespace keyway::proxy::execution
