// A cluster of three primaries, seen by one of its nodes: 'p' (slots 0-5000), 'a' and 'b'.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster::failover {

inline constexpr int kLastSlotOfP = 5000;

class FailoverTest : public EngineTest {
 protected:
  using Calls = std::vector<std::string>;

  // 'm' is a replica of 'p', as far as `offset`, as is 's' behind it.
  void MakeReplicaOfP(uint64_t offset = 100) {
    gossip::Node& primary = AddPeer('p');
    AddOthers(primary);
    engine_->roles().Replicate(primary);
    gossip::Node& sibling = AddPeer('s');
    table().MakeReplica(sibling, &primary);
    sibling.offset = offset - 1;
    host_.fake_data.view = {offset, /*link_up=*/false, /*data_age_ms=*/0};
    Settle();
  }
  // 'm' has the slots of 'p' and the replicas 'r' and 's'.
  void MakePrimary() {
    AddOthers(me());
    me().config_epoch = 1;
    table().MakeReplica(AddPeer('r'), &me());
    table().MakeReplica(AddPeer('s'), &me());
    Settle();
  }
  // This node is the one that once sent `model`, a message of a redis-server.
  void BecomeSenderOf(const bus::Message& model) {
    options_.port = model.port;
    options_.bus_port = model.bus_port;
    engine_ =
        std::make_unique<gossip::Engine>(gossip::NodeTable(model.sender, clock_.MonotonicMillis()),
                                         options_, clock_, random_, transport_, host_, keys_);
  }
  // The same, a replica of 'p', which has the id that `model` names.
  void BecomeReplicaThatSent(const bus::Message& model) {
    BecomeSenderOf(model);
    gossip::Node& primary = AddPeer('p');
    table().Rename(primary, model.replica_of);
    AddOthers(primary);
    engine_->roles().Replicate(primary);
    host_.fake_data.view.offset = model.offset;
    Settle();
  }
  void AddOthers(gossip::Node& first) {
    gossip::Node& a = AddPeer('a');
    gossip::Node& b = AddPeer('b');
    for (int slot = 0; slot < kSlotCount; ++slot) {
      table().AddSlot(slot <= kLastSlotOfP ? first : slot <= 10000 ? a : b, slot);
    }
    first.config_epoch = 1;
    a.config_epoch = 2;
    b.config_epoch = 3;
    table().current_epoch = 4;
  }
  void Settle() {
    engine_->pending().UpdateState();
    engine_->FinishPass();
    host_.fake_data.calls.clear();
    transport_.sent.clear();
  }
  Calls TakeCalls() { return std::exchange(host_.fake_data.calls, {}); }

  void Fail(char c) {
    engine_->failures().MarkFail(*node(c));
    engine_->FinishPass();
  }
  // Lets time pass with a tick every 100 ms; all nodes answer.
  void Pass(int64_t ms) {
    for (int64_t passed = 0; passed < ms; passed += gossip::Heartbeat::kTickMs) {
      clock_.AdvanceMillis(gossip::Heartbeat::kTickMs);
      for (gossip::Node* peer : table().nodes()) Answer(*peer);
      engine_->Tick();
      engine_->FinishPass();
    }
  }
  std::vector<bus::Message> Requests() const {
    return transport_.Of(bus::MessageType::kFailoverAuthRequest);
  }
  // Passes until votes are asked for; returns how long that took, or -1.
  int64_t PassUntilRequest(int64_t limit_ms = 10'000) {
    const size_t before = Requests().size();
    for (int64_t passed = 0; passed <= limit_ms; passed += gossip::Heartbeat::kTickMs) {
      if (Requests().size() > before) return passed;
      Pass(gossip::Heartbeat::kTickMs);
    }
    return -1;
  }
  void Vote(char c, uint64_t epoch) {
    bus::Message vote = From(c, bus::MessageType::kFailoverAuthAck);
    vote.current_epoch = epoch;
    vote.body = std::monostate();
    Receive(vote);
  }
};

}  // namespace keyway::shard::cluster::failover
