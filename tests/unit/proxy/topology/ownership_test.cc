#include "proxy/topology/ownership.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace keyway::proxy::topology {
namespace {

struct Owner {
  std::string id;
  uint64_t epoch;
  std::vector<SlotRange> slots;
  std::vector<std::string> replicas = {};
};

Report Says(const std::string& reporter, uint64_t cluster_epoch, const std::vector<Owner>& owners) {
  Report report;
  report.has_epochs = true;
  report.reporter = reporter;
  report.cluster_epoch = cluster_epoch;
  report.node_ids.insert(reporter);
  for (const Owner& owner : owners) {
    Shard shard;
    shard.primary = {owner.id, {owner.id, 1}, true, true, "", owner.epoch};
    shard.slots = owner.slots;
    report.node_ids.insert(owner.id);
    for (const std::string& id : owner.replicas) {
      shard.replicas.push_back({id, {id, 1}, false, true, "", owner.epoch});
      report.node_ids.insert(id);
      if (id == reporter) report.reporter_epoch = owner.epoch;
    }
    if (owner.id == reporter) report.reporter_epoch = owner.epoch;
    report.shards.push_back(std::move(shard));
  }
  return report;
}

std::string OwnerOf(const Ownership& ownership, Slot slot) {
  const SlotMap map(ownership.Shards(), 1, 0);
  const Shard* shard = map.ShardOf(slot);
  return shard == nullptr ? "" : shard->primary.id;
}

// Three primaries, each with a replica.
std::vector<Owner> Trio() {
  return {{"a", 1, {{0, 5000}}, {"ra"}},
          {"b", 2, {{5001, 10000}}, {"rb"}},
          {"c", 3, {{10001, 16383}}, {"rc"}}};
}

TEST(OwnershipTest, TakesWhatItHearsFirst) {
  Ownership ownership;
  EXPECT_TRUE(ownership.empty());
  const auto outcome = ownership.Merge(Says("a", 3, Trio()));
  EXPECT_EQ(outcome.adopted, kSlotCount);
  EXPECT_EQ(outcome.refused, 0);
  EXPECT_EQ(ownership.cluster_epoch(), 3u);
  EXPECT_EQ(ownership.node_count(), 6u);
  EXPECT_TRUE(ownership.Contains("ra"));
  EXPECT_TRUE(ownership.has_epochs());
  const SlotMap map(ownership.Shards(), 1, 0);
  ASSERT_EQ(map.shards().size(), 3u);
  EXPECT_EQ(map.ShardOf(5001)->primary.config_epoch, 2u);
  EXPECT_EQ(map.ShardOf(5001)->replicas[0].id, "rb");
}

TEST(OwnershipTest, AFailoverIsFollowedAtTheWordOfOne) {
  Ownership ownership;
  ownership.Merge(Says("a", 3, Trio()));
  auto owners = Trio();
  owners[0] = {"ra", 4, {{0, 5000}}};
  EXPECT_EQ(ownership.Merge(Says("ra", 4, owners)).adopted, 5001);
  EXPECT_EQ(OwnerOf(ownership, 0), "ra");
  EXPECT_FALSE(ownership.Contains("a"));
}

TEST(OwnershipTest, ALoneStaleNodeTakesNothingBack) {
  Ownership ownership;
  auto owners = Trio();
  owners[0] = {"ra", 4, {{0, 5000}}};
  ownership.Merge(Says("ra", 4, owners));
  // The old primary, back from where it was cut off.
  for (int i = 0; i < 3; ++i) {
    const auto outcome = ownership.Merge(Says("a", 3, Trio()));
    EXPECT_EQ(outcome.adopted, 0);
    EXPECT_EQ(outcome.refused, 5001);
    EXPECT_EQ(OwnerOf(ownership, 0), "ra");
  }
  EXPECT_EQ(ownership.cluster_epoch(), 4u);
}

TEST(OwnershipTest, NewAndOldInOneReport) {
  Ownership ownership;
  auto owners = Trio();
  owners[0] = {"ra", 4, {{0, 5000}}};
  ownership.Merge(Says("ra", 4, owners));
  owners = Trio();
  owners[1] = {"rb", 5, {{5001, 10000}}};
  const auto outcome = ownership.Merge(Says("rb", 5, owners));
  EXPECT_EQ(outcome.adopted, 5000);
  EXPECT_EQ(outcome.refused, 5001);
  EXPECT_EQ(OwnerOf(ownership, 0), "ra");
  EXPECT_EQ(OwnerOf(ownership, 5001), "rb");
}

TEST(OwnershipTest, ASlotMoves) {
  Ownership ownership;
  ownership.Merge(Says("a", 3, Trio()));
  // The importing node has raised its epoch.
  const std::vector<Owner> moved = {
      {"a", 1, {{1, 5000}}}, {"b", 4, {{0, 0}, {5001, 10000}}}, {"c", 3, {{10001, 16383}}}};
  EXPECT_EQ(ownership.Merge(Says("b", 4, moved)).adopted, 1);
  EXPECT_EQ(OwnerOf(ownership, 0), "b");
  // Who has not heard of it changes nothing.
  EXPECT_EQ(ownership.Merge(Says("c", 3, Trio())).refused, 1);
  EXPECT_EQ(OwnerOf(ownership, 0), "b");
}

TEST(OwnershipTest, TheOwnerItselfGivesASlotAway) {
  Ownership ownership;
  ownership.Merge(Says("c", 3, Trio()));
  // c has given a slot to a, and does not know a's new epoch yet.
  const std::vector<Owner> given = {
      {"a", 1, {{0, 5000}, {16383, 16383}}}, {"b", 2, {{5001, 10000}}}, {"c", 3, {{10001, 16382}}}};
  // From another node it would be no more than a stale picture.
  EXPECT_EQ(ownership.Merge(Says("b", 3, given)).refused, 1);
  EXPECT_EQ(OwnerOf(ownership, 16383), "c");
  EXPECT_EQ(ownership.Merge(Says("c", 3, given)).adopted, 1);
  EXPECT_EQ(OwnerOf(ownership, 16383), "a");
  // The old picture has lost, though a's epoch is not known yet.
  EXPECT_EQ(ownership.Merge(Says("b", 3, Trio())).refused, 1);
  EXPECT_EQ(OwnerOf(ownership, 16383), "a");
}

TEST(OwnershipTest, OnlyAtItsOwnEpochDoesAnOwnerGiveAway) {
  Ownership ownership;
  // a has taken over slot 16383 with epoch 4; then it is asked a question that it answers from
  // before, as after a restart with an old nodes.conf.
  ownership.Merge(Says("b", 4, {{"a", 4, {{0, 5000}, {16383, 16383}}}}));
  EXPECT_EQ(ownership.Merge(Says("a", 3, Trio())).refused, 1);
  EXPECT_EQ(OwnerOf(ownership, 16383), "a");
}

TEST(OwnershipTest, SlotsThatSomeoneHasNoOwnerForKeepTheirs) {
  Ownership ownership;
  ownership.Merge(Says("a", 3, Trio()));
  const auto outcome = ownership.Merge(Says("b", 3, {{"b", 2, {{5001, 10000}}}}));
  EXPECT_EQ(outcome.adopted, 0);
  EXPECT_EQ(outcome.refused, kSlotCount - 5000);
  EXPECT_EQ(OwnerOf(ownership, 0), "a");
}

TEST(OwnershipTest, WhoIsBehindSaysNothingOfNodes) {
  Ownership ownership;
  auto owners = Trio();
  owners[0] = {"ra", 4, {{0, 5000}}};
  ownership.Merge(Says("ra", 4, owners));
  Report stale = Says("a", 3, Trio());
  stale.shards[1].primary.suspected = true;
  ownership.Merge(stale);
  Report fresh = Says("c", 4, owners);
  fresh.shards[2].primary.endpoint.port = 7;
  ownership.Merge(fresh);
  const SlotMap map(ownership.Shards(), 1, 0);
  EXPECT_FALSE(map.ShardOf(5001)->primary.suspected);
  EXPECT_EQ(map.ShardOf(16383)->primary.endpoint.port, 7);
}

TEST(OwnershipTest, WhetherAReplicaIsReadyIsItsPrimarysWord) {
  Ownership ownership;
  const auto online = [&ownership] { return ownership.Shards()[0].replicas[0].online; };
  Report loading = Says("a", 3, Trio());
  loading.shards[0].replicas[0].online = false;
  ownership.Merge(loading);
  EXPECT_FALSE(online());
  ownership.Merge(Says("b", 3, Trio()));
  EXPECT_FALSE(online());
  ownership.Merge(Says("a", 3, Trio()));
  EXPECT_TRUE(online());
  Report failed = Says("b", 3, Trio());
  failed.shards[0].replicas[0].online = false;
  ownership.Merge(failed);
  EXPECT_TRUE(online());
  failed.shards[0].replicas[0].failed = true;
  ownership.Merge(failed);
  EXPECT_FALSE(online());
}

TEST(OwnershipTest, MovesAreThePrimarysOwnWord) {
  Ownership ownership;
  Report report = Says("a", 3, Trio());
  report.shards[0].migrating = {{7, "b"}};
  ownership.Merge(report);
  ownership.Merge(Says("c", 3, Trio()));
  EXPECT_EQ(SlotMap(ownership.Shards(), 1, 0).ShardOf(7)->migrating,
            (std::vector<SlotMove>{{7, "b"}}));
  ownership.Merge(Says("a", 3, Trio()));
  EXPECT_TRUE(SlotMap(ownership.Shards(), 1, 0).ShardOf(7)->migrating.empty());
}

TEST(OwnershipTest, AMajorityThatHasNotHeardDoesNotUndoAFailover) {
  Ownership ownership;
  auto owners = Trio();
  owners[0] = {"ra", 4, {{0, 5000}}};
  ownership.Merge(Says("ra", 4, owners));
  // They have voted, so they know the epoch, but not who has won.
  const std::vector<Report> reports = {Says("b", 4, Trio()), Says("c", 4, Trio()),
                                       Says("rb", 4, Trio())};
  EXPECT_EQ(ownership.AdoptAgreed(reports), 0);
  EXPECT_EQ(OwnerOf(ownership, 0), "ra");
}

TEST(OwnershipTest, AClusterPutBackIsAdopted) {
  Ownership ownership;
  auto owners = Trio();
  owners[0] = {"ra", 9, {{0, 5000}}};
  ownership.Merge(Says("ra", 9, owners));
  const std::vector<Report> reports = {Says("a", 3, Trio()), Says("b", 3, Trio()),
                                       Says("c", 3, Trio())};
  EXPECT_EQ(ownership.AdoptAgreed(reports), 5001);
  EXPECT_EQ(OwnerOf(ownership, 0), "a");
  EXPECT_EQ(ownership.cluster_epoch(), 3u);
  // And goes on from there.
  owners[0].epoch = 4;
  EXPECT_EQ(ownership.Merge(Says("ra", 4, owners)).adopted, 5001);
}

TEST(OwnershipTest, OneThatKnowsBetterIsEnoughAgainstAMajority) {
  Ownership ownership;
  auto owners = Trio();
  owners[0] = {"ra", 9, {{0, 5000}}};
  ownership.Merge(Says("ra", 9, owners));
  const std::vector<Report> reports = {Says("a", 3, Trio()), Says("b", 3, Trio()),
                                       Says("c", 9, owners)};
  EXPECT_EQ(ownership.AdoptAgreed(reports), 0);
  EXPECT_EQ(OwnerOf(ownership, 0), "ra");
}

TEST(OwnershipTest, SlotsOfAnOwnerThatAllHaveForgotten) {
  Ownership ownership;
  auto owners = Trio();
  owners[0] = {"ra", 9, {{0, 5000}}};
  ownership.Merge(Says("ra", 9, owners));
  // ra was forgotten, and its slots given to b by hand, without an epoch.
  const std::vector<Owner> given = {{"b", 2, {{0, 10000}}}, {"c", 3, {{10001, 16383}}}};
  const std::vector<Report> reports = {Says("b", 9, given), Says("c", 9, given)};
  EXPECT_EQ(ownership.AdoptAgreed(reports), 5001);
  EXPECT_EQ(OwnerOf(ownership, 0), "b");
}

TEST(OwnershipTest, SlotsThatAllSayAreNobodys) {
  Ownership ownership;
  ownership.Merge(Says("a", 3, Trio()));
  auto owners = Trio();
  owners[0].slots = {{1, 5000}};
  const std::vector<Report> reports = {Says("a", 3, owners), Says("b", 3, owners),
                                       Says("c", 3, owners)};
  EXPECT_EQ(ownership.AdoptAgreed(reports), 1);
  EXPECT_EQ(OwnerOf(ownership, 0), "");
  EXPECT_EQ(OwnerOf(ownership, 1), "a");
}

TEST(OwnershipTest, EqualEpochsAreForTheMajority) {
  Ownership ownership;
  const std::vector<Owner> one = {{"a", 0, {{0, 100}}}, {"b", 0, {{101, 16383}}}};
  const std::vector<Owner> other = {{"a", 0, {{0, 99}}}, {"b", 0, {{100, 16383}}}};
  ownership.Merge(Says("b", 0, one));
  EXPECT_EQ(ownership.Merge(Says("b", 0, other)).refused, 1);
  const std::vector<Report> reports = {Says("b", 0, other)};
  EXPECT_EQ(ownership.AdoptAgreed(reports), 1);
  EXPECT_EQ(OwnerOf(ownership, 100), "b");
}

TEST(OwnershipTest, AnotherCluster) {
  Ownership ownership;
  ownership.Merge(Says("a", 9, Trio()));
  const Report other = Says("x", 1, {{"x", 1, {{0, 16383}}}});
  EXPECT_FALSE(ownership.SharesNodes(other));
  EXPECT_TRUE(ownership.SharesNodes(Says("rb", 1, {{"x", 1, {{0, 16383}}}})));
  ownership.Replace(other);
  EXPECT_EQ(OwnerOf(ownership, 0), "x");
  EXPECT_EQ(ownership.cluster_epoch(), 1u);
  EXPECT_EQ(ownership.node_count(), 1u);
}

TEST(OwnershipTest, AbsurdClaims) {
  Ownership ownership;
  std::vector<Owner> owners;
  for (int i = 0; i < 300; ++i) {
    owners.push_back({std::to_string(i), static_cast<uint64_t>(i), {{0, 16383}}});
  }
  EXPECT_EQ(ownership.Merge(Says("0", 1, owners)).adopted, kSlotCount);
  EXPECT_EQ(OwnerOf(ownership, 9), "299");
  EXPECT_EQ(ownership.node_count(), 1u);
}

// A cluster with a history of failovers and moves, of which each node hears late; some are cut off
// for long. Whoever is asked, the picture never goes back, and it comes to what is true.
class History {
 public:
  static constexpr int kShards = 4;
  static constexpr int kNodes = 8;  // i and i + kShards serve one part of the slots in turn
  static constexpr int kParts = 16;

  explicit History(uint64_t seed) : random_(seed) {
    for (int part = 0; part < kParts; ++part) owner_[part] = {part % kShards};
    for (int i = 0; i < kNodes; ++i) {
      epochs_[i] = i < kShards ? static_cast<uint64_t>(i) + 1 : 0;
      cut_off_[i] = false;
    }
    epoch_ = kShards;
    for (View& view : views_) view = Truth();
  }

  void Step() {
    switch (random_.Below(6)) {
      case 0: {  // a failover
        const int part = static_cast<int>(random_.Below(kParts));
        const int old = owner_[part].back();
        const int next = (old + kShards) % kNodes;
        if (cut_off_[next]) return;
        epochs_[next] = ++epoch_;
        for (auto& owners : owner_) {
          if (owners.back() == old) owners.push_back(next);
        }
        views_[next] = Truth();
        return;
      }
      case 1: {  // redis-cli moves slots: it tells every primary, the one that gets them first
        const int part = static_cast<int>(random_.Below(kParts));
        const int source = owner_[part].back();
        const int target = owner_[random_.Below(kParts)].back();
        if (source == target || cut_off_[source] || cut_off_[target]) return;
        if (epochs_[target] != epoch_) epochs_[target] = ++epoch_;
        owner_[part].push_back(target);
        views_[target] = Truth();
        if (random_.Below(2) == 0) {
          // The source knows that the slots are gone before it has heard of the new epoch.
          views_[source].owner[part] = target;
        } else {
          views_[source] = Truth();
        }
        return;
      }
      case 2: {
        const int node = static_cast<int>(random_.Below(kNodes));
        cut_off_[node] = !cut_off_[node];
        if (!cut_off_[node]) views_[node] = Truth();
        return;
      }
      default: {  // gossip
        const int node = static_cast<int>(random_.Below(kNodes));
        if (!cut_off_[node]) views_[node] = Truth();
        return;
      }
    }
  }

  void Heal() {
    for (View& view : views_) view = Truth();
  }

  Report Ask() { return Ask(static_cast<int>(random_.Below(kNodes))); }
  Report Ask(int node) {
    const View& view = views_[node];
    std::map<int, Owner> owners;
    for (int part = 0; part < kParts; ++part) {
      Owner& owner = owners[view.owner[part]];
      owner.id = "node" + std::to_string(view.owner[part]);
      owner.epoch = view.epochs[view.owner[part]];
      const int size = kSlotCount / kParts;
      owner.slots.push_back(
          {static_cast<Slot>(part * size), static_cast<Slot>(part * size + size - 1)});
    }
    std::vector<Owner> list;
    for (auto& [number, owner] : owners) list.push_back(owner);
    Report report = Says("node" + std::to_string(node), view.epoch, list);
    report.reporter_epoch = view.epochs[node];
    return report;
  }

  // Where in its history each part of the slots is, by `ownership`; never before where it was.
  void ExpectForward(const Ownership& ownership) {
    const auto owners = OwnersOf(ownership);
    for (int part = 0; part < kParts; ++part) {
      size_t at = seen_[part];
      while (at < owner_[part].size() && owner_[part][at] != owners[part]) ++at;
      ASSERT_LT(at, owner_[part].size()) << "part " << part << " went back to " << owners[part];
      seen_[part] = at;
    }
  }
  void ExpectTrue(const Ownership& ownership) {
    const auto owners = OwnersOf(ownership);
    for (int part = 0; part < kParts; ++part) EXPECT_EQ(owners[part], owner_[part].back());
  }

 private:
  struct View {
    int owner[kParts] = {};
    uint64_t epochs[kNodes] = {};
    uint64_t epoch = 0;
  };

  static std::vector<int> OwnersOf(const Ownership& ownership) {
    std::vector<int> owners(kParts, -1);
    for (const Shard& shard : ownership.Shards()) {
      for (const SlotRange& range : shard.slots) {
        for (int slot = range.first; slot <= range.last; slot += kSlotCount / kParts) {
          owners[slot / (kSlotCount / kParts)] = std::stoi(shard.primary.id.substr(4));
        }
      }
    }
    return owners;
  }

  View Truth() const {
    View view;
    for (int part = 0; part < kParts; ++part) view.owner[part] = owner_[part].back();
    std::copy(std::begin(epochs_), std::end(epochs_), std::begin(view.epochs));
    view.epoch = epoch_;
    return view;
  }

  Random random_;
  std::vector<int> owner_[kParts];  // over time; the last is the present one
  size_t seen_[kParts] = {};
  uint64_t epochs_[kNodes];
  uint64_t epoch_;
  bool cut_off_[kNodes];
  View views_[kNodes];
};

TEST(OwnershipTest, RandomHistoriesNeverGoBack) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    Ownership ownership;
    ownership.Merge(history.Ask(0));
    for (int step = 0; step < 80; ++step) {
      history.Step();
      ownership.Merge(history.Ask());
      history.ExpectForward(ownership);
      if (HasFatalFailure()) return;
    }
    history.Heal();
    ownership.Merge(history.Ask());
    history.ExpectForward(ownership);
    history.ExpectTrue(ownership);
  }
}

}  // namespace
}  // namespace keyway::proxy::topology
