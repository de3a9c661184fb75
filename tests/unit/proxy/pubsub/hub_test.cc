// A hub before three fake nodes: who gets what, what the nodes are asked, and what becomes of it when
// they go.
#include "proxy/pubsub/hub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/pubsub/subscriptions.h"
#include "tests/unit/proxy/execution/fake_cluster.h"

namespace keyway::proxy::pubsub {
namespace {

using Words = FakeNode::Words;

class Listener final : public Subscriber {
 public:
  void OnMessage(Message& message) override { messages.emplace_back(message.resp3()); }
  std::vector<std::string> messages;
};

class TestWaiter final : public Waiter {
 public:
  void OnSettled() override { ++settled; }
  int settled = 0;
};

std::string Push(const std::vector<std::string>& words, const std::string& last = {}) {
  std::string text = ">" + std::to_string(words.size() + (last.empty() ? 0 : 1)) + "\r\n";
  for (const std::string& word : words) text += Bulk(word);
  return text + last;
}

std::string MessageOf(const std::string& channel, const std::string& text) {
  return Push({"message", channel, text});
}

std::string Lower(std::string word) {
  for (char& c : word) c = static_cast<char>(c | 0x20);
  return word;
}

class HubTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = std::make_unique<FakeCluster>();
    for (int i = 0; i < 3; ++i) cluster_->node(i).set_answer(Confirm);
    cluster_->access.SetMap(cluster_->Map());
    hub_ = std::make_unique<Hub>(cluster_->access, census_, statistics_);
  }
  void TearDown() override { hub_.reset(); }

  // As a shard does.
  static std::string Confirm(const Words& words) {
    if (words[0] == "PING") return "+PONG\r\n";
    std::string text;
    for (size_t i = 1; i < words.size(); ++i) text += Push({Lower(words[0]), words[i]}, ":1\r\n");
    return text;
  }
  bool Run(const std::function<bool()>& condition) { return RunUntil(cluster_->loop, condition); }

  // Subscribes as a session does.
  void Subscribe(Subscriptions& subscriptions, Kind kind, const std::vector<std::string>& names) {
    std::vector<Topic*> topics;
    for (const std::string& name : names) topics.push_back(&hub_->Pin(kind, name));
    TestWaiter waiter;
    const bool waits = hub_->Wait(waiter, topics, 0);
    ASSERT_TRUE(!waits || Run([&] { return waiter.settled == 1; }));
    for (Topic* topic : topics) {
      subscriptions.Add(*topic);
      hub_->Unpin(*topic);
    }
  }
  bool RunUntilLogged(int node, const std::string& request) {
    return Run([this, node, request] { return Logged(node, request) > 0; });
  }
  int Logged(int node, const std::string& request) {
    const auto& log = cluster_->node(node).log();
    return static_cast<int>(std::count(log.begin(), log.end(), request));
  }

  std::unique_ptr<FakeCluster> cluster_;
  Census census_;
  Statistics statistics_;
  std::unique_ptr<Hub> hub_;
};

TEST_F(HubTest, OneSubscriptionForAllClients) {
  std::vector<Listener> listeners(3);
  std::vector<std::unique_ptr<Subscriptions>> clients;
  for (Listener& listener : listeners) {
    clients.push_back(std::make_unique<Subscriptions>(*hub_, listener));
    Subscribe(*clients.back(), Kind::kChannel, {"a"});
  }
  EXPECT_EQ(cluster_->node(2).log(), (std::vector<std::string>{"SUBSCRIBE a", "PING"}));
  EXPECT_EQ(cluster_->node(0).accepted() + cluster_->node(1).accepted(), 0);
  EXPECT_EQ(hub_->Receivers(false, "a", 1), 3);
  EXPECT_EQ(hub_->Subscribers(false, "a", 1), 3);
  EXPECT_EQ(hub_->Receivers(true, "a", 1), 1);

  cluster_->node(2).Say(MessageOf("a", "hi") + MessageOf("other", "no"));
  ASSERT_TRUE(Run([&] { return listeners[2].messages.size() == 1; }));
  for (Listener& listener : listeners) {
    EXPECT_EQ(listener.messages, std::vector<std::string>{MessageOf("a", "hi")});
  }
  EXPECT_EQ(statistics_.messages.Get(), 1u);
  EXPECT_EQ(statistics_.deliveries.Get(), 3u);
  EXPECT_EQ(statistics_.subscribers.Get(), 3u);

  clients.resize(1);
  RunFor(cluster_->loop, 20);
  EXPECT_EQ(Logged(2, "UNSUBSCRIBE a"), 0);
  EXPECT_EQ(hub_->Receivers(false, "a", 1), 1);
  clients.clear();
  EXPECT_EQ(hub_->Receivers(false, "a", 1), 0);
  ASSERT_TRUE(RunUntilLogged(2, "UNSUBSCRIBE a"));
  ASSERT_TRUE(Run([&] { return hub_->Find(Kind::kChannel, "a") == nullptr; }));
  EXPECT_EQ(statistics_.topics.Get(), 0u);
  EXPECT_EQ(statistics_.subscribers.Get(), 0u);
  EXPECT_EQ(census_.Count(Kind::kChannel), 0u);
  // A connection without a use is given up.
  EXPECT_TRUE(Run([&] { return cluster_->pool.stats().leases == 0; }));
}

TEST_F(HubTest, WhoLeavesBeforeTheConfirmationLeavesNothing) {
  cluster_->node(2).set_answer([](const Words&) { return ""; });
  Topic& topic = hub_->Pin(Kind::kChannel, "a");
  TestWaiter waiter;
  ASSERT_TRUE(hub_->Wait(waiter, {&topic}, 0));
  ASSERT_TRUE(RunUntilLogged(2, "PING"));
  EXPECT_EQ(waiter.settled, 0);
  hub_->StopWaiting(waiter);
  hub_->Unpin(topic);
  cluster_->node(2).set_answer(Confirm);
  cluster_->node(2).Say(Push({"subscribe", "a"}, ":1\r\n") + "+PONG\r\n");
  ASSERT_TRUE(RunUntilLogged(2, "UNSUBSCRIBE a"));
  ASSERT_TRUE(Run([&] { return hub_->Find(Kind::kChannel, "a") == nullptr; }));
  EXPECT_EQ(waiter.settled, 0);
}

TEST_F(HubTest, PatternsAreEverywhereAndMessagesCountOnce) {
  Listener listener;
  Subscriptions client(*hub_, listener);
  Subscribe(client, Kind::kPattern, {"*"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Logged(i, "PSUBSCRIBE *"), 1);
  // The home of "a" is node 2.
  const std::string message = Push({"pmessage", "*", "a", "x"});
  for (int i = 0; i < 3; ++i) cluster_->node(i).Say(message);
  const std::string event = Push({"pmessage", "*", "__keyevent@0__:set", "k"});
  for (int i = 0; i < 3; ++i) cluster_->node(i).Say(event);
  ASSERT_TRUE(Run([&] { return listener.messages.size() == 4; }));
  RunFor(cluster_->loop, 20);
  EXPECT_EQ(std::count(listener.messages.begin(), listener.messages.end(), message), 1);
  EXPECT_EQ(std::count(listener.messages.begin(), listener.messages.end(), event), 3);
}

TEST_F(HubTest, ChannelsOfEventsAreEverywhere) {
  Listener listener;
  Subscriptions client(*hub_, listener);
  Subscribe(client, Kind::kChannel, {"__keyspace@0__:k"});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Logged(i, "SUBSCRIBE __keyspace@0__:k"), 1);
    cluster_->node(i).Say(MessageOf("__keyspace@0__:k", "set"));
  }
  EXPECT_TRUE(Run([&] { return listener.messages.size() == 3; }));
}

TEST_F(HubTest, WaitsForEveryNode) {
  cluster_->node(1).set_answer([](const Words&) { return ""; });
  Topic& topic = hub_->Pin(Kind::kPattern, "p*");
  TestWaiter waiter;
  ASSERT_TRUE(hub_->Wait(waiter, {&topic}, 0));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(RunUntilLogged(i, "PING"));
  RunFor(cluster_->loop, 20);
  EXPECT_EQ(waiter.settled, 0);
  EXPECT_NE(hub_->Cause(topic).find(net::ToString(cluster_->node(1).endpoint())), std::string::npos);
  cluster_->node(1).Say(Push({"psubscribe", "p*"}, ":1\r\n"));
  EXPECT_TRUE(Run([&] { return waiter.settled == 1; }));
  hub_->Unpin(topic);
}

TEST_F(HubTest, SubscribesAgainAfterALoss) {
  Listener listener;
  Subscriptions client(*hub_, listener);
  Subscribe(client, Kind::kChannel, {"a", "{a}2"});
  Subscribe(client, Kind::kPattern, {"p*"});
  const auto logged = cluster_->node(2).log().size();
  cluster_->node(2).Drop();
  ASSERT_TRUE(Run([&] { return cluster_->node(2).log().size() > logged; }));
  ASSERT_TRUE(Run([&] { return hub_->Find(Kind::kChannel, "a")->ready(); }));
  EXPECT_TRUE(Logged(2, "SUBSCRIBE a {a}2") + Logged(2, "SUBSCRIBE {a}2 a") == 2);
  EXPECT_EQ(Logged(2, "PSUBSCRIBE p*"), 2);
  EXPECT_EQ(Logged(0, "PSUBSCRIBE p*"), 1);
  EXPECT_EQ(statistics_.resubscriptions.Get(), 3u);
  EXPECT_GT(cluster_->refreshes, 0);
  cluster_->node(2).Say(MessageOf("a", "again"));
  EXPECT_TRUE(Run([&] { return listener.messages.size() == 1; }));
}

TEST_F(HubTest, ANodeThatIsAwayIsTriedAgainUntilTheMapKnowsAnother) {
  cluster_->node(2).Stop();
  Topic& topic = hub_->Pin(Kind::kChannel, "a");
  TestWaiter waiter;
  ASSERT_TRUE(hub_->Wait(waiter, {&topic}, 0));
  ASSERT_TRUE(Run([&] { return cluster_->pool.stats().connect_failures > 2; }));
  EXPECT_EQ(waiter.settled, 0);
  EXPECT_NE(hub_->Cause(topic).find("cannot connect"), std::string::npos) << hub_->Cause(topic);
  cluster_->access.SetMap(cluster_->Map({0, 1, 0}));
  hub_->OnMap();
  EXPECT_TRUE(Run([&] { return waiter.settled == 1; }));
  EXPECT_EQ(Logged(0, "SUBSCRIBE a"), 1);
  hub_->Unpin(topic);
}

TEST_F(HubTest, TheOldHomeCountsUntilTheNewOneHasConfirmed) {
  Listener listener;
  Subscriptions client(*hub_, listener);
  Subscribe(client, Kind::kChannel, {"a"});
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  cluster_->access.SetMap(cluster_->Map({0, 1, 0}));
  hub_->OnMap();
  ASSERT_TRUE(RunUntilLogged(0, "SUBSCRIBE a"));
  cluster_->node(2).Say(MessageOf("a", "old"));
  ASSERT_TRUE(Run([&] { return listener.messages.size() == 1; }));
  cluster_->node(0).Say(MessageOf("a", "too early") + Push({"subscribe", "a"}, ":1\r\n") +
                        MessageOf("a", "new"));
  ASSERT_TRUE(RunUntilLogged(2, "UNSUBSCRIBE a"));
  EXPECT_EQ(listener.messages,
            (std::vector<std::string>{MessageOf("a", "old"), MessageOf("a", "new")}));
  cluster_->node(2).Say(MessageOf("a", "too late"));
  RunFor(cluster_->loop, 20);
  EXPECT_EQ(listener.messages.size(), 2u);
}

TEST_F(HubTest, AShardChannelThatANodeGivesUpIsSubscribedAgain) {
  Listener listener;
  Subscriptions client(*hub_, listener);
  Subscribe(client, Kind::kShardChannel, {"a", "b"});
  EXPECT_EQ(Logged(2, "SSUBSCRIBE a"), 1);
  EXPECT_EQ(Logged(0, "SSUBSCRIBE b"), 1);
  // The slot goes to node 1, which the map does not know yet.
  cluster_->node(2).set_answer([](const Words& words) {
    return words[0] == "PING" ? "+PONG\r\n" : "-MOVED 15495 127.0.0.1:1\r\n";
  });
  cluster_->node(2).Say(Push({"sunsubscribe", "a"}, ":0\r\n"));
  ASSERT_TRUE(Run([&] { return Logged(2, "SSUBSCRIBE a") > 2; }));
  EXPECT_GT(cluster_->refreshes, 0);
  EXPECT_FALSE(hub_->Find(Kind::kShardChannel, "a")->ready());
  EXPECT_NE(hub_->Cause(*hub_->Find(Kind::kShardChannel, "a")).find("MOVED"), std::string::npos);
  cluster_->access.SetMap(cluster_->Map({0, 1, 1}));
  hub_->OnMap();
  ASSERT_TRUE(Run([&] { return hub_->Find(Kind::kShardChannel, "a")->ready(); }));
  cluster_->node(1).Say(Push({"smessage", "a", "x"}));
  EXPECT_TRUE(Run([&] { return listener.messages.size() == 1; }));
}

TEST_F(HubTest, UnsubscribingIsWaitedForButNotForEver) {
  Listener listener;
  Subscriptions client(*hub_, listener);
  Subscribe(client, Kind::kChannel, {"a"});
  client.Remove(Kind::kChannel, "a");
  TestWaiter waiter;
  ASSERT_TRUE(hub_->Wait(waiter, {hub_->Find(Kind::kChannel, "a")}, 5000));
  EXPECT_TRUE(Run([&] { return waiter.settled == 1; }));
  EXPECT_EQ(hub_->Find(Kind::kChannel, "a"), nullptr);

  Subscribe(client, Kind::kChannel, {"b"});
  cluster_->node(0).set_answer([](const Words&) { return ""; });
  client.Remove(Kind::kChannel, "b");
  TestWaiter impatient;
  ASSERT_TRUE(hub_->Wait(impatient, {hub_->Find(Kind::kChannel, "b")}, 30));
  EXPECT_TRUE(Run([&] { return impatient.settled == 1; }));
}

TEST_F(HubTest, WhoComesBackWhileTheTopicLeavesIsSubscribedAgain) {
  Listener listener;
  Subscriptions client(*hub_, listener);
  Subscribe(client, Kind::kChannel, {"a"});
  std::string held;
  cluster_->node(2).set_answer([](const Words&) { return ""; });
  client.Remove(Kind::kChannel, "a");
  ASSERT_TRUE(RunUntilLogged(2, "UNSUBSCRIBE a"));
  Topic& topic = hub_->Pin(Kind::kChannel, "a");
  TestWaiter waiter;
  ASSERT_TRUE(hub_->Wait(waiter, {&topic}, 0));
  cluster_->node(2).set_answer(Confirm);
  cluster_->node(2).Say(Push({"unsubscribe", "a"}, ":0\r\n") + "+PONG\r\n");
  EXPECT_TRUE(Run([&] { return waiter.settled == 1; }));
  EXPECT_EQ(Logged(2, "SUBSCRIBE a"), 2);
  hub_->Unpin(topic);
}

TEST_F(HubTest, AFenceComesBehindTheMessages) {
  class Fence final : public execution::Audience::Fence {
   public:
    void OnDelivered() override { ++delivered; }
    int delivered = 0;
  };
  Fence fence;
  EXPECT_FALSE(hub_->Await(cluster_->node(2).endpoint(), &fence));
  Listener listener;
  Subscriptions client(*hub_, listener);
  Subscribe(client, Kind::kChannel, {"a"});
  cluster_->node(2).set_answer(
      [](const Words&) { return MessageOf("a", "first") + "+PONG\r\n"; });
  ASSERT_TRUE(hub_->Await(cluster_->node(2).endpoint(), &fence));
  ASSERT_TRUE(Run([&] { return fence.delivered == 1; }));
  EXPECT_EQ(listener.messages.size(), 1u);
  // A loss ends the wait, and one that is forgotten is not told.
  cluster_->node(2).set_answer([](const Words&) { return ""; });
  Fence forgotten;
  ASSERT_TRUE(hub_->Await(cluster_->node(2).endpoint(), &fence));
  ASSERT_TRUE(hub_->Await(cluster_->node(2).endpoint(), &forgotten));
  RunFor(cluster_->loop, 10);
  hub_->Forget(&forgotten);
  cluster_->node(2).Drop();
  EXPECT_TRUE(Run([&] { return fence.delivered == 2; }));
  EXPECT_EQ(forgotten.delivered, 0);
}

}  // namespace
}  // namespace keyway::proxy::pubsub
