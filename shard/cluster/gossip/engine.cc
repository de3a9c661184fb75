#include "shard/cluster/gossip/engine.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/log/log.h"
#include "shard/cluster/gossip/epochs.h"

namespace keyway::shard::cluster::gossip {

Engine::Engine(NodeTable table, const ClusterOptions& options, const Clock& clock, Random& random,
               Transport& transport, Host& host, SlotKeys& keys)
    : table_(std::move(table)),
      options_(options),
      clock_(clock),
      random_(random),
      host_(host),
      pending_([&host] { host.WorkIsDue(); }),
      links_(transport),
      messenger_(table_, links_, options, state_, stats_, host, clock, random),
      failures_(table_, options, state_, messenger_, pending_, clock),
      roles_(table_, messenger_, pending_, host),
      claims_(table_, messenger_, pending_, roles_, keys, options),
      voter_(table_, messenger_, host, options, clock),
      manual_failover_(table_, messenger_, pending_, roles_, host, clock),
      election_(table_, messenger_, pending_, roles_, host, manual_failover_, options, state_,
                clock, random),
      migration_(table_, roles_, state_, options, clock),
      handler_(table_, links_, messenger_, failures_, claims_, voter_, election_, manual_failover_,
               blacklist_, pending_, host, options, stats_, clock, random),
      heartbeat_(table_, links_, messenger_, failures_, manual_failover_, options, stats_, clock,
                 random) {
  roles_.set_on_change([this] {
    manual_failover_.Reset();
    election_.Forget();
  });
  ApplyOptions();
}

void Engine::ApplyOptions() {
  Node& me = table_.myself();
  const auto no_failover = static_cast<uint16_t>(options_.no_failover ? kNoFailover : 0);
  me.flags = static_cast<uint16_t>((me.flags & ~kNoFailover) | no_failover);
  if (!options_.announce_ip.empty()) {
    me.ip = options_.announce_ip;
  } else if (ip_announced_) {
    me.ip.clear();  // found out anew from the next ping
  }
  ip_announced_ = !options_.announce_ip.empty();
  me.port = options_.AnnouncedPort();
  me.bus_port = options_.AnnouncedBusPort();
  me.hostname = options_.announce_hostname;
  pending_.SaveAndUpdateState();
}

void Engine::Tick() {
  heartbeat_.Tick();
  roles_.Tick();
  manual_failover_.Tick();
  election_.Tick();
  migration_.Tick();
  if (!state_.ok()) pending_.UpdateState();
  if (save_failed_) pending_.Save();
  WakeInTime();
}

void Engine::OnDeadline() {
  heartbeat_.CheckSilence();
  election_.Tick();
  WakeInTime();
}

// What a failover waits for does not wait for the next tick on top.
void Engine::WakeInTime() {
  const int64_t now = clock_.MonotonicMillis();
  const int64_t next = std::min(heartbeat_.NextDeadline(), election_.NextDeadline());
  if (next > now && next < now + Heartbeat::kTickMs) host_.WakeAt(next);
}

void Engine::FinishPass() {
  pending_.BeginPass();
  if (pending_.TakeFailover()) {
    manual_failover_.Tick();
    election_.Tick();
  }
  if (pending_.TakeUpdateState()) {
    // Not final: Tick asks again, as the state is not ok then.
    (void)state_.Update(table_, options_, clock_.MonotonicMillis());
    TellLostSlots();
  }
  if (!pending_.TakeSave()) return;
  const Status saved = host_.SaveConfig();
  if (!saved.ok() && !save_failed_) {
    KEYWAY_WARNING() << "Cannot update cluster config file, will try again: "
                     << saved.error().message;
  }
  save_failed_ = !saved.ok();
}

void Engine::TellLostSlots() {
  const Node& me = table_.myself();
  const Node* primary = NodeTable::PrimaryOf(table_.myself());
  const NodeId owner = primary == nullptr ? NodeId() : primary->id;
  SlotSet lost = served_;
  // A replica that has taken over goes on serving, one that follows another primary begins anew.
  if (primary != nullptr && (owner == served_owner_ || owner == me.id)) lost &= ~primary->slots;
  served_ = primary == nullptr ? SlotSet() : primary->slots;
  served_owner_ = owner;
  if (lost.any()) host_.OnSlotsLost(lost);
}

void Engine::OnConnected(LinkId link) {
  const LinkTable::Link* entry = links_.Find(link);
  if (entry != nullptr && !entry->inbound) heartbeat_.OnConnected(*entry->node);
}

Status Engine::Meet(const std::string& ip, uint16_t port, uint16_t bus_port) {
  for (const Node* node : table_.nodes()) {
    if (node->is(kHandshake) && node->ip == ip && node->port == port &&
        node->bus_port == bus_port) {
      return {};
    }
  }
  if (table_.full()) return Error{"too many nodes"};
  const auto id = NodeId::Parse(random_.Hex(NodeId::kLength));
  Node& node = table_.Add(*id, kHandshake | kMeet, clock_.MonotonicMillis());
  node.ip = ip;
  node.port = port;
  node.bus_port = bus_port;
  return {};
}

void Engine::AddSlots(const SlotSet& slots) {
  for (size_t slot = slots._Find_first(); slot < kSlotCount; slot = slots._Find_next(slot)) {
    table_.SetImportingFrom(static_cast<int>(slot), nullptr);
    table_.AddSlot(table_.myself(), static_cast<int>(slot));
  }
  pending_.SaveAndUpdateState();
}

void Engine::RemoveSlots(const SlotSet& slots) {
  for (size_t slot = slots._Find_first(); slot < kSlotCount; slot = slots._Find_next(slot)) {
    table_.RemoveSlot(static_cast<int>(slot));
  }
  pending_.SaveAndUpdateState();
}

void Engine::AssignSlot(int slot, Node& node) {
  Node& me = table_.myself();
  const bool was_mine = table_.Owner(slot) == &me;
  table_.RemoveSlot(slot);
  table_.AddSlot(node, slot);
  if (&node != &me) {
    if (was_mine && me.slot_count == 0 && options_.allow_replica_migration) {
      KEYWAY_WARNING() << "Configuration change detected. Reconfiguring myself as a replica of "
                       << node.id;
      roles_.Replicate(node);
    }
  } else if (table_.ImportingFrom(slot) != nullptr) {
    if (BumpEpoch()) KEYWAY_WARNING() << "configEpoch updated after importing slot " << slot;
    table_.SetImportingFrom(slot, nullptr);
    messenger_.BroadcastPong();
  }
  pending_.SaveAndUpdateState();
}

void Engine::SetConfigEpoch(uint64_t epoch) {
  table_.myself().config_epoch = epoch;
  KEYWAY_WARNING() << "configEpoch set to " << epoch << " via CLUSTER SET-CONFIG-EPOCH";
  table_.current_epoch = std::max(table_.current_epoch, epoch);
  pending_.SaveAndUpdateState();
}

bool Engine::BumpEpoch() {
  return gossip::BumpEpoch(table_, pending_);
}

void Engine::OnClosed(LinkId link) {
  const LinkTable::Link* entry = links_.Find(link);
  if (entry != nullptr && !entry->inbound) heartbeat_.OnDisconnected(*entry->node);
  links_.OnClosed(link);
}

void Engine::OnDataProgress() {
  if (!manual_failover_.waits_for_data()) return;
  manual_failover_.Tick();
  FinishPass();
}

void Engine::Forget(Node& node) {
  blacklist_.Add(node.id, clock_.MonotonicMillis());
  links_.CloseBoth(node);
  table_.Remove(node);
  pending_.SaveAndUpdateState();
}

void Engine::Reset(bool hard) {
  Node& me = table_.myself();
  roles_.BecomePrimary();
  manual_failover_.Reset();
  table_.CloseAllMigrations();
  const std::vector<Node*> all = table_.nodes();
  for (Node* node : all) {
    table_.RemoveAllSlots(*node);
    if (node == &me) continue;
    links_.CloseBoth(*node);
    table_.Remove(*node);
  }
  if (hard) {
    table_.current_epoch = 0;
    table_.last_vote_epoch = 0;
    me.config_epoch = 0;
    KEYWAY_WARNING() << "configEpoch set to 0 via CLUSTER RESET HARD";
    table_.Rename(me, *NodeId::Parse(random_.Hex(NodeId::kLength)));
    KEYWAY_NOTICE() << "Node hard reset, now I'm " << me.id;
  }
  pending_.SaveAndUpdateState();
}

}  // namespace keyway::shard::cluster::gossip
