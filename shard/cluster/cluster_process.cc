#include "shard/cluster/cluster_process.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "common/log/log.h"

namespace keyway::shard::cluster {
namespace {

// How long what can be learned again may be written but not synced.
constexpr int64_t kSyncDelayMs = 1000;

Expected<gossip::NodeTable> LoadOrCreate(const NodesFile& file, const Clock& clock,
                                         Random& random) {
  auto text = file.Read();
  if (!text.ok()) return text.error();
  if (text->empty()) {
    gossip::NodeTable table(*NodeId::Parse(random.Hex(NodeId::kLength)), clock.MonotonicMillis());
    KEYWAY_NOTICE() << "No cluster configuration found, I'm " << table.myself().id;
    return table;
  }
  auto table = ParseNodesFile(*text, clock);
  if (!table.ok()) {
    return Error{"Unrecoverable error: corrupted cluster config file: " + table.error().message +
                 "."};
  }
  KEYWAY_NOTICE() << "Node configuration loaded, I'm " << table->myself().id;
  return table;
}

}  // namespace

Expected<std::unique_ptr<ClusterProcess>> ClusterProcess::Start(net::EventLoop& loop,
                                                                const Clock& clock, Random& random,
                                                                const ClusterOptions& options,
                                                                gossip::SlotKeys& keys) {
  auto file = NodesFile::Open(options.config_file);
  if (!file.ok()) return file.error();
  auto table = LoadOrCreate(**file, clock, random);
  if (!table.ok()) return table.error();
  std::unique_ptr<ClusterProcess> process(
      new ClusterProcess(loop, clock, random, options, keys, std::move(*table), std::move(*file)));
  if (Status status = process->SaveConfig(); !status.ok()) return status.error();
  if (Status status = process->links_.Listen(); !status.ok()) return status.error();
  process->timer_.Start(gossip::Heartbeat::kTickMs, gossip::Heartbeat::kTickMs);
  return process;
}

ClusterProcess::ClusterProcess(net::EventLoop& loop, const Clock& clock, Random& random,
                               const ClusterOptions& options, gossip::SlotKeys& keys,
                               gossip::NodeTable table, std::unique_ptr<NodesFile> file)
    : loop_(loop),
      clock_(clock),
      keys_(keys),
      options_(options),
      file_(std::move(file)),
      links_(loop, options_, *this),
      engine_(std::move(table), options_, clock, random, links_, *this, keys),
      redirects_(engine_.table(), engine_.state(), options_, keys),
      timer_(loop, [this] { OnTimer(); }),
      deadline_(loop, [this] { AtEndOfPass(&ClusterProcess::MeetDeadlineAndFinish); }) {
  loop.EveryPass([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) engine_.OnDataProgress();
  });
}

ClusterProcess::~ClusterProcess() = default;

void ClusterProcess::SetOptions(const ClusterOptions& options) {
  // The bus goes on listening where it does, also when `port` changes.
  const uint16_t bus_port = options_.bus_port;
  options_ = options;
  options_.bus_port = bus_port;
  engine_.ApplyOptions();
}

const std::string& ClusterProcess::MyId() const {
  const NodeId& id = engine_.table().myself().id;
  if (my_id_ != id.view()) my_id_ = id.ToString();
  return my_id_;
}

ClusterSummary ClusterProcess::Summary() const {
  const gossip::NodeTable& table = engine_.table();
  const gossip::BusStats& stats = engine_.stats();
  ClusterSummary summary;
  summary.ok = engine_.state().ok();
  const SlotCounts slots = CountSlots(table);
  summary.slots_assigned = slots.assigned;
  summary.slots_ok = slots.ok;
  summary.slots_pfail = slots.pfail;
  summary.slots_fail = slots.fail;
  summary.known_nodes = static_cast<int>(table.size());
  summary.size = engine_.state().size();
  summary.current_epoch = table.current_epoch;
  const gossip::Node& me = table.myself();
  summary.my_epoch =
      me.is_replica() && me.primary != nullptr ? me.primary->config_epoch : me.config_epoch;
  summary.messages_sent = std::accumulate(stats.sent.begin(), stats.sent.end(), uint64_t{0});
  summary.messages_received =
      std::accumulate(stats.received.begin(), stats.received.end(), uint64_t{0});
  for (size_t cause = 0; cause < stats.dropped.size(); ++cause) {
    summary.messages_dropped += stats.dropped[cause];
    summary.dropped_by_cause.emplace_back(bus::CauseName(static_cast<bus::DropCause>(cause)),
                                          stats.dropped[cause]);
  }
  for (const gossip::Node* node : table.nodes()) {
    for (const gossip::LinkId link : {node->outbound, node->inbound}) {
      if (link == gossip::kNoLink) continue;
      ++summary.links;
      summary.link_memory += links_.QueueMemory(link);
    }
  }
  return summary;
}

// Slots and addresses that a crash of the system brings back in an older form are learned again from
// the others; an epoch that was used, or a vote, is not.
Status ClusterProcess::SaveConfig() {
  const gossip::NodeTable& table = engine_.table();
  const Promises promises{table.current_epoch, table.last_vote_epoch,
                          table.myself().config_epoch};
  const bool sync = synced_ != promises;
  const Status written =
      file_->Write(FormatNodesFile(table, clock_),
                   sync ? NodesFile::Durability::kSynced : NodesFile::Durability::kWritten);
  if (!written.ok()) return written;
  if (sync) {
    synced_ = promises;
    written_ms_ = 0;
  } else if (written_ms_ == 0) {
    written_ms_ = clock_.MonotonicMillis();
  }
  return {};
}

void ClusterProcess::SyncConfigIfDue() {
  if (written_ms_ == 0 || clock_.MonotonicMillis() - written_ms_ < kSyncDelayMs) return;
  written_ms_ = 0;
  const Status synced = file_->Sync();
  if (!synced.ok()) KEYWAY_WARNING() << synced.error().message;
}

void ClusterProcess::ClaimSlotsWithKeys() {
  gossip::NodeTable& table = engine_.table();
  if (table.myself().is_replica()) return;  // its data come from its primary
  SlotSet free;
  bool imports = false;
  for (int slot = 0; slot < kSlotCount; ++slot) {
    if (keys_.CountInSlot(static_cast<Slot>(slot)) == 0) continue;
    gossip::Node* const owner = table.Owner(slot);
    if (owner == &table.myself() || table.ImportingFrom(slot) != nullptr) continue;
    if (owner == nullptr) {
      KEYWAY_WARNING() << "I have keys for unassigned slot " << slot
                       << ". Taking responsibility for it.";
      free.set(static_cast<size_t>(slot));
    } else {
      KEYWAY_WARNING() << "I have keys for slot " << slot
                       << ", but the slot is assigned to another node. Setting it to importing "
                          "state.";
      table.SetImportingFrom(slot, owner);
      imports = true;
    }
  }
  if (free.any()) engine_.AddSlots(free);
  if (imports) engine_.pending().Save();
}

void ClusterProcess::Shutdown() {
  if (std::exchange(shut_down_, true)) return;
  timer_.Stop();
  deadline_.Stop();
  links_.Shutdown();
  synced_.reset();
  const Status saved = SaveConfig();
  if (!saved.ok()) KEYWAY_WARNING() << "Cannot save the cluster config: " << saved.error().message;
}

void ClusterProcess::OnDropped(gossip::LinkId link, bus::DropCause cause) {
  engine_.OnDropped(cause);
  KEYWAY_DEBUG() << "Dropped a message from " << links_.PeerIp(link) << ": "
                 << bus::CauseName(cause);
}

void ClusterProcess::OnClosed(gossip::LinkId link, std::string_view why) {
  if (const auto* entry = engine_.links().Find(link); entry != nullptr && entry->node != nullptr) {
    const gossip::Node& node = *entry->node;
    KEYWAY_DEBUG() << (entry->inbound ? "Inbound" : "Outbound") << " link of node " << node.id
                   << " at " << node.ip << ":" << node.bus_port << " closed: " << why;
  }
  engine_.OnClosed(link);
}

void ClusterProcess::AtEndOfPass(void (ClusterProcess::*method)()) {
  loop_.AtEndOfPass([this, method, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) (this->*method)();
  });
}

// Not before what has arrived is read: after a pause of the process, the answers that wait in the
// sockets show that nobody has failed.
void ClusterProcess::OnTimer() {
  if (std::exchange(tick_scheduled_, true)) return;
  AtEndOfPass(&ClusterProcess::TickAndFinish);
}

void ClusterProcess::TickAndFinish() {
  tick_scheduled_ = false;
  if (shut_down_) return;
  engine_.Tick();
  Finish();
  SyncConfigIfDue();
}

void ClusterProcess::WakeAt(int64_t time_ms) {
  deadline_.Start(static_cast<uint64_t>(std::max<int64_t>(time_ms - clock_.MonotonicMillis(), 0)));
}

void ClusterProcess::MeetDeadlineAndFinish() {
  if (shut_down_) return;
  engine_.OnDeadline();
  Finish();
}

void ClusterProcess::WorkIsDue() {
  if (std::exchange(finish_scheduled_, true)) return;
  AtEndOfPass(&ClusterProcess::Finish);
}

void ClusterProcess::Finish() {
  finish_scheduled_ = false;
  if (!shut_down_) engine_.FinishPass();
}

}  // namespace keyway::shard::cluster
