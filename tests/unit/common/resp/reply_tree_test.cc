#include <gtest/gtest.h>

#include <string>

#include "common/resp/reply_parser.h"

namespace keyway::resp {
namespace {

std::string Print(const ReplyValue& value) {
  std::string text(1, value.type);
  if (value.type == ':' || value.type == '#') return text + std::to_string(value.integer);
  if (value.elements.empty()) return text + std::string(value.text);
  text += "(";
  for (const ReplyValue& element : value.elements) text += " " + Print(element);
  return text + " )";
}

std::string Tree(std::string_view bytes) {
  const auto value = ParseReplyTree(bytes);
  return value.ok() ? Print(*value) : "!" + value.error().message;
}

TEST(ReplyTreeTest, Scalars) {
  EXPECT_EQ(Tree("+OK\r\n"), "+OK");
  EXPECT_EQ(Tree("-ERR x\r\n"), "-ERR x");
  EXPECT_EQ(Tree(":-5\r\n"), ":-5");
  EXPECT_EQ(Tree(":+5\r\n"), ":5");
  EXPECT_EQ(Tree("#t\r\n"), "#1");
  EXPECT_EQ(Tree("$6\r\na\r\nb\r\n\r\n"), "$a\r\nb\r\n");
  EXPECT_EQ(Tree("=7\r\ntxt:abc\r\n"), "=abc");
  EXPECT_EQ(Tree(",1.5\r\n"), ",1.5");
}

TEST(ReplyTreeTest, NullsAreOneType) {
  for (const char* null : {"_\r\n", "$-1\r\n", "*-1\r\n"}) {
    const auto value = ParseReplyTree(null);
    ASSERT_TRUE(value.ok());
    EXPECT_TRUE(value->is_null());
  }
}

TEST(ReplyTreeTest, DepthIsBounded) {
  std::string deep;
  for (size_t i = 0; i < kMaxTreeDepth; ++i) deep += "*1\r\n";
  EXPECT_TRUE(ParseReplyTree(deep + ":1\r\n").ok());
  EXPECT_FALSE(ParseReplyTree("*1\r\n" + deep + ":1\r\n").ok());
}

TEST(ReplyTreeTest, Errors) {
  EXPECT_TRUE(ParseReplyTree("-ERR\r\n")->is_error());
  EXPECT_TRUE(ParseReplyTree("!3\r\nERR\r\n")->is_error());
  EXPECT_FALSE(ParseReplyTree("+ERR\r\n")->is_error());
}

TEST(ReplyTreeTest, Aggregates) {
  EXPECT_EQ(Tree("*2\r\n*1\r\n:1\r\n$1\r\nx\r\n"), "*( *( :1 ) $x )");
  EXPECT_EQ(Tree("%1\r\n+a\r\n~1\r\n+b\r\n"), "%( +a ~( +b ) )");
  EXPECT_EQ(Tree(">1\r\n+a\r\n"), ">( +a )");
}

TEST(ReplyTreeTest, AttributesAreLeftOut) {
  EXPECT_EQ(Tree("|0\r\n|1\r\n+a\r\n*1\r\n:1\r\n*2\r\n|1\r\n+x\r\n+y\r\n:1\r\n:2\r\n"),
            "*( :1 :2 )");
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "|0\r\n";
  EXPECT_EQ(Tree(many + "+OK\r\n"), "+OK");
}

TEST(ReplyTreeTest, FindInMapsAndInArraysOfPairs) {
  for (const char* bytes : {"%2\r\n$2\r\nid\r\n$1\r\nx\r\n$4\r\nport\r\n:5\r\n",
                            "*4\r\n$2\r\nid\r\n$1\r\nx\r\n$4\r\nport\r\n:5\r\n"}) {
    const auto value = ParseReplyTree(bytes);
    ASSERT_TRUE(value.ok());
    ASSERT_NE(value->Find("port"), nullptr);
    EXPECT_EQ(value->Find("port")->integer, 5);
    EXPECT_EQ(value->Find("x"), nullptr);
    EXPECT_EQ(value->Find(""), nullptr);
  }
  EXPECT_EQ(ParseReplyTree("*1\r\n$2\r\nid\r\n")->Find("id"), nullptr);
  EXPECT_EQ(ParseReplyTree("*0\r\n")->Find(""), nullptr);
}

TEST(ReplyTreeTest, ExactlyOneReply) {
  EXPECT_EQ(Tree("+OK"), "!incomplete reply");
  EXPECT_EQ(Tree(""), "!incomplete reply");
  EXPECT_EQ(Tree("+OK\r\n+OK\r\n"), "!bytes behind the reply");
  EXPECT_EQ(Tree("?\r\n"), "!unknown reply type");
}

}  // namespace
}  // namespace keyway::resp
