// A gossip engine with nothing around it: a transport that records what is sent, a host and keys
// that are variables, a clock that the test moves.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/cluster/bus/message.h"
#include "shard/cluster/gossip/engine.h"

namespace keyway::shard::cluster {

inline NodeId Id(char c) {
  return *NodeId::Parse(std::string(NodeId::kLength, c));
}

inline SlotSet Slots(int first, int last) {
  SlotSet slots;
  for (int slot = first; slot <= last; ++slot) slots.set(static_cast<size_t>(slot));
  return slots;
}

class FakeTransport : public gossip::Transport {
 public:
  struct Sent {
    gossip::LinkId link;
    bus::Message message;  // may point into `bytes`
    std::string bytes;
  };

  gossip::LinkId Connect(const std::string& ip, uint16_t bus_port) override {
    const gossip::LinkId link = ++last_;
    open.insert(link);
    connects[link] = ip + ":" + std::to_string(bus_port);
    return link;
  }
  void Send(gossip::LinkId link, std::string_view message) override {
    std::string bytes(message);
    auto decoded = bus::Decode(bytes);
    ASSERT_TRUE(decoded.ok());
    sent.push_back({link, std::move(*decoded), std::move(bytes)});
  }
  void Close(gossip::LinkId link) override { open.erase(link); }
  void Trust(gossip::LinkId link) override { trusted.insert(link); }
  std::string LocalIp(gossip::LinkId) const override { return local_ip; }
  std::string PeerIp(gossip::LinkId) const override { return peer_ip; }
  size_t QueuedBytes(gossip::LinkId) const override { return queued; }
  size_t QueueMemory(gossip::LinkId) const override { return queued; }

  gossip::LinkId Accept() {
    open.insert(++last_);
    return last_;
  }
  // Messages of a type sent over a link; 0: over any.
  std::vector<bus::Message> Of(bus::MessageType type, gossip::LinkId link = 0) const {
    std::vector<bus::Message> found;
    for (const Sent& one : sent) {
      if (one.message.type == type && (link == 0 || one.link == link)) found.push_back(one.message);
    }
    return found;
  }

  std::vector<Sent> sent;
  std::set<gossip::LinkId> open;
  std::set<gossip::LinkId> trusted;
  std::map<gossip::LinkId, std::string> connects;
  std::string local_ip = "10.0.0.1";
  std::string peer_ip = "10.0.0.99";
  size_t queued = 0;

 private:
  gossip::LinkId last_ = 0;
};

class FakeData : public gossip::DataNode {
 public:
  gossip::ReplicationView replication() const override { return view; }
  void Replicate(const std::string& ip, uint16_t port) override {
    calls.push_back("replicate " + ip + ":" + std::to_string(port));
  }
  void BecomePrimary() override { calls.push_back("become primary"); }
  void Empty() override { calls.push_back("empty"); }
  void PauseWrites(int64_t until_ms) override {
    calls.push_back("pause");
    paused_until_ms = until_ms;
  }
  void UnpauseWrites() override {
    calls.push_back("unpause");
    paused_until_ms = 0;
  }

  gossip::ReplicationView view;
  std::vector<std::string> calls;
  int64_t paused_until_ms = 0;
};

class FakeHost : public gossip::Host {
 public:
  gossip::DataNode& data() override { return fake_data; }
  void WorkIsDue() override { due = true; }
  void WakeAt(int64_t time_ms) override { wake_ms = time_ms; }
  Status SaveConfig() override {
    ++saves;
    return fail_saves ? Status(Error{"disk full"}) : Status();
  }

  void OnPublished(std::string_view channel, std::string_view message, bool shard) override {
    published.push_back((shard ? "shard " : "") + std::string(channel) + ":" +
                        std::string(message));
  }
  void OnSlotsLost(const SlotSet& slots) override { lost |= slots; }

  std::vector<std::string> published;
  FakeData fake_data;
  SlotSet lost;
  int64_t wake_ms = 0;
  bool due = false;
  bool fail_saves = false;
  int saves = 0;
};

class FakeKeys : public gossip::SlotKeys {
 public:
  size_t KeyCount() const override { return keys.size(); }
  size_t CountInSlot(Slot slot) const override {
    size_t count = 0;
    for (const std::string& key : keys) count += KeySlot(key) == slot ? 1 : 0;
    return count;
  }
  void VisitSlot(Slot slot, size_t limit,
                 const std::function<void(std::string_view)>& visit) const override {
    for (const std::string& key : keys) {
      if (KeySlot(key) == slot && limit-- > 0) visit(key);
    }
  }
  bool Contains(std::string_view key, int database) const override {
    return database == 0 && keys.count(std::string(key)) != 0;
  }
  void DropSlot(Slot slot) override {
    std::erase_if(keys, [slot](const std::string& key) { return KeySlot(key) == slot; });
  }

  std::set<std::string> keys;
};

// The node under test is 'm'. Peers are named by the letter that their id repeats.
class EngineTest : public testing::Test {
 protected:
  static constexpr int64_t kTimeoutMs = 10'000;

  EngineTest() {
    options_.node_timeout_ms = kTimeoutMs;
    options_.port = 7000;
    options_.bus_port = 17000;
    clock_.AdvanceMillis(1'000'000);
    MakeEngine();
  }

  void MakeEngine() {
    engine_ = std::make_unique<gossip::Engine>(gossip::NodeTable(Id('m'), clock_.MonotonicMillis()),
                                               options_, clock_, random_, transport_, host_, keys_);
    engine_->FinishPass();
  }

  gossip::NodeTable& table() { return engine_->table(); }
  gossip::Node& me() { return engine_->table().myself(); }
  gossip::Node* node(char c) { return engine_->table().Find(Id(c)); }

  // A node that this one knows and has an outbound link to.
  gossip::Node& AddPeer(char c) {
    gossip::Node& peer = table().Add(Id(c), gossip::kPrimary, clock_.MonotonicMillis());
    peer.ip = std::string("10.0.0.") + std::to_string(c);
    peer.port = 7000;
    peer.bus_port = 17000;
    Answer(peer);
    engine_->Tick();
    return peer;
  }

  void Answer(gossip::Node& peer) {
    peer.ping_sent_ms = 0;
    peer.pong_received_ms = peer.data_received_ms = clock_.MonotonicMillis();
  }

  // A heartbeat of `c` as it would look now.
  bus::Message From(char c, bus::MessageType type = bus::MessageType::kPing) {
    bus::Message message;
    message.type = type;
    message.sender = Id(c);
    message.port = 7000;
    message.bus_port = 17000;
    message.flags = gossip::kPrimary | gossip::kMyself;
    message.ip = std::string("10.0.0.") + std::to_string(c);
    if (const gossip::Node* known = node(c); known != nullptr) {
      message.slots = known->slots;
      message.config_epoch = known->config_epoch;
      message.current_epoch = table().current_epoch;
    }
    message.body = bus::GossipBody{};
    return message;
  }

  // Over a link that the peer has opened.
  gossip::LinkId Receive(const bus::Message& message) {
    const gossip::LinkId link = transport_.Accept();
    engine_->OnAccepted(link);
    engine_->OnMessage(link, message);
    engine_->FinishPass();
    return link;
  }

  void ReceivePong(gossip::Node& peer, bus::Message message) {
    message.type = bus::MessageType::kPong;
    engine_->OnMessage(peer.outbound, message);
    engine_->FinishPass();
  }

  bus::GossipEntry About(char c, uint16_t flags) {
    bus::GossipEntry entry;
    entry.id = Id(c);
    entry.ip = std::string("10.0.0.") + std::to_string(c);
    entry.port = 7000;
    entry.bus_port = 17000;
    entry.flags = flags;
    return entry;
  }

  bus::Message Telling(char c, std::vector<bus::GossipEntry> entries) {
    bus::Message message = From(c);
    message.body = bus::GossipBody{std::move(entries), "", 0};
    return message;
  }

  ManualClock clock_;
  Random random_{1};
  ClusterOptions options_;
  FakeTransport transport_;
  FakeHost host_;
  FakeKeys keys_;
  std::unique_ptr<gossip::Engine> engine_;
};

}  // namespace keyway::shard::cluster
