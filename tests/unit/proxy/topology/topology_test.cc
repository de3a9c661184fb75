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
    int epoch = 0;
    const char* flags = "master";
  };
  std::vector<Member> members;
  int epoch = 1;
  bool knows_shards = true;
  std::string self = {};  // the id of the node; empty: it does not know CLUSTER NODES
};

std::string NodesReply(const View& view) {
  std::string text;
  bool has_self = false;
  for (const auto& member : view.members) {
    const bool self = member.id == view.self;
    has_self |= self;
    text += member.id + " 127.0.0.1:" + std::to_string(member.port) + "@1 " +
            (self ? "myself," : "") + member.flags + " - 0 0 " + std::to_string(member.epoch) +
            " connected " + std::to_string(member.first) + "-" + std::to_string(member.last) + "\n";
  }
  if (!has_self) text += view.self + " :1@1 myself,master - 0 0 0 connected\n";
  return Bulk(text);
}

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
    if (subcommand == "NODES" && !view->self.empty()) return NodesReply(*view);
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

  // Nodes "a", "b" and "c", which know CLUSTER NODES and have epochs 1, 2 and 3.
  void UseEpochs() {
    View view = views_[0];
    for (int i = 0; i < 3; ++i) view.members[i].epoch = i + 1;
    SetAll(view);
    for (int i = 0; i < 3; ++i) views_[i].self = std::string(1, static_cast<char>('a' + i));
  }
  // Slots 4001 to 5000 go to b, with epoch 4, as `view` sees it.
  static void MoveToB(View& view) {
    view.members[0].last = 4000;
    view.members[1].first = 4001;
    view.members[1].epoch = 4;
    view.epoch = 4;
  }
  static void MoveBack(View& view) {
    view.members[0].last = 5000;
    view.members[1].first = 5001;
    view.members[1].epoch = 2;
    view.epoch = 3;
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

TEST_F(TopologyTest, FirstMapWithEpochs) {
  UseEpochs();
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  EXPECT_TRUE(maps_[0]->covers_all());
  EXPECT_EQ(maps_[0]->ShardOf(5001)->primary.endpoint, nodes_[1]->endpoint());
  EXPECT_EQ(maps_[0]->ShardOf(5001)->primary.config_epoch, 2u);
  EXPECT_EQ(maps_[0]->cluster_epoch(), 3u);
}

TEST_F(TopologyTest, OneThatKnowsIsEnoughAndNobodyTakesItBack) {
  UseEpochs();
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  MoveToB(views_[1]);
  ASSERT_TRUE(RunUntil(loop_, [&] {
    topology_->RequestRefresh();
    return maps_.size() >= 2;
  }));
  EXPECT_EQ(maps_[1]->ShardOf(4500)->primary.id, "b");
  // a and c have heard of the epoch only, and b is gone: what they say changes nothing.
  for (int i : {0, 2}) views_[i].epoch = 4;
  nodes_[1]->Stop();
  topology_->RequestRefresh();
  ASSERT_TRUE(RunUntil(loop_, [&] { return topology_->stats().stale_reports >= 4; }));
  EXPECT_EQ(topology_->current()->ShardOf(4500)->primary.id, "b");
  EXPECT_EQ(topology_->stats().last_error, "only an older map of the cluster was found");
}

TEST_F(TopologyTest, AStaleNodeAsTheOnlyStartupNode) {
  UseEpochs();
  for (int i : {1, 2}) MoveToB(views_[i]);
  TopologyOptions options = Options();
  options.startup_nodes = {nodes_[0]->endpoint()};
  Start(options);
  // The first map is checked with another node soon.
  ASSERT_TRUE(RunUntilMaps(2));
  EXPECT_EQ(maps_[1]->ShardOf(4500)->primary.id, "b");
  ASSERT_TRUE(RunUntil(loop_, [&] {
    topology_->RequestRefresh();
    return topology_->stats().stale_reports >= 2;
  }));
  EXPECT_EQ(maps_.size(), 2u);
  // A round that met the stale node went on to another one.
  EXPECT_EQ(topology_->stats().refreshes_failed, 0u);
}

TEST_F(TopologyTest, ALoneStaleNodeDoesNotWinWhenAllOthersAreAway) {
  UseEpochs();
  for (View& view : views_) MoveToB(view);
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  MoveBack(views_[0]);
  for (int i : {1, 2}) nodes_[i]->Stop();
  topology_->RequestRefresh();
  ASSERT_TRUE(RunUntil(loop_, [&] { return topology_->stats().refreshes_failed >= 3; }));
  EXPECT_EQ(maps_.size(), 1u);
}

TEST_F(TopologyTest, ANodeWithTwoAddressesHasOneVote) {
  UseEpochs();
  for (View& view : views_) MoveToB(view);
  TopologyOptions options = Options();
  FakeNode again(loop_, Answering(&views_[0]));
  options.startup_nodes.push_back(again.endpoint());
  Start(options);
  ASSERT_TRUE(RunUntilMaps(1));
  MoveBack(views_[0]);
  for (int i : {1, 2}) nodes_[i]->Stop();
  topology_->RequestRefresh();
  ASSERT_TRUE(RunUntil(loop_, [&] { return topology_->stats().refreshes_failed >= 3; }));
  EXPECT_GE(topology_->stats().stale_reports, 4u);
  EXPECT_EQ(maps_.size(), 1u);
}

TEST_F(TopologyTest, AClusterThatWasPutBackIsAdopted) {
  UseEpochs();
  for (View& view : views_) MoveToB(view);
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  for (View& view : views_) MoveBack(view);
  topology_->RequestRefresh();
  ASSERT_TRUE(RunUntilMaps(2));
  EXPECT_EQ(maps_[1]->ShardOf(4500)->primary.id, "a");
  EXPECT_EQ(maps_[1]->cluster_epoch(), 3u);
}

TEST_F(TopologyTest, AStaleNodeIsFollowedWhenTheOthersHaveBeenGoneForLong) {
  UseEpochs();
  for (View& view : views_) MoveToB(view);
  View old = views_[2];
  old.self = "old-a";
  MoveBack(old);
  FakeNode survivor(loop_, Answering(&old));
  TopologyOptions options = Options();
  options.startup_nodes.push_back(survivor.endpoint());
  options.orphan_ms = 300;
  Start(options);
  ASSERT_TRUE(RunUntil(loop_, [&] {
    return topology_->current() != nullptr && topology_->current()->cluster_epoch() == 4;
  }));
  for (auto& node : nodes_) node->Stop();
  ASSERT_TRUE(RunUntil(loop_, [&] {
    topology_->RequestRefresh();
    return topology_->current()->cluster_epoch() == 3;
  }));
  EXPECT_EQ(topology_->current()->ShardOf(4500)->primary.id, "a");
}

TEST_F(TopologyTest, AnotherClusterWithEpochsAtTheSameAddresses) {
  UseEpochs();
  for (View& view : views_) view.epoch = 30;
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  // As long as one node is a member of the cluster that is known, it is the one that counts.
  const View before = views_[0];
  for (View& view : views_) {
    for (auto& member : view.members) member.id += "-new";
    view.self += "-new";
    view.epoch = 1;
  }
  const View after = views_[0];
  views_[0] = before;
  const uint64_t refreshes = topology_->stats().refreshes_ok;
  ASSERT_TRUE(RunUntil(loop_, [&] {
    topology_->RequestRefresh();
    return topology_->stats().refreshes_ok >= refreshes + 4;
  }));
  EXPECT_EQ(maps_.size(), 1u);
  views_[0] = after;
  ASSERT_TRUE(RunUntil(loop_, [&] {
    topology_->RequestRefresh();
    return maps_.size() >= 2;
  }));
  EXPECT_EQ(maps_[1]->ShardOf(0)->primary.id, "a-new");
  EXPECT_EQ(maps_[1]->cluster_epoch(), 1u);
}

TEST_F(TopologyTest, AFailedPrimaryKeepsItsSlotsUntilSomeoneTakesOver) {
  UseEpochs();
  Start(Options());
  ASSERT_TRUE(RunUntilMaps(1));
  for (View& view : views_) view.members[1].flags = "master,fail";
  nodes_[1]->Stop();
  topology_->RequestRefresh();
  ASSERT_TRUE(RunUntilMaps(2));
  EXPECT_EQ(maps_[1]->ShardOf(5001)->primary.id, "b");
  EXPECT_TRUE(maps_[1]->ShardOf(5001)->primary.failed);
  EXPECT_FALSE(maps_[1]->ShardOf(5001)->primary.online);
}

TEST_F(TopologyTest, ASuspectIsNotWaitedFor) {
  UseEpochs();
  TopologyOptions options = Options();
  options.hedge_ms = 60'000;
  options.query_timeout_ms = 60'000;
  Start(options);
  ASSERT_TRUE(RunUntilMaps(1));
  nodes_[1]->Freeze();
  const net::Endpoint suspect = nodes_[1]->endpoint();
  for (int i = 0; i < 5; ++i) {
    topology_->RequestRefresh(&suspect);
    ASSERT_TRUE(RunUntilRefreshes(1));
  }
  EXPECT_EQ(topology_->stats().hedges, 0u);
}

TEST_F(TopologyTest, AnOutageDoesNotBringAStampede) {
  UseEpochs();
  TopologyOptions options = Options();
  options.min_interval_ms = 20;
  options.max_interval_ms = 200;
  Start(options);
  ASSERT_TRUE(RunUntilMaps(1));
  nodes_[1]->Stop();
  const int64_t start = loop_.NowMicros();
  const uint64_t before = topology_->stats().queries;
  RunUntil(loop_, [&] {
    topology_->RequestRefresh();
    return loop_.NowMicros() - start > 1'000'000;
  });
  const auto elapsed_ms = static_cast<uint64_t>((loop_.NowMicros() - start) / 1000);
  // Each round may try the dead one first; the distances are 15, 30, 60, 120, 150, 150 ... at
  // least.
  EXPECT_LE(topology_->stats().queries - before, 2 * (6 + elapsed_ms / 150));
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
