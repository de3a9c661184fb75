// Gossip between many simulated nodes: who knows whom, who owns what, who is dead.

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/sim/cluster_simulation.h"

namespace keyway::sim {
namespace {

constexpr int64_t kTimeoutMs = 2000;

class ClusterGossipTest : public testing::TestWithParam<uint64_t> {};

// Joins all nodes and distributes the slots over `primaries` of them.
void Form(ClusterSimulation& sim, int primaries) {
  sim.AssignSlots(primaries);
  // Each meets one that is there already, as a tree: gossip does the rest. A MEET that got lost is
  // repeated, as an operator does.
  std::vector<int> introducers(static_cast<size_t>(sim.size()), 0);
  for (int i = 1; i < sim.size(); ++i) {
    introducers[static_cast<size_t>(i)] =
        static_cast<int>(sim.random().Below(static_cast<uint64_t>(i)));
  }
  for (int tries = 0; tries < 12; ++tries) {
    for (int i = 1; i < sim.size(); ++i) {
      const int introducer = introducers[static_cast<size_t>(i)];
      const bool known = sim.engine(introducer).table().Find(sim.id(i)) != nullptr &&
                         sim.engine(i).table().Find(sim.id(introducer)) != nullptr;
      if (!known) sim.Meet(introducer, i);
    }
    if (sim.RunUntil([&] { return sim.Converged(); }, 10'000)) return;
  }
  FAIL() << sim.Disagreement();
}

bool Sees(ClusterSimulation& sim, int viewer, const cluster::NodeId& id, uint16_t flag) {
  const gossip::Node* node = sim.engine(viewer).table().Find(id);
  return node != nullptr && node->is(flag);
}

TEST_P(ClusterGossipTest, NodesFindEachOtherAndAgree) {
  ClusterSimulation sim(GetParam(), 12, kTimeoutMs);
  Form(sim, 8);
  // Everybody began with epoch 0: collisions were resolved one by one.
  std::set<uint64_t> epochs;
  for (int i = 0; i < sim.size(); ++i) {
    epochs.insert(sim.engine(i).table().myself().config_epoch);
    EXPECT_TRUE(sim.engine(i).state().ok());
    EXPECT_EQ(sim.engine(i).state().size(), 8);
  }
  EXPECT_EQ(epochs.size(), 12u);
}

TEST_P(ClusterGossipTest, BadNetwork) {
  NetworkOptions network;
  network.max_delay_ms = 150;
  network.loss = 0.1;
  network.duplicate = 0.1;
  network.max_clock_offset_ms = 3'120'000;
  ClusterSimulation sim(GetParam(), 12, kTimeoutMs, network);
  Form(sim, 8);
}

TEST_P(ClusterGossipTest, CrashIsSeenByAllAndClearsAfterReturn) {
  ClusterSimulation sim(GetParam(), 9, kTimeoutMs);
  Form(sim, 7);
  const int victim = static_cast<int>(sim.random().Below(7));
  const cluster::NodeId id = sim.id(victim);
  const SlotSet slots = sim.engine(victim).table().myself().slots;
  sim.Crash(victim);
  const auto all_see_failure = [&] {
    for (int i = 0; i < sim.size(); ++i) {
      if (i != victim && !Sees(sim, i, id, gossip::kFail)) return false;
    }
    return true;
  };
  // Nobody asks more often than each half timeout; then a timeout; then gossip.
  EXPECT_TRUE(sim.RunUntil(all_see_failure, kTimeoutMs * 5 / 2 + 1000));
  for (int i = 0; i < sim.size(); ++i) {
    EXPECT_TRUE(i == victim || !sim.engine(i).state().ok());
  }
  sim.Run(20'000);
  sim.Restart(victim);
  EXPECT_EQ(sim.id(victim), id);
  EXPECT_EQ(sim.engine(victim).table().myself().slots, slots);
  EXPECT_TRUE(sim.RunUntil([&] { return sim.Converged(); }, kTimeoutMs * 6)) << sim.Disagreement();
}

TEST_P(ClusterGossipTest, NobodyFailsWhileNothingHappens) {
  NetworkOptions network;
  network.max_delay_ms = 200;
  ClusterSimulation sim(GetParam(), 6, kTimeoutMs, network);
  Form(sim, 6);
  EXPECT_FALSE(sim.RunUntil([&] { return !sim.Converged(); }, 120'000)) << sim.Disagreement();
}

TEST_P(ClusterGossipTest, MinorityStopsToServeAndMarksNobody) {
  ClusterSimulation sim(GetParam(), 7, kTimeoutMs);
  Form(sim, 7);
  sim.Partition({{0, 1, 2}});
  sim.Run(kTimeoutMs * 4);
  for (int minority = 0; minority < 3; ++minority) {
    EXPECT_FALSE(sim.engine(minority).state().ok());
    for (int other = 3; other < 7; ++other) {
      EXPECT_TRUE(Sees(sim, minority, sim.id(other), gossip::kPfail));
      EXPECT_FALSE(Sees(sim, minority, sim.id(other), gossip::kFail));
      EXPECT_TRUE(Sees(sim, other, sim.id(minority), gossip::kFail));
    }
  }
  sim.Heal();
  EXPECT_TRUE(sim.RunUntil([&] { return sim.Converged(); }, 60'000)) << sim.Disagreement();
}

TEST_P(ClusterGossipTest, MajorityGoesOnWithoutFullCoverage) {
  ClusterSimulation sim(GetParam(), 5, kTimeoutMs);
  for (int i = 0; i < 5; ++i) sim.options(i).require_full_coverage = false;
  Form(sim, 5);
  sim.Partition({{0, 1}});
  sim.Run(kTimeoutMs * 4);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sim.engine(i).state().ok(), i >= 2);
  sim.Heal();
  EXPECT_TRUE(sim.RunUntil([&] { return sim.Converged(); }, 60'000)) << sim.Disagreement();
}

TEST_P(ClusterGossipTest, HigherEpochWinsConflictingClaims) {
  ClusterSimulation sim(GetParam(), 6, kTimeoutMs);
  // Two clusters of three that own slots in common.
  sim.AddSlots(0, 0, 9000);
  sim.AddSlots(1, 9001, 16383);
  sim.AddSlots(3, 5000, 12000);
  sim.slots_with_keys(0).set(5000);
  sim.slots_with_keys(0).set(4999);
  sim.engine(0).SetConfigEpoch(5);
  sim.engine(1).SetConfigEpoch(9);
  sim.engine(3).SetConfigEpoch(7);
  for (int i = 1; i < 6; ++i) sim.Meet(0, i);
  ASSERT_TRUE(sim.RunUntil([&] { return sim.Converged(); }, 60'000)) << sim.Disagreement();
  gossip::NodeTable& table = sim.engine(5).table();
  EXPECT_EQ(table.Owner(4999)->id, sim.id(0));
  EXPECT_EQ(table.Owner(5000)->id, sim.id(3));
  EXPECT_EQ(table.Owner(9000)->id, sim.id(3));
  EXPECT_EQ(table.Owner(9001)->id, sim.id(1));
  // The loser's keys are gone, others' are not touched.
  EXPECT_TRUE(sim.dropped_slots(0).test(5000));
  EXPECT_EQ(sim.dropped_slots(0).count(), 1u);
}

TEST_P(ClusterGossipTest, AllRestartFromTheirFiles) {
  ClusterSimulation sim(GetParam(), 8, kTimeoutMs);
  Form(sim, 8);
  std::vector<cluster::NodeId> ids;
  std::vector<uint64_t> epochs;
  for (int i = 0; i < sim.size(); ++i) {
    ids.push_back(sim.id(i));
    epochs.push_back(sim.engine(i).table().myself().config_epoch);
  }
  for (int i = 0; i < sim.size(); ++i) sim.Crash(i);
  for (int i = 0; i < sim.size(); ++i) sim.Restart(i);
  ASSERT_TRUE(sim.RunUntil([&] { return sim.Converged(); }, 60'000)) << sim.Disagreement();
  for (int i = 0; i < sim.size(); ++i) {
    const gossip::Node& me = sim.engine(i).table().myself();
    EXPECT_EQ(me.id, ids[static_cast<size_t>(i)]);
    EXPECT_EQ(me.config_epoch, epochs[static_cast<size_t>(i)]);
  }
}

TEST_P(ClusterGossipTest, NewAddressesAreLearnt) {
  ClusterSimulation sim(GetParam(), 6, kTimeoutMs);
  Form(sim, 6);
  sim.Crash(2);
  sim.Run(200);
  sim.Restart(2, /*new_ip=*/true);
  EXPECT_TRUE(sim.RunUntil([&] { return sim.Converged(); }, 60'000)) << sim.Disagreement();
  // And of one that was dead for long.
  sim.Crash(4);
  sim.Run(kTimeoutMs * 10);
  sim.Restart(4, /*new_ip=*/true);
  EXPECT_TRUE(sim.RunUntil([&] { return sim.Converged(); }, 60'000)) << sim.Disagreement();
}

TEST_P(ClusterGossipTest, ForgottenNodeStaysAwayForAMinute) {
  ClusterSimulation sim(GetParam(), 6, kTimeoutMs);
  Form(sim, 5);
  const cluster::NodeId id = sim.id(5);
  for (int i = 0; i < 5; ++i) {
    sim.engine(i).Forget(*sim.engine(i).table().Find(id));
    sim.Run(3000);  // an operator takes his time
  }
  sim.engine(5).Reset(false);
  sim.Run(30'000);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sim.engine(i).table().size(), 5u);
  EXPECT_EQ(sim.engine(5).table().size(), 1u);
  // It may come back when it is asked to.
  sim.Meet(0, 5);
  EXPECT_TRUE(sim.RunUntil([&] { return sim.Converged(); }, 120'000)) << sim.Disagreement();
}

TEST_P(ClusterGossipTest, ForgettingOnOneNodeOnlyLastsAMinute) {
  ClusterSimulation sim(GetParam(), 4, kTimeoutMs);
  Form(sim, 4);
  const cluster::NodeId id = sim.id(3);
  sim.engine(0).Forget(*sim.engine(0).table().Find(id));
  sim.Run(55'000);
  EXPECT_EQ(sim.engine(0).table().Find(id), nullptr);
  EXPECT_TRUE(sim.RunUntil([&] { return sim.Converged(); }, 60'000)) << sim.Disagreement();
}

TEST_P(ClusterGossipTest, HostnamesTravel) {
  ClusterSimulation sim(GetParam(), 4, kTimeoutMs);
  Form(sim, 4);
  sim.options(2).announce_hostname = "two.example.com";
  sim.engine(2).ApplyOptions();
  const auto all_say = [&](const std::string& name) {
    for (int i = 0; i < 4; ++i) {
      if (sim.engine(i).table().Find(sim.id(2))->hostname != name) return false;
    }
    return true;
  };
  EXPECT_TRUE(sim.RunUntil([&] { return all_say("two.example.com"); }, 10'000));
  EXPECT_NE(sim.NodesFileOf(0).find(",two.example.com "), std::string::npos);
  sim.options(2).announce_hostname = "";
  sim.engine(2).ApplyOptions();
  EXPECT_TRUE(sim.RunUntil([&] { return all_say(""); }, 10'000));
}

// Crashes, partitions and changes of address at random; then peace, and they must agree.
TEST_P(ClusterGossipTest, Chaos) {
  NetworkOptions network;
  network.max_delay_ms = 100;
  network.loss = 0.05;
  network.duplicate = 0.05;
  ClusterSimulation sim(GetParam(), 10, kTimeoutMs, network);
  Form(sim, 8);
  for (int round = 0; round < 40; ++round) {
    const int node = static_cast<int>(sim.random().Below(10));
    switch (sim.random().Below(6)) {
      case 0:
      case 1:
        if (sim.up(node)) sim.Crash(node);
        break;
      case 2:
        if (!sim.up(node)) sim.Restart(node);
        break;
      case 3:
        if (!sim.up(node)) sim.Restart(node, /*new_ip=*/true);
        break;
      case 4: {
        std::set<int> group;
        for (int i = 0; i < 10; ++i) {
          if (sim.random().Below(2) == 0) group.insert(i);
        }
        sim.Partition({group});
        break;
      }
      case 5:
        sim.Heal();
        if (sim.up(node)) sim.engine(node).BumpEpoch();
        break;
    }
    sim.Run(sim.random().Between(100, 5000));
  }
  sim.Heal();
  for (int i = 0; i < 10; ++i) {
    if (!sim.up(i)) sim.Restart(i);
  }
  EXPECT_TRUE(sim.RunUntil([&] { return sim.Converged(); }, 120'000)) << sim.Disagreement();
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClusterGossipTest, testing::Range<uint64_t>(1, 4));

TEST(ClusterGossipLargeTest, SixtyNodes) {
  ClusterSimulation sim(7, 60, 5000);
  Form(sim, 40);
  sim.Crash(3);
  const auto all_see_failure = [&] {
    for (int i = 4; i < sim.size(); ++i) {
      const gossip::Node* owner = sim.engine(i).table().Owner(kSlotCount * 3 / 40 + 1);
      if (owner == nullptr || !owner->is(gossip::kFail)) return false;
    }
    return true;
  };
  EXPECT_TRUE(sim.RunUntil(all_see_failure, 15'000));
}

}  // namespace
}  // namespace keyway::sim
