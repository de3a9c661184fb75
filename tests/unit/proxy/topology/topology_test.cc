#include "proxy/topology/topology.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/proxy/backend/fake_node.h"

namespace keyway::proxy::topology {
namespace {

// What a fake node believes of the cluster.
struct View {
  struct Member {
    std::string id;
    uint16_t port;
    int first;
    int last;
  };
  std::vector<Member> members;
  int epoch = 1;
  bool knows_shards = true;
};

std::string ShardsReply(const View& view) {
  std::string reply = "*" + std::to_string(view.members.size()) + "\r\n";
  for (const auto& member : view.members) {
    reply += "*4\r\n+slots\r\n*2\r\n:" + std::to_string(member.first) +
             "\r\n:" + std::to_string(member.last) + "\r\n+nodes\r\n*1\r\n*10\r\n+id\r\n" +
             Bulk(member.id) + "+port\r\n:" + std::to_string(member.port) +
             "\r\n+endpoint\r\n+127.0.0.1\r\n+role\r\n+master\r\n+health\r\n+online\r\n";
  }
  return reply;
}

std::string SlotsReply(const View& view) {
  std::string reply = "*" + std::to_string(view.members.size()) + "\r\n";
  for (const auto& member : view.members) {
    reply += "*3\r\n:" + std::to_string(member.first) + "\r\n:" + std::to_string(member.last) +
             "\r\n*3\r\n+127.0.0.1\r\n:" + std::to_string(member.port) + "\r\n" + Bulk(member.id);
  }
  return reply;
}

FakeNode::Answer Answering(const View* view) {
  return [view](const FakeNode::Words& words) -> std::string {
    const std::string& subcommand = words.back();
    if (subcommand == "SHARDS" && !view->knows_shards) {
      return "-ERR Unknown subcommand or wrong number of arguments for 'SHARDS'. Try CLUSTER "
             "HELP.\r\n";
    }
    if (subcommand == "SHARDS") return ShardsReply(*view);
    if (subcommand == "SLOTS") return SlotsReply(*view);
    if (subcommand == "INFO") {
      return Bulk("cluster_state:ok\r\ncluster_current_epoch:" + std::to_string(view->epoch) +
                  "\r\ncluster_my_epoch:1\r\n");
    }
    return "+PONG\r\n";
  };
}

class TopologyTest : public ::testing::Test {
 protected:
  TopologyTest() {
    for (int i = 0; i < 3; ++i) nodes_.push_back(std::make_unique<FakeNode>(loop_));
    for (int i = 0; i < 3; ++i) nodes_[i]->set_answer(Answering(&views_[i]));
    SetAll({{{"a", nodes_[0]->port(), 0, 5000},
             {"b", nodes_[1]->port(), 5001, 10000},
             {"c", nodes_[2]->port(), 10001, 16383}},
            3});
  }

  void SetAll(const View& view) {
    for (View& own : views_) own = view;
  }

  TopologyOptions Options() {
    TopologyOptions options;
    options.startup_nodes = {nodes_[0]->endpoint(), nodes_[1]->endpoint()};
    options.refresh_interval_ms = 60'000;
    options.retry_interval_ms = 10;
    options.min_interval_ms = 1;
    options.query_timeout_ms = 2000;
    return options;
  }

  void Start(const TopologyOptions& options) {
    topology_ = std::make_unique<Topology>(loop_, options, Random(1));
    topology_->Subscribe(loop_, [this](SlotMapPtr map) { maps_.push_back(std::move(map)); });
    topology_->Start();
  }

  bool RunUntilMaps(size_t count) {
    return RunUntil(loop_, [&] { return maps_.size() >= count; });
  }
  bool RunUntilRefreshes(uint64_t count) {
    const uint64_t before = topology_->stats().refreshes_ok + topology_->stats().refreshes_failed;
    return RunUntil(loop_, [&] {
      return topology_->stats().refreshes_ok + topology_->stats().refreshes_failed >=
             before + count;
    });
  }

  net::EventLoop loop_;
  std::vector<std::unique_ptr<FakeNode>> nodes_;
  View views_[3];
  std::unique_ptr<Topology> topology_;
  std::vector<SlotMapPtr> maps_;
};

TEST_F(TopologyTest, FirstMap) {
  Start(Options());
  EXPECT_EQ(topology_->current(), nullptr);
  ASSERT_TRUE(RunUntilMaps(1));
  EXPECT_EQ(topology_->current(), maps_[0]);
  EXPECT_TRUE(maps_[0]->covers_all());
  EXPECT_EQ(maps_[0]->cluster_epoch(), 3u);
  EXPECT_EQ(maps_[0]->version(), 1u);
  EXPECT_EQ(maps_[0]->ShardOf(5001)->primary.endpoint, nodes_[1]->endpoint());
  EXPECT_EQ(topology_->stats().refreshes_ok, 1u);
  EXPECT_EQ(topology_->stats().maps_changed, 1u);
  EXPECT_EQ(topology_->stats().last_error, "");
}

TEST_F(TopologyTest, NodesThatKnowOnlyClusterSlots) {
  for (View& view : views_) view.knows_shards = false;
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  EXPECT_TRUE(maps_[0]->covers_all());
  EXPECT_EQ(maps_[0]->cluster_epoch(), 3u);
}

TEST_F(TopologyTest, RequestFindsAChange) {
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  View view = views_[0];
  view.members[0].last = 4000;
  view.members[1].first = 4001;
  view.epoch = 4;
  SetAll(view);
  topology_->RequestRefresh();
  ASSERT_TRUE(RunUntilMaps(2));
  EXPECT_EQ(maps_[1]->ShardOf(4500)->primary.id, "b");
  EXPECT_GT(maps_[1]->version(), maps_[0]->version());
  // The old one is what it was, for those who still hold it.
  EXPECT_EQ(maps_[0]->ShardOf(4500)->primary.id, "a");
}

TEST_F(TopologyTest, ManyRequestsAreOneRefresh) {
  TopologyOptions options = Options();
  options.min_interval_ms = 50;
  Start(options);
  ASSERT_TRUE(RunUntilMaps(1));
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) topology_->RequestRefresh();
  });
  other.join();
  for (int i = 0; i < 1000; ++i) topology_->RequestRefresh();
  RunFor(loop_, 150);
  EXPECT_LE(topology_->stats().refreshes_ok, 3u);
  EXPECT_GE(topology_->stats().refreshes_ok, 2u);
  EXPECT_EQ(maps_.size(), 1u);
}

TEST_F(TopologyTest, RefreshesByItself) {
  TopologyOptions options = Options();
  options.refresh_interval_ms = 20;
  Start(options);
  ASSERT_TRUE(RunUntilMaps(1));
  ASSERT_TRUE(RunUntilRefreshes(3));
  EXPECT_EQ(maps_.size(), 1u);
}

TEST_F(TopologyTest, UnreachableNodesAtFirst) {
  const net::Endpoint first = nodes_[0]->endpoint();
  nodes_[0]->Stop();
  nodes_[1]->Stop();
  Start(Options());
  ASSERT_TRUE(RunUntilRefreshes(3));
  EXPECT_EQ(topology_->current(), nullptr);
  EXPECT_NE(topology_->stats().last_error.find("cannot connect to"), std::string::npos)
      << topology_->stats().last_error;
  nodes_[0] = std::make_unique<FakeNode>(loop_, Answering(&views_[0]), first.port);
  ASSERT_TRUE(RunUntilMaps(1));
  EXPECT_EQ(topology_->stats().last_error, "");
}

TEST_F(TopologyTest, FindsTheOthersWhenTheStartupNodesAreGone) {
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  nodes_[0]->Stop();
  nodes_[1]->Stop();
  View view = views_[2];
  view.members = {{"c", nodes_[2]->port(), 0, 16383}};
  view.epoch = 9;
  SetAll(view);
  topology_->RequestRefresh();
  ASSERT_TRUE(RunUntilMaps(2));
  EXPECT_EQ(maps_[1]->ShardOf(0)->primary.id, "c");
}

TEST_F(TopologyTest, ASilentNodeIsOvertaken) {
  for (int i : {0, 2}) nodes_[i]->Freeze();
  TopologyOptions options = Options();
  options.query_timeout_ms = 60'000;
  Start(options);
  ASSERT_TRUE(RunUntilMaps(1));
}

TEST_F(TopologyTest, SilenceEndsAQuery) {
  for (auto& node : nodes_) node->Freeze();
  TopologyOptions options = Options();
  options.query_timeout_ms = 30;
  Start(options);
  ASSERT_TRUE(RunUntilRefreshes(1));
  EXPECT_EQ(topology_->stats().refreshes_failed, 1u);
  EXPECT_NE(topology_->stats().last_error, "");
}

TEST_F(TopologyTest, AnOlderMapDoesNotReplaceANewerOne) {
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  View old = views_[0];
  old.members[0].last = 4000;
  old.members[1].first = 4001;
  old.epoch = 2;
  SetAll(old);
  topology_->RequestRefresh();
  ASSERT_TRUE(RunUntilRefreshes(1));
  EXPECT_EQ(maps_.size(), 1u);
  EXPECT_EQ(topology_->stats().refreshes_failed, 1u);
  EXPECT_EQ(topology_->stats().last_error, "only an older map of the cluster was found");
  // One node that knows better is enough.
  views_[2].epoch = 4;
  ASSERT_TRUE(RunUntilMaps(2));
  EXPECT_EQ(maps_[1]->cluster_epoch(), 4u);
}

TEST_F(TopologyTest, AnOlderMapIsTakenWhenNobodyElseIsThere) {
  // A startup node that is in nobody's map, and answers only later.
  View old = views_[0];
  old.epoch = 1;
  old.members[0].last = 4000;
  old.members[1].first = 4001;
  FakeNode survivor(loop_, Answering(&old));
  survivor.set_hello("-ERR not yet\r\n");
  TopologyOptions options = Options();
  options.startup_nodes.push_back(survivor.endpoint());
  Start(options);
  ASSERT_TRUE(RunUntilMaps(1));
  EXPECT_EQ(maps_[0]->cluster_epoch(), 3u);
  survivor.set_hello(FakeNode::kHelloReply);
  for (auto& node : nodes_) node->Stop();
  topology_->RequestRefresh();
  ASSERT_TRUE(RunUntilMaps(2));
  EXPECT_EQ(maps_[1]->cluster_epoch(), 1u);
  EXPECT_EQ(maps_[1]->ShardOf(4500)->primary.id, "b");
}

TEST_F(TopologyTest, AnotherClusterAtTheSameAddresses) {
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  View view = views_[0];
  for (auto& member : view.members) member.id += "-new";
  view.epoch = 1;
  SetAll(view);
  topology_->RequestRefresh();
  ASSERT_TRUE(RunUntilMaps(2));
  EXPECT_EQ(maps_[1]->ShardOf(0)->primary.id, "a-new");
  EXPECT_EQ(maps_[1]->cluster_epoch(), 1u);
}

TEST_F(TopologyTest, ANodeThatWasResetHasNoSay) {
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  for (int epoch : {0, 3}) {
    View empty;
    empty.epoch = epoch;
    SetAll(empty);
    topology_->RequestRefresh();
    ASSERT_TRUE(RunUntilRefreshes(1));
    EXPECT_EQ(maps_.size(), 1u);
    EXPECT_TRUE(topology_->current()->covers_all());
  }
}

TEST_F(TopologyTest, TheFullestAnswerCounts) {
  // As while a cluster is created: some nodes know of themselves only.
  views_[0].members = {{"a", nodes_[0]->port(), 0, 5000}};
  TopologyOptions options = Options();
  Start(options);
  ASSERT_TRUE(RunUntilMaps(1));
  EXPECT_TRUE(maps_[0]->covers_all());
}

TEST_F(TopologyTest, AClusterThatIsBeingCreatedIsFollowed) {
  const View whole = views_[0];
  SetAll({});
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  EXPECT_EQ(maps_[0]->covered_slots(), 0);
  View part = whole;
  part.members.pop_back();
  SetAll(part);
  ASSERT_TRUE(RunUntilMaps(2));
  EXPECT_FALSE(maps_[1]->covers_all());
  SetAll(whole);
  ASSERT_TRUE(RunUntilMaps(3));
  EXPECT_TRUE(maps_[2]->covers_all());
}

TEST_F(TopologyTest, NodesOutsideOfAnyCluster) {
  for (auto& node : nodes_) {
    node->set_answer([](const FakeNode::Words&) {
      return "-ERR This instance has cluster support disabled\r\n";
    });
  }
  Start(Options());
  ASSERT_TRUE(RunUntilRefreshes(1));
  EXPECT_NE(topology_->stats().last_error.find("cluster support disabled"), std::string::npos);
}

TEST_F(TopologyTest, CredentialsAreUsed) {
  TopologyOptions options = Options();
  options.username = "app";
  options.password = "pw";
  Start(options);
  ASSERT_TRUE(RunUntilMaps(1));
  const auto& hellos = nodes_[0]->hellos().empty() ? nodes_[1]->hellos() : nodes_[0]->hellos();
  ASSERT_FALSE(hellos.empty());
  EXPECT_EQ(hellos[0], "HELLO 2 AUTH app pw SETNAME keyway-proxy");
}

TEST_F(TopologyTest, MayGoAwayAtAnyMoment) {
  for (int passes = 0; passes < 12; ++passes) {
    Start(Options());
    topology_->RequestRefresh();
    for (int i = 0; i < passes; ++i) loop_.RunOnce();
    topology_->RequestRefresh();
    topology_.reset();
  }
  RunFor(loop_, 20);
}

TEST_F(TopologyTest, EveryWorkerHearsOfIt) {
  net::EventLoop worker;
  SlotMapPtr seen;
  topology_ = std::make_unique<Topology>(loop_, Options(), Random(1));
  topology_->Subscribe(loop_, [this](SlotMapPtr map) { maps_.push_back(std::move(map)); });
  topology_->Subscribe(worker, [&](SlotMapPtr map) {
    seen = std::move(map);
    worker.Stop();
  });
  topology_->Start();
  std::thread thread([&] { worker.Run(); });
  EXPECT_TRUE(RunUntilMaps(1));
  thread.join();
  EXPECT_EQ(seen, maps_[0]);
}

}  // namespace
}  // namespace keyway::proxy::topology
