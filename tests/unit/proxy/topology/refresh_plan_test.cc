#include "proxy/topology/refresh_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace keyway::proxy::topology {
namespace {

constexpr int64_t kMilli = 1000;

net::Endpoint At(uint16_t port) {
  return {"127.0.0.1", port};
}

SlotMap MapOf(int shards) {
  std::vector<Shard> list;
  for (int i = 0; i < shards; ++i) {
    const auto slot = static_cast<Slot>(i);
    const auto port = static_cast<uint16_t>(i + 1);
    list.push_back({{std::to_string(i), At(port), true, true, ""}, {}, {{slot, slot}}});
  }
  return SlotMap(std::move(list), 1, 0);
}

TEST(RefreshPlanTest, AFirstRequestIsFollowedAtOnce) {
  RefreshPlan plan({}, Random(1));
  EXPECT_EQ(plan.Requested(0), 0);
  plan.RoundStarted(0);
  plan.RoundEnded(0, false, true);
  EXPECT_EQ(plan.Requested(10'000 * kMilli), 0);
}

TEST(RefreshPlanTest, RequestsThatBringNothingGrowRarer) {
  RefreshPlan plan({.min_interval_ms = 20, .max_interval_ms = 500}, Random(1));
  // Requests every millisecond for ten seconds, and rounds that take none.
  int64_t now = 0;
  std::vector<int64_t> rounds;
  while (now < 10'000) {
    now += plan.Requested(now * kMilli);
    rounds.push_back(now);
    plan.RoundStarted(now * kMilli);
    plan.RoundEnded(now * kMilli, false, true);
    ++now;
  }
  EXPECT_LE(rounds.size(), 5u + 10'000 / 375);
  EXPECT_GE(rounds.size(), 10'000u / 700);
  EXPECT_LE(rounds[1] - rounds[0], 50);
  EXPECT_LE(rounds[2] - rounds[1], 100);
  for (size_t i = 7; i < rounds.size(); ++i) EXPECT_GE(rounds[i] - rounds[i - 1], 375);
}

TEST(RefreshPlanTest, NewsAndQuietMakeItEager) {
  RefreshPlan plan({.min_interval_ms = 20, .max_interval_ms = 500}, Random(1));
  const auto exhaust = [&plan](int64_t now) {
    for (int i = 0; i < 10; ++i) {
      plan.Requested(now);
      plan.RoundStarted(now);
      plan.RoundEnded(now, false, true);
    }
    return plan.Requested(now);
  };
  EXPECT_GE(exhaust(0), 375);
  plan.RoundStarted(0);
  plan.RoundEnded(0, true, true);
  EXPECT_LE(plan.Requested(0), 25);
  EXPECT_GE(exhaust(0), 375);
  plan.RoundStarted(1500 * kMilli);
  plan.RoundEnded(1500 * kMilli, false, true);
  EXPECT_LE(plan.Requested(1501 * kMilli), 25);
}

TEST(RefreshPlanTest, NewsAllTheTimeAreFetchedAtAModerateRate) {
  RefreshPlan plan({.min_interval_ms = 20, .max_interval_ms = 500}, Random(1));
  int64_t now = 0;
  int rounds = 0;
  while (now < 10'000) {
    now += plan.Requested(now * kMilli);
    plan.RoundStarted(now * kMilli);
    plan.RoundEnded(now * kMilli, true, true);
    ++now;
    ++rounds;
  }
  EXPECT_LE(rounds, 10'000 / 75 + 2);
  EXPECT_GE(rounds, 10'000 / 127);
}

TEST(RefreshPlanTest, AFailoverIsWaitedForEagerly) {
  RefreshPlan plan({.min_interval_ms = 20, .max_interval_ms = 500}, Random(1));
  int64_t now = 0;
  std::vector<int64_t> rounds;
  plan.ExpectFailover(0);
  while (now < 15'000) {
    now += plan.Requested(now * kMilli);
    rounds.push_back(now);
    plan.RoundStarted(now * kMilli);
    plan.RoundEnded(now * kMilli, false, true);
    ++now;
  }
  for (size_t i = 1; i < rounds.size(); ++i) {
    if (rounds[i] < RefreshPlan::kFailoverMillis) {
      EXPECT_LE(rounds[i] - rounds[i - 1], 127);
    }
    if (rounds[i] > RefreshPlan::kFailoverMillis + 3000) {
      EXPECT_GE(rounds[i] - rounds[i - 1], 375);
    }
  }
}

TEST(RefreshPlanTest, RegularRoundsAreJittered) {
  RefreshPlan plan({.refresh_ms = 1000, .retry_ms = 100}, Random(1));
  std::set<int64_t> delays;
  for (int i = 0; i < 200; ++i) {
    const int64_t delay = plan.RoundEnded(0, false, true);
    EXPECT_GE(delay, 750);
    EXPECT_LE(delay, 1250);
    delays.insert(delay);
    EXPECT_LE(plan.RoundEnded(0, false, false), 125);
  }
  EXPECT_GT(delays.size(), 50u);
}

TEST(RefreshPlanTest, EveryNodeComesFirstNowAndThen) {
  RefreshPlan plan({}, Random(1));
  const SlotMap map = MapOf(6);
  std::set<uint16_t> first;
  for (int i = 0; i < 200; ++i) {
    const auto candidates = plan.Candidates(&map, {At(3), At(50)}, 0);
    ASSERT_EQ(candidates.size(), 7u);
    EXPECT_EQ(std::set<net::Endpoint>(candidates.begin(), candidates.end()).size(), 7u);
    EXPECT_EQ(candidates.back(), At(50));
    first.insert(candidates[0].port);
  }
  EXPECT_EQ(first.size(), 6u);
}

TEST(RefreshPlanTest, LargeClustersAreSampled) {
  RefreshPlan plan({}, Random(1));
  const SlotMap map = MapOf(500);
  std::vector<net::Endpoint> startup;
  for (uint16_t port = 1001; port <= 1100; ++port) startup.push_back(At(port));
  EXPECT_EQ(plan.Candidates(&map, startup, 0).size(), 2 * RefreshPlan::kMaxCandidates);
  EXPECT_EQ(plan.Candidates(nullptr, startup, 0).size(), RefreshPlan::kMaxCandidates);
  EXPECT_TRUE(plan.Candidates(nullptr, {}, 0).empty());
}

TEST(RefreshPlanTest, SuspectsAreAskedLast) {
  RefreshPlan plan({}, Random(1));
  const SlotMap map = MapOf(3);
  plan.Suspect(At(2), 0);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(plan.Candidates(&map, {At(2), At(9)}, 1000 * kMilli).back(), At(2));
  }
  // Until it answers, or some time has passed.
  const auto comes_first = [&](int64_t now) {
    for (int i = 0; i < 100; ++i) {
      if (plan.Candidates(&map, {}, now)[0] == At(2)) return true;
    }
    return false;
  };
  EXPECT_FALSE(comes_first(1000 * kMilli));
  EXPECT_TRUE(comes_first((RefreshPlan::kSuspicionMillis + 1) * kMilli));
  plan.Suspect(At(2), 0);
  plan.Answered(At(2));
  plan.Answered(At(1));
  EXPECT_TRUE(comes_first(1));
}

TEST(RefreshPlanTest, NodesThatHaveFailedAreAskedLast) {
  RefreshPlan plan({}, Random(1));
  std::vector<Shard> shards;
  for (uint16_t i = 0; i < 3; ++i) {
    shards.push_back({{std::to_string(i), At(i), true, true, ""}, {}, {{i, i}}});
  }
  shards[0].primary.failed = true;
  shards[1].primary.failed = true;
  const SlotMap map(std::move(shards), 1, 0);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(plan.Candidates(&map, {}, 0)[0], At(2));
}

TEST(RefreshPlanTest, TheSameNodeIsNotAskedTwiceInARow) {
  RefreshPlan plan({}, Random(1));
  const SlotMap map = MapOf(3);
  for (int i = 0; i < 50; ++i) {
    const net::Endpoint first = plan.Candidates(&map, {}, 0)[0];
    plan.Answered(first);
    EXPECT_NE(plan.Candidates(&map, {}, 0)[0], first);
  }
}

TEST(RefreshPlanTest, SuspectsAreBounded) {
  RefreshPlan plan({}, Random(1));
  for (uint16_t port = 1; port < 1000; ++port) plan.Suspect(At(port), 0);
  const SlotMap map = MapOf(3);
  EXPECT_EQ(plan.Candidates(&map, {}, 0).size(), 3u);
}

}  // namespace
}  // namespace keyway::proxy::topology
