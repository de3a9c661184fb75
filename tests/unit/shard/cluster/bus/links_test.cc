#include "shard/cluster/bus/links.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "shard/cluster/bus/frame_reader.h"
#include "tests/unit/common/net/loop_fixture.h"
#include "tests/unit/shard/cluster/bus/golden.h"

namespace keyway::shard::cluster::bus {
namespace {

using gossip::LinkId;

struct Events : LinkEvents {
  void OnAccepted(LinkId link) override { accepted.push_back(link); }
  void OnConnected(LinkId link) override { connected.push_back(link); }
  void OnMessage(LinkId link, const Message& message) override {
    messages.emplace_back(link, message);
    if (on_message) on_message(link);
  }
  void OnDropped(LinkId, DropCause cause) override { dropped.push_back(cause); }
  void OnClosed(LinkId link, std::string_view) override { closed.push_back(link); }

  std::vector<LinkId> accepted;
  std::vector<LinkId> connected;
  std::vector<std::pair<LinkId, Message>> messages;
  std::vector<DropCause> dropped;
  std::vector<LinkId> closed;
  std::function<void(LinkId)> on_message;
};

// A node's end of the bus; others are plain sockets, or a second Links.
class LinksTest : public net::LoopTest {
 protected:
  LinksTest() {
    options_.bind = {"127.0.0.1"};
    options_.node_timeout_ms = 5000;
    // A free port, found by binding one; somebody else may take it in between, so that there are
    // several tries.
    for (int tries = 0; tries < 20; ++tries) {
      {
        net::Acceptor probe(loop_);
        options_.bus_port = probe.endpoint().port;
      }
      links_ = std::make_unique<Links>(loop_, options_, events_);
      if (links_->Listen().ok()) return;
    }
    ADD_FAILURE() << "no free port";
  }
  ~LinksTest() override {
    links_.reset();
    loop_.RunOnce();
  }

  net::Endpoint endpoint() const { return {"127.0.0.1", options_.bus_port}; }

  ClusterOptions options_;
  Events events_;
  std::unique_ptr<Links> links_;
};

TEST_F(LinksTest, AcceptsAndReadsAndAnswers) {
  net::PlainSocket peer(endpoint());
  const std::string ping = Golden("ping_hostname");
  peer.Send(ping.substr(0, 100));
  ASSERT_TRUE(RunUntil([&] { return events_.accepted.size() == 1; }));
  peer.Send(ping.substr(100) + Golden("fail"));
  ASSERT_TRUE(RunUntil([&] { return events_.messages.size() == 2; }));
  EXPECT_EQ(events_.messages[1].second.type, MessageType::kFail);
  const LinkId link = events_.messages[0].first;
  EXPECT_EQ(link, events_.accepted[0]);
  EXPECT_EQ(links_->PeerIp(link), "127.0.0.1");
  EXPECT_EQ(links_->LocalIp(link), "127.0.0.1");
  links_->Send(link, "answer");
  EXPECT_EQ(links_->QueuedBytes(link), 6u);
  EXPECT_GT(links_->QueueMemory(link), 0u);
  std::string received;
  ASSERT_TRUE(RunUntil([&] { return (received += peer.Receive()) == "answer"; }));
  EXPECT_EQ(links_->QueuedBytes(link), 0u);
  peer.Close();
  ASSERT_TRUE(RunUntil([&] { return events_.closed.size() == 1; }));
  EXPECT_EQ(links_->PeerIp(link), "");
  links_->Send(link, "into the void");
}

TEST_F(LinksTest, Connects) {
  net::Acceptor acceptor(loop_);
  const LinkId link = links_->Connect("127.0.0.1", acceptor.endpoint().port);
  links_->Send(link, "early");
  ASSERT_TRUE(RunUntil(
      [&] { return !acceptor.handlers.empty() && acceptor.handlers[0]->received == "early"; }));
  EXPECT_EQ(events_.connected, std::vector<LinkId>{link});
  acceptor.streams.clear();
  ASSERT_TRUE(RunUntil([&] { return events_.closed.size() == 1; }));
}

TEST_F(LinksTest, FailureToConnectIsTold) {
  uint16_t port = 0;
  {
    net::Acceptor gone(loop_);
    port = gone.endpoint().port;
  }
  const LinkId link = links_->Connect("127.0.0.1", port);
  EXPECT_TRUE(events_.closed.empty());
  ASSERT_TRUE(RunUntil([&] { return events_.closed.size() == 1; }));
  EXPECT_EQ(events_.closed[0], link);
  links_->Connect("no address", port);
  ASSERT_TRUE(RunUntil([&] { return events_.closed.size() == 2; }));
}

TEST_F(LinksTest, GarbageClosesTheLink) {
  net::PlainSocket peer(endpoint());
  peer.Send("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(RunUntil([&] { return events_.closed.size() == 1; }));
  EXPECT_EQ(events_.dropped, std::vector<DropCause>{DropCause::kBadSignature});
  ASSERT_TRUE(RunUntil([&] {
    (void)peer.Receive();
    return peer.ended();
  }));
}

TEST_F(LinksTest, BadMessagesAreDroppedAndTheLinkLives) {
  net::PlainSocket peer(endpoint());
  std::string bad = Golden("meet");
  bad[40] = ' ';
  peer.Send(bad + Golden("meet"));
  ASSERT_TRUE(RunUntil([&] { return events_.messages.size() == 1; }));
  EXPECT_EQ(events_.dropped, std::vector<DropCause>{DropCause::kNodeId});
  EXPECT_TRUE(events_.closed.empty());
}

TEST_F(LinksTest, ClosingInsideACallback) {
  net::PlainSocket peer(endpoint());
  events_.on_message = [&](LinkId link) { links_->Close(link); };
  peer.Send(Golden("meet") + Golden("meet"));
  ASSERT_TRUE(RunUntil([&] { return events_.messages.size() == 1; }));
  ASSERT_TRUE(RunUntil([&] {
    (void)peer.Receive();
    return peer.ended();
  }));
  EXPECT_EQ(events_.messages.size(), 1u);
  EXPECT_TRUE(events_.closed.empty());  // whoever closes, knows
}

TEST_F(LinksTest, TrustRaisesTheBound) {
  Message large = *Decode(Golden("meet"));
  GossipBody body;
  body.entries.resize(FrameReader::kMaxStrangerBytes / kGossipBytes + 1);
  for (GossipEntry& entry : body.entries)
    entry = {*NodeId::Parse(std::string(40, 'a')), 0, 0, "1", 1, 1, 1, 1};
  large.body = body;
  const std::string bytes = Encode(large);
  net::PlainSocket stranger(endpoint());
  stranger.Send(bytes.substr(0, 100));
  ASSERT_TRUE(RunUntil([&] { return events_.dropped.size() == 1; }));
  EXPECT_EQ(events_.dropped[0], DropCause::kLength);

  net::PlainSocket node(endpoint());
  ASSERT_TRUE(RunUntil([&] { return events_.accepted.size() == 2; }));
  links_->Trust(events_.accepted[1]);
  size_t sent = 0;
  ASSERT_TRUE(RunUntil([&] {
    while (sent < bytes.size()) {
      const ssize_t written =
          send(node.fd(), bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (written <= 0) break;
      sent += static_cast<size_t>(written);
    }
    return events_.messages.size() == 1;
  }));
}

TEST_F(LinksTest, TheOldestStrangerMakesRoom) {
  std::vector<std::unique_ptr<net::PlainSocket>> peers;
  for (size_t i = 0; i <= Links::kMaxStrangers; ++i) {
    peers.push_back(std::make_unique<net::PlainSocket>(endpoint()));
    ASSERT_TRUE(RunUntil([&] { return events_.accepted.size() == i + 1; }));
    if (i == 0) links_->Trust(events_.accepted[0]);
  }
  // The first is no stranger, so there was room for one more.
  EXPECT_TRUE(events_.closed.empty());
  peers.push_back(std::make_unique<net::PlainSocket>(endpoint()));
  ASSERT_TRUE(RunUntil([&] { return events_.closed.size() == 1; }));
  EXPECT_EQ(events_.closed[0], events_.accepted[1]);
}

TEST_F(LinksTest, BusyPort) {
  Events events;
  Links second(loop_, options_, events);
  const Status status = second.Listen();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(
      status.error().message,
      "Failed listening on port " + std::to_string(options_.bus_port) + " (cluster), aborting.");
}

TEST_F(LinksTest, OptionalAddresses) {
  ClusterOptions options = options_;
  options.bus_port = 0;
  options.bind = {"127.0.0.1", "-192.0.2.1"};
  Events events;
  EXPECT_TRUE(Links(loop_, options, events).Listen().ok());
  options.bind = {"127.0.0.1", "192.0.2.1"};
  EXPECT_FALSE(Links(loop_, options, events).Listen().ok());
}

TEST_F(LinksTest, Shutdown) {
  net::PlainSocket peer(endpoint());
  ASSERT_TRUE(RunUntil([&] { return events_.accepted.size() == 1; }));
  links_->Shutdown();
  EXPECT_TRUE(events_.closed.empty());
  ASSERT_TRUE(RunUntil([&] {
    (void)peer.Receive();
    return peer.ended();
  }));
}

}  // namespace
}  // namespace keyway::shard::cluster::bus
