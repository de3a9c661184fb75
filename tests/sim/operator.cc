#include "tests/sim/operator.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "common/base/output_buffer.h"
#include "common/resp/reply_writer.h"
#include "shard/cluster/cluster.h"
#include "shard/cluster/replica_commands.h"
#include "shard/cluster/slot_commands.h"

namespace keyway::sim {
namespace {

constexpr char kOk[] = "+OK\r\n";
constexpr int kMaxTries = 20;

// What CLUSTER's subcommands need of a shard.
class CommandTarget final : public cluster::Cluster {
 public:
  CommandTarget(gossip::Engine& engine, gossip::SlotKeys& keys) : engine_(engine), keys_(keys) {}

  gossip::Engine& engine() override { return engine_; }
  gossip::SlotKeys& keys() override { return keys_; }
  const SlotSet& OwnSlots() const override { return engine_.table().myself().slots; }

  bool Admit(const command::Command&, std::span<const std::string_view>,
             std::span<const command::KeyPosition>, bool, bool, resp::ReplyWriter&, int) override {
    return true;
  }
  cluster::ClusterSummary Summary() const override { return {}; }
  const std::string& MyId() const override { return id_; }
  Status SaveConfig() override { return {}; }
  void ClaimSlotsWithKeys() override {}
  void set_data(gossip::DataNode*) override {}
  void set_subscribers(cluster::Subscribers*) override {}
  void Publish(std::string_view, std::string_view, bool) override {}
  void OnConfigChanged() override {}
  void Shutdown() override {}

 private:
  gossip::Engine& engine_;
  gossip::SlotKeys& keys_;
  std::string id_;
};

struct Row {
  std::string_view name;
  cluster::Subcommand execute;
};
constexpr Row kSubcommands[] = {
    {"addslotsrange", cluster::AddSlotsRange},
    {"delslotsrange", cluster::DelSlotsRange},
    {"setslot", cluster::SetSlot},
    {"replicate", cluster::ReplicateNode},
    {"failover", cluster::FailOver},
    {"reset", cluster::ResetNode},
};

}  // namespace

Operator::Operator(ClusterSimulation& simulation, const ReplicatedData::Group& data,
                   History& history)
    : simulation_(simulation), data_(data), history_(history) {}

std::string Operator::Command(int node, const std::vector<std::string>& words) {
  const auto row = std::find_if(std::begin(kSubcommands), std::end(kSubcommands),
                                [&](const Row& entry) { return entry.name == words[0]; });
  CHECK(row != std::end(kSubcommands)) << words[0];
  std::vector<std::string_view> args = {"cluster"};
  args.insert(args.end(), words.begin(), words.end());
  CommandTarget target(simulation_.engine(node), *data_[static_cast<size_t>(node)]);
  OutputBuffer out;
  resp::ReplyWriter reply(out);
  row->execute(target, args, reply);
  std::string text = out.ToString();
  if (simulation_.trace().on()) {
    std::string line = "node " + std::to_string(node) + ": CLUSTER";
    for (const std::string& word : words) line += ' ' + word;
    history_.Note(line + " -> " + text.substr(0, text.find('\r')));
  }
  simulation_.Settle(node);
  return text;
}

bool Operator::FailOver(int replica, const std::string& option) {
  // Told before, as a TAKEOVER is done when the command returns.
  if (!option.empty()) history_.OnForced(replica, option == "takeover");
  std::vector<std::string> words = {"failover"};
  if (!option.empty()) words.push_back(option);
  return Command(replica, words) == kOk;
}

bool Operator::Replicate(int node, int primary) {
  return Command(node, {"replicate", Id(primary)}) == kOk;
}

// --- Moving slots ---------------------------------------------------------------------------

void Operator::BeginToMove(Slot slot, int from, int to) {
  if (std::exchange(moving_, true)) return;
  Continue({slot, from, to});
}

void Operator::Later(const Move& move, int64_t pause_ms) {
  simulation_.At(simulation_.now_us() + pause_ms * 1000, [this, move] { Continue(move); });
}

void Operator::Continue(const Move& move) {
  Move next = move;
  const bool go_on = !stopped_ && simulation_.up(move.from) && simulation_.up(move.to) &&
                     ++next.tries <= kMaxTries && Step(next);
  if (!go_on) {
    moving_ = false;
    return;
  }
  Later(next, simulation_.random().Between(5, 300));
}

// False: that was the last one.
bool Operator::Step(Move& move) {
  const std::string slot = std::to_string(move.slot);
  switch (move.step++) {
    case 0:
      return Command(move.to, {"setslot", slot, "importing", Id(move.from)}) == kOk;
    case 1:
      return Command(move.from, {"setslot", slot, "migrating", Id(move.to)}) == kOk;
    case 2:
      if (!MoveKeys(move)) move.step = 2;  // tries again
      return true;
    case 3:
      return Command(move.to, {"setslot", slot, "node", Id(move.to)}) == kOk;
    case 4:
      // A client may have written meanwhile.
      if (data_[static_cast<size_t>(move.from)]->CountInSlot(move.slot) != 0) {
        move.step = 2;
        return true;
      }
      return Command(move.from, {"setslot", slot, "node", Id(move.to)}) == kOk;
    default:
      break;
  }
  ++moved_;
  for (int node = 0; node < simulation_.size(); ++node) {
    if (node == move.from || node == move.to || !simulation_.up(node)) continue;
    if (simulation_.retired(node)) continue;
    if (simulation_.engine(node).table().myself().is_replica()) continue;
    (void)Command(node, {"setslot", slot, "node", Id(move.to)});
  }
  return false;
}

// MIGRATE of all keys: true when none is left.
bool Operator::MoveKeys(const Move& move) {
  ReplicatedData& from = *data_[static_cast<size_t>(move.from)];
  ReplicatedData& to = *data_[static_cast<size_t>(move.to)];
  if (from.is_replica() || to.is_replica() || from.writes_paused() || to.writes_paused()) {
    return false;
  }
  if (!simulation_.CanReach(move.from, move.to) || !simulation_.CanReach(move.to, move.from)) {
    return false;
  }
  const gossip::Engine& target = simulation_.engine(move.to);
  const bool admits =
      target.state().ok() && (target.table().ImportingFrom(move.slot) != nullptr ||
                              target.table().Owner(move.slot) == &target.table().myself());
  const gossip::NodeTable& table = simulation_.engine(move.from).table();
  if (!admits || table.Owner(move.slot) != &table.myself()) return false;
  const int first = FirstKeyIn(move.slot);
  for (int key = first; first >= 0 && key < first + kKeysInSlot; ++key) {
    const WriteLog value = from.data()[static_cast<size_t>(key)];
    if (value.empty()) continue;
    to.Restore(key, value);
    from.Delete(key);
    history_.OnMoved(move.to, value);
    return false;  // one at a time
  }
  return true;
}

void Operator::CloseSlots() {
  for (int node = 0; node < simulation_.size(); ++node) {
    if (!simulation_.up(node) || simulation_.retired(node)) continue;
    gossip::Engine& engine = simulation_.engine(node);
    if (engine.table().myself().is_replica()) continue;
    for (int key = 0; key < kKeys; key += kKeysInSlot) {
      const Slot slot = AllKeys()[static_cast<size_t>(key)].slot;
      if (engine.table().MigratingTo(slot) == nullptr &&
          engine.table().ImportingFrom(slot) == nullptr) {
        continue;
      }
      (void)Command(node, {"setslot", std::to_string(slot), "stable"});
    }
  }
}

void Operator::BringKeysHome() {
  for (int key = 0; key < kKeys; ++key) {
    const Slot slot = AllKeys()[static_cast<size_t>(key)].slot;
    int home = -1;
    for (int node = 0; node < simulation_.size(); ++node) {
      if (!simulation_.up(node)) continue;
      if (simulation_.engine(node).table().myself().slots.test(slot)) home = node;
    }
    if (home < 0) continue;
    ReplicatedData& owner = *data_[static_cast<size_t>(home)];
    for (int node = 0; node < simulation_.size(); ++node) {
      ReplicatedData& other = *data_[static_cast<size_t>(node)];
      const WriteLog& stray = other.data()[static_cast<size_t>(key)];
      if (node == home || !simulation_.up(node) || other.is_replica() || stray.empty()) continue;
      WriteLog both = owner.data()[static_cast<size_t>(key)];
      for (const uint64_t write : stray) {
        if (std::find(both.begin(), both.end(), write) == both.end()) both.push_back(write);
      }
      history_.OnMoved(home, stray);
      owner.Restore(key, both);
      other.Delete(key);
    }
  }
}

// --- Members --------------------------------------------------------------------------------

void Operator::Remove(int node) {
  const cluster::NodeId id = simulation_.last_id(node);
  if (Command(node, {"reset", "soft"}) != kOk) return;
  simulation_.Retire(node);
  for (int other = 0; other < simulation_.size(); ++other) {
    if (other == node || !simulation_.up(other)) continue;
    gossip::Engine& engine = simulation_.engine(other);
    if (gossip::Node* entry = engine.table().Find(id); entry != nullptr) engine.Forget(*entry);
    simulation_.Settle(other);
  }
}

int Operator::Add() {
  const int node = simulation_.AddNode();
  for (int other = 0; other < node; ++other) {
    if (!simulation_.up(other) || simulation_.retired(other)) continue;
    simulation_.Meet(other, node);
    break;
  }
  return node;
}

}  // namespace keyway::sim
