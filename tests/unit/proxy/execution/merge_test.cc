#include "proxy/execution/merge.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyway::proxy::execution {
namespace {

using command::ResponsePolicy;

// "!" when the replies cannot be merged.
std::string Merge(ResponsePolicy policy, const std::vector<std::string>& replies) {
  std::vector<ShardReply> parts;
  for (const std::string& reply : replies) parts.push_back({reply, reply[0]});
  OutputBuffer out;
  return MergeReplies(policy, parts, &out).ok() ? out.ToString() : "!";
}

TEST(MergeTest, Numbers) {
  EXPECT_EQ(Merge(ResponsePolicy::kAggSum, {":1\r\n", ":20\r\n", ":-3\r\n"}), ":18\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kAggMin, {":4\r\n", ":2\r\n", ":3\r\n"}), ":2\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kAggMax, {":4\r\n", ":20\r\n", ":3\r\n"}), ":20\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kAggLogicalAnd, {":1\r\n", ":0\r\n"}), ":0\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kAggLogicalOr, {":0\r\n", ":1\r\n"}), ":1\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kAggLogicalAnd, {"#t\r\n", "#f\r\n"}), "#f\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kAggSum, {":9223372036854775807\r\n", ":1\r\n"}),
            ":9223372036854775807\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kAggSum, {":7\r\n"}), ":7\r\n");
}

TEST(MergeTest, ArraysOfNumbersPlaceByPlace) {
  EXPECT_EQ(Merge(ResponsePolicy::kAggLogicalAnd,
                  {"*3\r\n:1\r\n:1\r\n:0\r\n", "*3\r\n:1\r\n:0\r\n:0\r\n"}),
            "*3\r\n:1\r\n:0\r\n:0\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kAggSum, {"*0\r\n", "*0\r\n"}), "*0\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kAggSum, {"*1\r\n:1\r\n", "*2\r\n:1\r\n:1\r\n"}), "!");
  EXPECT_EQ(Merge(ResponsePolicy::kAggSum, {"*1\r\n$1\r\na\r\n", "*1\r\n:1\r\n"}), "!");
}

TEST(MergeTest, Successes) {
  EXPECT_EQ(Merge(ResponsePolicy::kAllSucceeded, {"+OK\r\n", "+OK\r\n"}), "+OK\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kOneSucceeded, {"-NOTBUSY x\r\n", "+OK\r\n"}), "+OK\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kOneSucceeded,
                  {"-NOTBUSY x\r\n", "-UNKILLABLE y\r\n", "-NOTBUSY x\r\n"}),
            "-UNKILLABLE y\r\n");
}

TEST(MergeTest, Concatenation) {
  EXPECT_EQ(
      Merge(ResponsePolicy::kNone, {"*1\r\n$1\r\na\r\n", "*0\r\n", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"}),
      "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kNone, {"~1\r\n:1\r\n", "~1\r\n:2\r\n"}), "~2\r\n:1\r\n:2\r\n");
  EXPECT_EQ(Merge(ResponsePolicy::kNone, {"*0\r\n", "*0\r\n"}), "*0\r\n");
}

TEST(MergeTest, OtherShapesAreErrors) {
  EXPECT_EQ(Merge(ResponsePolicy::kAggSum, {":1\r\n", "+OK\r\n"}), "!");
  EXPECT_EQ(Merge(ResponsePolicy::kAggSum, {"$1\r\n1\r\n"}), "!");
  EXPECT_EQ(Merge(ResponsePolicy::kNone, {"*0\r\n", "+OK\r\n"}), "!");
  EXPECT_EQ(Merge(ResponsePolicy::kNone, {"*0\r\n", "~0\r\n"}), "!");
  EXPECT_EQ(Merge(ResponsePolicy::kNone, {"*-1\r\n", "*0\r\n"}), "!");
  EXPECT_EQ(Merge(ResponsePolicy::kSpecial, {"*0\r\n"}), "!");
  EXPECT_EQ(Merge(ResponsePolicy::kAggSum, {}), "!");
}

std::string ByKey(const std::vector<std::string>& replies, const std::vector<int>& indexes) {
  std::vector<ShardReply> parts;
  for (const std::string& reply : replies) parts.push_back({reply, reply[0]});
  std::vector<routing::Plan::Key> keys;
  for (int index : indexes) keys.push_back({0, index});
  OutputBuffer out;
  return MergeByKey(parts, keys, &out).ok() ? out.ToString() : "!";
}

TEST(MergeByKeyTest, RestoresTheOrderOfTheRequest) {
  EXPECT_EQ(ByKey({"*2\r\n$1\r\nb\r\n$-1\r\n", "*2\r\n$1\r\na\r\n_\r\n"}, {2, 4, 1, 3}),
            "*4\r\n$1\r\na\r\n$1\r\nb\r\n_\r\n$-1\r\n");
}

TEST(MergeByKeyTest, ElementsMayBeAnyReply) {
  EXPECT_EQ(ByKey({"*1\r\n*2\r\n:1\r\n:2\r\n", "*1\r\n$4\r\n\r\n\r\n\r\n"}, {2, 1}),
            "*2\r\n$4\r\n\r\n\r\n\r\n*2\r\n:1\r\n:2\r\n");
}

TEST(MergeByKeyTest, EveryKeyNeedsItsElement) {
  EXPECT_EQ(ByKey({"*1\r\n:1\r\n"}, {1, 2}), "!");
  EXPECT_EQ(ByKey({"*2\r\n:1\r\n:2\r\n"}, {1}), "!");
  EXPECT_EQ(ByKey({"+OK\r\n"}, {1}), "!");
  EXPECT_EQ(ByKey({"*-1\r\n"}, {}), "!");
}

}  // namespace
}  // namespace keyway::proxy::execution
