// SCAN: what the nodes are asked while nothing moves, and while something does.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/execution/scan_cursor.h"
#include "tests/unit/proxy/execution/one_request_rig.h"

namespace keyway::proxy::execution {
namespace {

using Words = FakeNode::Words;

class ScanTest : public OneRequestTest {
 protected:
  // CLUSTER NODES of node `self`. `slots` of each; `moves` is shown by the first.
  std::string Nodes(int self, const std::vector<std::string>& slots, const std::string& moves = "") {
    std::string text;
    for (int i = 0; i < 3; ++i) {
      text += "id" + std::to_string(i) + " " + net::ToString(cluster_->node(i).endpoint()) +
              "@1 " + (i == self ? "myself,master" : "master") + " - 0 0 " + std::to_string(i + 1) +
              " connected " + slots[static_cast<size_t>(i)] +
              (i == 0 && self == 0 ? moves : "") + "\n";
    }
    return Bulk(text);
  }
  // Answers CLUSTER NODES so, GETKEYSINSLOT with what `held` says of slot 0, and SCAN with `page`.
  void Serve(int node, std::function<std::string()> view, std::string page, Words held = {}) {
    cluster_->node(node).set_answer([=](const Words& words) -> std::string {
      if (words[0] == "SCAN") return page;
      if (words[0] == "TYPE") return words[1] == "s" ? "+set\r\n" : "+string\r\n";
      if (words[1] == "NODES") return view();
      return words[2] == "0" ? Bulks(held) : "*0\r\n";
    });
  }

  const std::vector<std::string> thirds_ = {"0-5460", "5461-10922", "10923-16383"};
};

TEST_F(ScanTest, WalksThePrimariesWhileNothingMoves) {
  Make();
  Serve(0, [this] { return Nodes(0, thirds_); }, "*2\r\n$1\r\n0\r\n*0\r\n");
  Serve(1, [this] { return Nodes(1, thirds_); }, "*2\r\n$1\r\n3\r\n*1\r\n$1\r\nc\r\n");
  Serve(2, [this] { return Nodes(2, thirds_); }, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n");
  std::string reply = Ask({"SCAN", "0", "COUNT", "5"});
  EXPECT_EQ(cluster_->node(0).log(),
            (std::vector<std::string>{"CLUSTER NODES", "SCAN 0 COUNT 5", "CLUSTER NODES"}));
  EXPECT_TRUE(reply.ends_with("*1\r\n$1\r\nc\r\n")) << reply;
  const auto cursor_of = [](const std::string& page) {
    const size_t at = page.find("\r\n", 4) + 2;
    return page.substr(at, page.find("\r\n", at) - at);
  };
  const std::string cursor = cursor_of(reply);
  const ScanCursor decoded = DecodeScanCursor(std::stoull(cursor));
  EXPECT_EQ(decoded.slot, 5461);
  EXPECT_EQ(decoded.node, 3u);
  EXPECT_FALSE(decoded.by_slot);
  Serve(1, [this] { return Nodes(1, thirds_); }, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nd\r\n");
  reply = Ask({"SCAN", cursor, "MATCH", "*"});
  EXPECT_TRUE(reply.ends_with("*1\r\n$1\r\nd\r\n")) << reply;
  reply = Ask({"SCAN", cursor_of(reply)});
  EXPECT_EQ(reply, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n");
}

TEST_F(ScanTest, BeginsAnewBySlotWhenASlotHasMoved) {
  Make();
  bool moved = false;
  const std::vector<std::string> other = {"0-5461", "5462-10922", "10923-16383"};
  Serve(0, [&] { return Nodes(0, moved ? other : thirds_); },
        "*2\r\n$1\r\n7\r\n*1\r\n$1\r\nb\r\n");
  const std::string first = Ask({"SCAN", "0"});
  const std::string cursor = first.substr(first.find("\r\n", 4) + 2);
  moved = true;
  Serve(0, [&] { return Nodes(0, moved ? other : thirds_); },
        "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n");
  const std::string reply = Ask({"SCAN", cursor.substr(0, cursor.find("\r\n"))});
  EXPECT_EQ(reply, "*2\r\n" + Bulk(std::to_string(Encode({.by_slot = true}))) +
                       "*1\r\n$1\r\nb\r\n");
}

TEST_F(ScanTest, ASlotOnItsWayIsListedAtBothNodes) {
  Make();
  Serve(0, [this] { return Nodes(0, thirds_, " [0->-id1]"); }, "", {"x", "s"});
  Serve(1, [this] { return Nodes(1, thirds_); }, "", {"y", "x"});
  Serve(2, [this] { return Nodes(2, thirds_); }, "");
  const std::string by_slot = std::to_string(Encode({.by_slot = true}));
  const std::string next = Bulk(std::to_string(Encode({.slot = 1, .by_slot = true})));
  EXPECT_EQ(Ask({"SCAN", "0"}), "*2\r\n" + next + Bulks({"x", "s", "y"}));
  EXPECT_EQ(Ask({"SCAN", by_slot, "MATCH", "[xy]"}), "*2\r\n" + next + Bulks({"x", "y"}));
  EXPECT_EQ(Ask({"SCAN", by_slot, "TYPE", "SET"}), "*2\r\n" + next + Bulks({"s"}));
}

TEST_F(ScanTest, AMapThatLosesAPrimaryDoesNotEndTheWalk) {
  Make();
  int looks = 0;
  Serve(0, [this] { return Nodes(0, thirds_); }, "*2\r\n$1\r\n0\r\n*0\r\n");
  Serve(1,
        [&] {
          if (++looks == 2) cluster_->access.SetMap(cluster_->Map({0, 1, 2}, /*complete=*/false));
          return Nodes(1, thirds_);
        },
        "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nc\r\n");
  const std::string reply = Ask({"SCAN", "0"});
  EXPECT_EQ(looks, 2);
  const std::string cursor = reply.substr(reply.find("\r\n", 4) + 2);
  EXPECT_EQ(DecodeScanCursor(std::stoull(cursor)).slot, 10923) << reply;
}

TEST_F(ScanTest, AMapThatLosesAllPrimariesIsAnError) {
  Make({.deadline_ms = 200});
  Serve(0,
        [this] {
          cluster_->access.SetMap(std::make_shared<topology::SlotMap>(
              std::vector<topology::Shard>{}, ++cluster_->versions, 1));
          return Nodes(0, thirds_);
        },
        "");
  EXPECT_EQ(Ask({"SCAN", "0"}), "-CLUSTERDOWN Hash slot not served\r\n");
}

TEST_F(ScanTest, WrongArguments) {
  Make();
  EXPECT_EQ(Ask({"SCAN", "x"}), "-ERR invalid cursor\r\n");
  EXPECT_EQ(Ask({"SCAN", "0", "COUNT"}), "-ERR syntax error\r\n");
  EXPECT_EQ(Ask({"SCAN", "0", "COUNT", "0"}), "-ERR syntax error\r\n");
  EXPECT_EQ(Ask({"SCAN", "0", "COUNT", "x"}), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(Ask({"SCAN", "0", "NOPE", "x"}), "-ERR syntax error\r\n");
  for (int i = 0; i < 3; ++i) {
    Serve(i, [this, i] { return Nodes(i, thirds_); }, "+OK\r\n");
  }
  EXPECT_EQ(Ask({"SCAN", "0"})[0], '-');
}

}  // namespace
}  // namespace keyway::proxy::execution
