#include "proxy/execution/node_view.h"

#include <gtest/gtest.h>

namespace keyway::proxy::execution {
namespace {

const net::Endpoint kAsked{"10.0.0.1", 7000};

std::string Reply(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

TEST(NodeViewTest, ReadsOwnSlotsAndThoseOnTheirWay) {
  const std::string text =
      "aaa :7000@17000 myself,master - 0 1 5 connected 0-10 12 [7->-bbb] [13-<-bbb]\n"
      "bbb 10.0.0.2:7001@17001,host master - 0 1 6 connected 11 13-16383\n"
      "ccc 10.0.0.3:7002@17002 slave bbb 0 1 6 connected\n";
  const auto view = ParseNodeView(Reply(text), kAsked);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->epoch, 5u);
  EXPECT_EQ(view->own.count(), 12u);
  EXPECT_EQ(view->leaving, (std::map<Slot, std::string>{{7, "bbb"}}));
  EXPECT_EQ(view->lowest, (std::vector<Slot>{0, 11}));
  EXPECT_EQ(view->endpoints.at("aaa"), kAsked);
  EXPECT_EQ(view->endpoints.at("bbb"), (net::Endpoint{"10.0.0.2", 7001}));
  EXPECT_EQ(ParseNodeView("=" + std::to_string(text.size() + 4) + "\r\ntxt:" + text + "\r\n", kAsked)
                ->print,
            view->print);
}

TEST(NodeViewTest, ThePrintIsThatOfWhoServesWhat) {
  const std::string a = "aaa 10.0.0.1:1@2 myself,master - 0 1 5 connected 0-10\n";
  const std::string b = "bbb 10.0.0.2:1@2 master - 0 1 6 connected 11-16383\n";
  const auto print = [](const std::string& text) { return ParseNodeView(Reply(text), kAsked)->print; };
  EXPECT_EQ(print(a + b), print(b + a));
  std::string seen_by_b = a + b;
  seen_by_b.replace(seen_by_b.find("myself,"), 7, "");
  seen_by_b.replace(seen_by_b.rfind("master"), 6, "myself,master");
  EXPECT_EQ(print(a + b), print(seen_by_b));
  EXPECT_NE(print(a + b), print("aaa 10.0.0.1:1@2 myself,master - 0 1 7 connected 0-10\n" + b));
  EXPECT_NE(print(a + b), print("aaa 10.0.0.1:1@2 myself,master - 0 1 5 connected 0-9\n" + b));
}

TEST(NodeViewTest, AnythingElseIsNone) {
  for (const char* reply : {"+OK\r\n", "$0\r\n\r\n", "$3\r\nabc\r\n", "*0\r\n", "$-1\r\n",
                            "$5\r\na b c\r\n"}) {
    EXPECT_EQ(ParseNodeView(reply, kAsked), std::nullopt) << reply;
  }
  EXPECT_EQ(ParseNodeView(Reply("a 1.1.1.1:1@1 myself - 0 0 1 connected 99999\n"), kAsked), std::nullopt);
}

}  // namespace
}  // namespace keyway::proxy::execution
