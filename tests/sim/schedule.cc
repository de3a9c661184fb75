#include "tests/sim/schedule.h"

#include <algorithm>
#include <set>

namespace keyway::sim {
namespace {

constexpr int64_t kPeaceLimitMs = 180'000;
constexpr int64_t kQuietMs = 2000;
constexpr int64_t kFailoverSlackMs = 3000;
// Two attempts more.
constexpr int64_t kSplitVoteFactor = 8;

bool Chance(Random& random, uint64_t percent) {
  return random.Below(100) < percent;
}

}  // namespace

NetworkOptions Schedule::MakeNetwork(Random& random, const Profile& profile) {
  NetworkOptions network;
  network.max_delay_ms = random.Between(2, 30);
  if (profile.bad_network) {
    network.max_delay_ms = random.Between(2, 150);
    network.loss = static_cast<double>(random.Below(6)) / 100;
    network.duplicate = static_cast<double>(random.Below(6)) / 100;
  }
  if (profile.clocks) {
    network.max_clock_offset_ms = random.Between(0, 3'600'000);
    network.max_clock_skew_ppm = random.Between(0, 5000);
  }
  return network;
}

ReplicationOptions Schedule::MakeReplication(Random& random, const Profile& profile) {
  ReplicationOptions options;
  options.ping_period_ms = random.Between(1000, 5000);
  options.timeout_ms = options.ping_period_ms + random.Between(2000, 10'000);
  options.max_transfer_ms = random.Between(5, 3000);
  options.backlog = static_cast<size_t>(random.Between(20, 2000));
  options.persistent = !profile.volatile_data || Chance(random, 50);
  return options;
}

Schedule::Schedule(uint64_t seed, const Profile& profile)
    : setup_(seed),
      profile_(profile),
      primaries_(static_cast<int>(setup_.Between(3, 5))),
      replicas_of_each_(static_cast<int>(setup_.Between(1, 2))),
      node_timeout_ms_(setup_.Between(10, 30) * 100),
      takeovers_(profile.forced && Chance(setup_, 20)),
      network_(MakeNetwork(setup_, profile)),
      replication_(MakeReplication(setup_, profile)),
      simulation_(setup_.Next(), primaries_ * (1 + replicas_of_each_), node_timeout_ms_, network_,
                  [this](int node) {
                    return std::make_unique<ReplicatedData>(simulation_, node, replication_, data_);
                  }),
      history_(simulation_, data_, replication_, node_timeout_ms_),
      operator_(simulation_, data_, history_),
      clients_(simulation_, data_, history_, 4) {
  // The first nodes were made before there was an observer.
  for (int node = 0; node < simulation_.size(); ++node) simulation_.Settle(node);
}

// --- Conditions -----------------------------------------------------------------------------

int Schedule::PickNode(const std::function<bool(int)>& fits) {
  std::vector<int> fitting;
  for (int node = 0; node < simulation_.size(); ++node) {
    if (simulation_.up(node) && !simulation_.retired(node) && fits(node)) fitting.push_back(node);
  }
  return fitting.empty() ? -1 : fitting[Below(fitting.size())];
}

bool Schedule::IsPrimary(int node) {
  const gossip::Node& me = simulation_.engine(node).table().myself();
  return me.is_primary() && me.slot_count > 0;
}

bool Schedule::DataAgree(std::string* why) {
  for (int node = 0; node < simulation_.size(); ++node) {
    if (!simulation_.up(node) || simulation_.retired(node)) continue;
    const gossip::Node& me = simulation_.engine(node).table().myself();
    ReplicatedData& data = *data_[static_cast<size_t>(node)];
    if (me.is_replica() != data.is_replica()) {
      *why = "the data of node " + std::to_string(node) + " have another role";
      return false;
    }
    if (me.is_primary()) continue;
    const int primary = me.primary == nullptr ? -1 : simulation_.FindNode(me.primary->id);
    if (primary < 0) {
      *why = "node " + std::to_string(node) + " has no primary";
      return false;
    }
    const ReplicatedData& source = *data_[static_cast<size_t>(primary)];
    // What is on its way is no difference.
    if (!data.online() || source.offset() < data.offset() ||
        source.offset() - data.offset() > 200) {
      *why = "node " + std::to_string(node) + " is not in sync with node " +
             std::to_string(primary) + ": " + std::to_string(data.offset()) + " of " +
             std::to_string(source.offset()) + (data.online() ? "" : ", offline");
      return false;
    }
    if (data.offset() == source.offset() && data.data() != source.data()) {
      *why =
          "node " + std::to_string(node) + " has other data than node " + std::to_string(primary);
      history_.Violate(*why);
      return false;
    }
  }
  return true;
}

std::string Schedule::Unrest() {
  std::string why = simulation_.Disagreement();
  if (why.empty()) (void)DataAgree(&why);
  return why;
}

bool Schedule::RunUntilQuiet(int64_t limit_ms, const std::string& when) {
  const bool quiet = simulation_.RunUntil([this] { return !ok() || Quiet(); }, limit_ms);
  if (!quiet) history_.Violate("no agreement " + when + ": " + Unrest());
  return ok();
}

// --- Beginning ------------------------------------------------------------------------------

void Schedule::Form() {
  for (int node = 0; node < simulation_.size(); ++node) {
    // As redis-cli --cluster create does it; sometimes nodes have to find their epochs themselves.
    if (Below(4) != 0) {
      simulation_.engine(node).SetConfigEpoch(static_cast<uint64_t>(node + 1));
      simulation_.Settle(node);
    }
  }
  for (int i = 0; i < primaries_; ++i) {
    (void)operator_.Command(i, {"addslotsrange", std::to_string(kSlotCount * i / primaries_),
                                std::to_string(kSlotCount * (i + 1) / primaries_ - 1)});
  }
  bool joined = false;
  for (int tries = 0; tries < 20 && !joined; ++tries) {
    for (int node = 1; node < simulation_.size(); ++node) {
      const bool known = simulation_.engine(0).table().Find(simulation_.id(node)) != nullptr &&
                         simulation_.engine(node).table().Find(simulation_.id(0)) != nullptr;
      if (!known) simulation_.Meet(0, node);
    }
    joined = simulation_.RunUntil([this] { return simulation_.Converged(); }, 6000);
  }
  if (!joined) {
    history_.Violate("the nodes do not find each other: " + simulation_.Disagreement());
    return;
  }
  for (int node = primaries_; node < simulation_.size(); ++node) {
    if (!operator_.Replicate(node, node % primaries_)) {
      history_.Violate("a node does not become a replica");
    }
  }
  if (!RunUntilQuiet(60'000, "of replicas with their primaries")) return;
  history_.Note("the cluster stands");
  clients_.Start();
  simulation_.Run(500);
}

// --- Troubles -------------------------------------------------------------------------------

void Schedule::Trouble() {
  std::vector<void (Schedule::*)()> kinds;
  if (profile_.crashes) kinds.insert(kinds.end(), {&Schedule::Crash, &Schedule::Restart});
  if (profile_.partitions) kinds.insert(kinds.end(), 3, &Schedule::CutSomething);
  if (profile_.resharding) kinds.insert(kinds.end(), 2, &Schedule::ReshardSomething);
  if (profile_.manual || profile_.forced) kinds.push_back(&Schedule::FailOverSomething);
  if (profile_.membership) kinds.push_back(&Schedule::ChangeMembers);
  (this->*kinds[Below(kinds.size())])();
}

void Schedule::CutSomething() {
  if (simulation_.partitioned() && Below(2) == 0) {
    history_.Note("the network is healed");
    simulation_.Heal();
    history_.OnConnectivity();
    return;
  }
  std::set<int> group;
  if (Below(2) == 0) {
    group.insert(static_cast<int>(Below(static_cast<uint64_t>(simulation_.size()))));
  } else {
    for (int node = 0; node < simulation_.size(); ++node) {
      if (Below(2) == 0) group.insert(node);
    }
  }
  std::string nodes;
  for (const int node : group) nodes += ' ' + std::to_string(node);
  if (profile_.one_way && Below(3) == 0) {
    const bool inward = Below(2) == 0;
    history_.Note((inward ? "nothing arrives any more at" : "nothing arrives any more from") +
                  nodes);
    for (const int node : group) {
      for (int other = 0; other < simulation_.size(); ++other) {
        if (group.count(other) != 0) continue;
        inward ? simulation_.CutOneWay(other, node) : simulation_.CutOneWay(node, other);
      }
    }
  } else {
    history_.Note("cut off:" + nodes);
    simulation_.Partition({group});
  }
  history_.OnConnectivity();
}

void Schedule::Crash() {
  const int node = PickNode([](int) { return true; });
  if (node < 0) return;
  simulation_.Crash(node, /*silent=*/Below(3) == 0);
  history_.OnConnectivity();
}

void Schedule::RestartNode(int node) {
  simulation_.Restart(node, /*new_ip=*/Below(5) == 0);
  const bool primary = simulation_.engine(node).table().myself().is_primary();
  if (!replication_.persistent && primary) history_.OnEmptyRestart(node);
  history_.OnConnectivity();
}

void Schedule::Restart() {
  for (int node = 0; node < simulation_.size(); ++node) {
    if (!simulation_.up(node) && Below(2) == 0) RestartNode(node);
  }
}

void Schedule::ReshardSomething() {
  const Slot slot = AllKeys()[Below(kTaggedSlots) * kKeysInSlot].slot;
  const int from = PickNode([&](int node) {
    return IsPrimary(node) && simulation_.engine(node).table().myself().slots.test(slot) &&
           simulation_.engine(node).table().myself().slot_count > 1;
  });
  if (from < 0) return;
  constexpr int64_t kFailoverMs = 6000;
  if (!profile_.may_lose() && simulation_.now_ms() - failed_over_ms_ < kFailoverMs) return;
  // Who gets its first slot gets a vote. The others must learn of it before they vote in different
  // partitions, or each side may find a majority.
  const bool may_add_voters = !profile_.partitions && !profile_.crashes;
  const int to = PickNode([&](int node) {
    const gossip::Node& me = simulation_.engine(node).table().myself();
    return node != from && me.is_primary() && (may_add_voters || me.slot_count > 0);
  });
  if (to >= 0) operator_.BeginToMove(slot, from, to);
}

void Schedule::FailOverSomething() {
  const int replica =
      PickNode([&](int node) { return simulation_.engine(node).table().myself().is_replica(); });
  if (replica < 0) return;
  std::string option;
  if (profile_.forced && (!profile_.manual || Below(2) == 0)) {
    option = takeovers_ && Below(2) == 0 ? "takeover" : "force";
  }
  // An operator who wants to lose nothing does one thing after the other: a slot's new owner takes
  // an epoch without asking, and a failover may get the same one.
  if (!profile_.may_lose() && operator_.moving()) return;
  failed_over_ms_ = simulation_.now_ms();
  (void)operator_.FailOver(replica, option);
}

bool Schedule::KnownToAll(int node) {
  return PickNode([&](int other) {
           return simulation_.engine(other).table().Find(simulation_.last_id(node)) == nullptr;
         }) < 0;
}

void Schedule::ChangeMembers() {
  const auto is_replica = [&](int node) {
    return simulation_.engine(node).table().myself().is_replica();
  };
  const int primary = PickNode([&](int node) { return IsPrimary(node); });
  bool all_up = true;
  for (int node = 0; node < simulation_.size(); ++node) all_up = all_up && simulation_.up(node);
  switch (Below(4)) {
    case 0: {
      // A spare replica goes to another primary.
      const int replica = PickNode([&](int node) {
        const gossip::Node* its = simulation_.engine(node).table().myself().primary;
        return is_replica(node) && its != nullptr && its->replicas.size() > 1;
      });
      if (replica >= 0 && primary >= 0 && !profile_.may_lose()) {
        (void)operator_.Replicate(replica, primary);
      }
      return;
    }
    case 1: {
      if (simulation_.size() >= 16) return;
      (void)operator_.Add();
      history_.OnConnectivity();
      return;
    }
    case 2: {
      // A primary without slots becomes a replica.
      const int empty = PickNode([&](int node) {
        const gossip::NodeTable& table = simulation_.engine(node).table();
        return table.myself().is_primary() && table.myself().slot_count == 0 && table.size() > 1;
      });
      if (empty >= 0 && primary >= 0) (void)operator_.Replicate(empty, primary);
      return;
    }
    default: {
      if (!all_up || simulation_.partitioned() || operator_.moving()) return;
      const int spare = PickNode([&](int node) {
        const gossip::Node& me = simulation_.engine(node).table().myself();
        if (me.is_primary())
          return me.slot_count == 0 && simulation_.engine(node).table().size() > 1;
        return me.primary != nullptr && me.primary->replicas.size() > 1;
      });
      if (spare >= 0 && KnownToAll(spare)) operator_.Remove(spare);
      return;
    }
  }
}

// --- End ------------------------------------------------------------------------------------

// Whose MEET has not arrived is asked again.
void Schedule::MeetLoners() {
  for (int tries = 0; tries < 20; ++tries) {
    bool all_known = true;
    for (int node = 0; node < simulation_.size(); ++node) {
      if (simulation_.retired(node)) continue;
      const int member = PickNode([&](int other) { return other != node && IsPrimary(other); });
      if (member < 0) continue;
      const bool known = simulation_.engine(node).table().size() > 1 &&
                         simulation_.engine(member).table().Find(simulation_.id(node)) != nullptr;
      if (known) continue;
      simulation_.Meet(member, node);
      all_known = false;
    }
    if (all_known) return;
    simulation_.Run(node_timeout_ms_ + 1000);
  }
}

void Schedule::MakePeace() {
  history_.Note("peace");
  simulation_.Heal();
  for (int node = 0; node < simulation_.size(); ++node) {
    if (!simulation_.up(node)) RestartNode(node);
  }
  history_.OnConnectivity();
  operator_.StopMoving();
  simulation_.Run(1000);
  MeetLoners();
  // As redis-cli --cluster fix.
  operator_.CloseSlots();
  if (!RunUntilQuiet(kPeaceLimitMs, "after all is healed")) return;
  operator_.CloseSlots();
  operator_.BringKeysHome();
  clients_.Stop();
  simulation_.Run(kQuietMs);
  if (!RunUntilQuiet(kPeaceLimitMs, "in peace")) return;
  history_.CheckLosses(profile_.may_lose());
}

ScheduleResult Schedule::Finish() {
  result_.violation = history_.violation();
  result_.trace = simulation_.trace().Text();
  result_.acknowledged = history_.acknowledged();
  result_.lost = history_.lost();
  result_.promotions = history_.promotions().size();
  result_.moved_slots = operator_.moved();
  return result_;
}

ScheduleResult Schedule::Run() {
  Form();
  for (int i = 0; i < profile_.troubles && ok(); ++i) {
    Trouble();
    // Some troubles come together, some last.
    const int64_t pause = Below(3) == 0 ? 200 : node_timeout_ms_ * 3;
    (void)simulation_.RunUntil([this] { return !ok(); }, simulation_.random().Between(10, pause));
  }
  if (ok()) MakePeace();
  return Finish();
}

ScheduleResult Schedule::RunFailovers(int rounds) {
  Form();
  for (int round = 0; round < rounds && ok(); ++round) {
    const int victim = PickNode([&](int node) { return IsPrimary(node); });
    const size_t before = history_.promotions().size();
    const int64_t killed_ms = simulation_.now_ms();
    simulation_.Crash(victim, /*silent=*/Below(3) == 0);
    history_.OnConnectivity();
    // Of a long timeout the half between two pings, and the one that a majority's reports may take,
    // are more than the slack.
    const int64_t limit =
        std::max(node_timeout_ms_ + kFailoverSlackMs, node_timeout_ms_ * 2 + kFailoverSlackMs / 2);
    const size_t candidacies = history_.candidacies();
    const auto replaced = [&] { return history_.promotions().size() > before; };
    bool done = simulation_.RunUntil(replaced, limit);
    if (!done && history_.candidacies() > candidacies + 1) {
      // The votes were split: a replica tries again after twice the time that it had waited.
      ++result_.split_votes;
      done = simulation_.RunUntil(replaced, kSplitVoteFactor * node_timeout_ms_ + limit);
    }
    if (!done) {
      history_.Violate("nobody has replaced node " + std::to_string(victim) + " after " +
                       std::to_string(simulation_.now_ms() - killed_ms) + " ms");
      break;
    }
    result_.failover_ms.push_back(history_.promotions().back().time_us / 1000 - killed_ms);
    simulation_.Run(simulation_.random().Between(100, 10'000));
    RestartNode(victim);
    (void)RunUntilQuiet(kPeaceLimitMs, "after a failover");
  }
  if (ok()) MakePeace();
  return Finish();
}

}  // namespace keyway::sim
