#include "tests/sim/history.h"

#include <algorithm>

#include "shard/cluster/bus/message.h"

namespace keyway::sim {
namespace {

constexpr int64_t kMillisecond = 1000;
constexpr int64_t kSecond = 1'000'000;
// Ticks, delays of messages and clocks that go wrong.
constexpr int64_t kSlackUs = 1500 * kMillisecond;
// How long an operator's wish lasts: its time, and the election it begins.
constexpr int64_t kForcedUs = 20 * kSecond;

}  // namespace

History::History(ClusterSimulation& simulation, const ReplicatedData::Group& data,
                 const ReplicationOptions& replication, int64_t node_timeout_ms)
    : simulation_(simulation),
      data_(data),
      replication_(replication),
      node_timeout_us_(node_timeout_ms * kMillisecond) {
  simulation.set_observer(this);
}

void History::Violate(const std::string& what) {
  Note("VIOLATED: " + what);
  if (!violation_.empty()) return;
  violation_ = "at " + std::to_string(simulation_.now_ms()) + " ms: " + what;
}

void History::Note(const std::string& what) {
  if (simulation_.trace().on()) simulation_.trace().Add(simulation_.now_us(), what);
}

int64_t History::DataAgeLimitUs() const {
  const cluster::ClusterOptions& options = simulation_.options(0);
  // One timeout more: that long the primary was silent before it failed.
  return (options.replica_validity_factor + 1) * node_timeout_us_ +
         options.ping_replica_period * kSecond;
}

// --- Writes ---------------------------------------------------------------------------------

uint64_t History::NewWrite(int key) {
  writes_.push_back({key});
  return writes_.size() - 1;
}

void History::OnAccepted(int node, uint64_t number, bool asking) {
  Write& write = writes_[number];
  write.node = node;
  write.accepted_us = simulation_.now_us();
  const gossip::Node& me = simulation_.engine(node).table().myself();
  write.epoch = me.config_epoch;
  const Slot slot = AllKeys()[static_cast<size_t>(write.key)].slot;
  if (data_[static_cast<size_t>(node)]->is_replica()) {
    Violate(Name(node) + " accepts a write to slot " + std::to_string(slot) +
            " but its data follow another node");
  }
  if (HasLostMajority(node)) {
    Violate(Name(node) + " accepts a write although it has long heard nothing of a majority");
  }
  if (asking) return;
  const auto [it, first] = acceptors_.try_emplace({slot, me.config_epoch}, node);
  if (first || it->second == node) return;
  if (epochs_are_sure_ && unasked_epochs_.count(me.config_epoch) == 0) {
    Violate("nodes " + std::to_string(it->second) + " and " + std::to_string(node) +
            " accept writes to slot " + std::to_string(slot) + " in config epoch " +
            std::to_string(me.config_epoch));
  }
}

void History::OnAcknowledged(uint64_t write) {
  writes_[write].acknowledged = true;
  ++acknowledged_;
}

void History::OnMoved(int node, const WriteLog& moved) {
  for (const uint64_t number : moved) {
    writes_[number].node = node;
    writes_[number].accepted_us = simulation_.now_us();
    writes_[number].epoch = simulation_.engine(node).table().myself().config_epoch;
  }
}

bool History::Excused(const Write& write) const {
  const Slot slot = AllKeys()[static_cast<size_t>(write.key)].slot;
  const auto emptied = emptied_us_.find(write.node);
  if (emptied_.test(slot) ||
      (emptied != emptied_us_.end() && emptied->second >= write.accepted_us)) {
    return true;
  }
  // Somebody had the same epoch, and may have won the slot by a higher one.
  if (unasked_epochs_.count(write.epoch) != 0 && winners_.count(write.epoch) != 0) return true;
  const auto overruled = overruled_us_.find(write.node);
  if (overruled != overruled_us_.end() && write.accepted_us <= overruled->second) return true;
  return std::any_of(promotions_.begin(), promotions_.end(), [&](const Promotion& promotion) {
    // Without votes its epoch may be another node's, too, and the other one may win.
    if (promotion.takeover && promotion.slots.test(slot)) return true;
    if (promotion.winner == write.node) return false;
    // A slot on its way has keys on a node that does not own it.
    if (promotion.loser != write.node && !promotion.slots.test(slot)) return false;
    const int64_t lag = DataAgeLimitUs() + replication_.timeout_ms * kMillisecond + kSlackUs;
    return promotion.forced || promotion.time_us - write.accepted_us <= lag;
  });
}

void History::CheckLosses(bool may_lose) {
  std::vector<bool> found(writes_.size());
  for (int key = 0; key < kKeys; ++key) {
    const Slot slot = AllKeys()[static_cast<size_t>(key)].slot;
    for (int node = 0; node < simulation_.size(); ++node) {
      if (!simulation_.up(node)) continue;
      if (!simulation_.engine(node).table().myself().slots.test(slot)) continue;
      for (const uint64_t number :
           data_[static_cast<size_t>(node)]->data()[static_cast<size_t>(key)]) {
        found[number] = true;
      }
    }
  }
  for (size_t number = 1; number < writes_.size(); ++number) {
    const Write& write = writes_[number];
    if (!write.acknowledged || found[number]) continue;
    ++lost_;
    if (may_lose && Excused(write)) continue;
    Violate("write " + std::to_string(number) + " to key " +
            AllKeys()[static_cast<size_t>(write.key)].name + " (slot " +
            std::to_string(AllKeys()[static_cast<size_t>(write.key)].slot) + ") is lost; " +
            Name(write.node) + " had it at " + std::to_string(write.accepted_us / kMillisecond) +
            " ms");
    return;
  }
}

// --- Nodes ----------------------------------------------------------------------------------

bool History::HasLostMajority(int node) {
  if (silent_since_us_.empty()) return false;
  // Its last ping may have left just before, and it sends one each half timeout.
  const int64_t oldest = simulation_.now_us() - node_timeout_us_ * 3 / 2 - kSlackUs;
  int size = 0;
  int heard = 0;
  for (const gossip::Node* other : simulation_.engine(node).table().nodes()) {
    if (!other->is_primary() || other->slot_count == 0) continue;
    ++size;
    const int index = simulation_.FindNode(other->id);
    const auto silent = silent_since_us_.find({node, index});
    if (silent == silent_since_us_.end() || silent->second >= oldest) ++heard;
  }
  return heard < size / 2 + 1;
}

void History::OnConnectivity() {
  for (int node = 0; node < simulation_.size(); ++node) {
    for (int other = 0; other < simulation_.size(); ++other) {
      const bool heard = simulation_.up(other) && simulation_.CanReach(other, node);
      // After a start it begins to listen anew.
      if (heard || node == other || !simulation_.up(node)) {
        silent_since_us_.erase({node, other});
      } else {
        silent_since_us_.try_emplace({node, other}, simulation_.now_us());
      }
    }
  }
}

void History::OnForced(int node, bool takeover) {
  nodes_[node].forced_us = simulation_.now_us();
  nodes_[node].takeover = takeover;
  if (takeover) epochs_are_sure_ = false;
}

void History::OnEmptyRestart(int node) {
  emptied_ |= simulation_.engine(node).table().myself().slots;
  emptied_us_[node] = simulation_.now_us();
}

std::set<int> History::Electorate(int winner, int loser) {
  std::set<int> nodes = {loser};
  for (const gossip::Node* node : simulation_.engine(winner).table().nodes()) {
    if (node->is_primary() && node->slot_count > 0) nodes.insert(simulation_.FindNode(node->id));
  }
  nodes.erase(winner);
  return nodes;
}

void History::OnPromoted(int node) {
  const gossip::Node& me = simulation_.engine(node).table().myself();
  const Watched& watched = nodes_[node];
  if (me.slot_count == 0) return;  // RESET
  const bool forced = simulation_.now_us() - kForcedUs <= watched.forced_us;
  Note(Name(node) + " is primary with " + std::to_string(me.slot_count) + " slots, epoch " +
       std::to_string(me.config_epoch));
  const bool takeover = forced && watched.takeover;
  const int loser =
      simulation_.FindNodeByIp(data_[static_cast<size_t>(node)]->primary_ip_at_promotion());
  promotions_.push_back({simulation_.now_us(), node, loser, me.slots, forced, takeover});
  if (epochs_are_sure_) {
    const Winner winner{node, Electorate(node, loser)};
    const auto [it, first] = winners_.try_emplace(me.config_epoch, winner);
    if (!first && it->second.electorate == winner.electorate) {
      Violate("nodes " + std::to_string(it->second.node) + " and " + std::to_string(node) +
              " win the election of epoch " + std::to_string(me.config_epoch));
    }
  }
  const auto& view = data_[static_cast<size_t>(node)]->view_at_promotion();
  if (forced || view.link_up) return;
  if (view.data_age_ms > DataAgeLimitUs() / kMillisecond + 1000) {
    Violate(Name(node) + " is elected with data " + std::to_string(view.data_age_ms) +
            " ms behind");
  }
}

void History::OnEvent(int node) {
  const gossip::NodeTable& table = simulation_.engine(node).table();
  Watched& watched = nodes_[node];
  if (table.current_epoch < watched.current_epoch) {
    Violate("currentEpoch of " + Name(node) + " goes back from " +
            std::to_string(watched.current_epoch) + " to " + std::to_string(table.current_epoch));
  }
  watched.current_epoch = table.current_epoch;
  const bool replica = table.myself().is_replica();
  const uint64_t config_epoch = table.myself().config_epoch;
  if (config_epoch != watched.config_epoch && !replica && !watched.replica) {
    unasked_epochs_.insert(config_epoch);
  }
  watched.config_epoch = config_epoch;
  if (replica == watched.replica) return;
  watched.replica = replica;
  if (replica) {
    Note(Name(node) + " is a replica");
    const gossip::Node* primary = table.myself().primary;
    if (primary != nullptr && unasked_epochs_.count(primary->config_epoch) != 0) {
      overruled_us_[node] = simulation_.now_us();
    }
  } else {
    OnPromoted(node);
  }
}

void History::OnSend(int node, std::string_view bytes) {
  using cluster::bus::MessageType;
  const auto preamble = cluster::bus::DecodePreamble(bytes);
  if (!preamble.ok()) return;
  const auto type = static_cast<MessageType>(preamble->type);
  if (type == MessageType::kPing || type == MessageType::kPong) return;
  if (simulation_.trace().on()) {
    Note(Name(node) + " sends " + std::string(cluster::bus::TypeName(type)));
  }
  if (type != MessageType::kFailoverAuthAck && type != MessageType::kFailoverAuthRequest) return;
  const auto message = cluster::bus::Decode(bytes);
  if (!message.ok()) return;
  if (type == MessageType::kFailoverAuthRequest) {
    candidacies_.insert({node, message->current_epoch});
    return;
  }
  if (!votes_.insert({node, message->current_epoch}).second) {
    Violate(Name(node) + " votes twice in epoch " + std::to_string(message->current_epoch));
  }
}

}  // namespace keyway::sim
