// Clusters with replicas, clients and an operator, in troubles of all kinds.
//
//   KEYWAY_SCHEDULES=2000   how many schedules a test runs
//   KEYWAY_SIM_SEED=17      only this one
//   KEYWAY_SIM_TRACE=300    what happened last before a rule was broken
//   KEYWAY_SIM_LOG=1        the log lines of the nodes

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "common/log/log.h"
#include "tests/sim/schedule.h"

namespace keyway::sim {
namespace {

constexpr uint64_t kSchedules = 50;
constexpr int kReported = 3;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class ClusterFailoverTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (FromEnvironment("KEYWAY_SIM_LOG", 0) != 0) return;
    log::Options options;
    options.logfile = "/dev/null";
    ASSERT_TRUE(log::Init(options).ok());
  }

  void RunAll(const std::function<ScheduleResult(uint64_t seed)>& run) {
    const uint64_t only = FromEnvironment("KEYWAY_SIM_SEED", 0);
    const uint64_t first = only == 0 ? 1 : only;
    const uint64_t last = only == 0 ? FromEnvironment("KEYWAY_SCHEDULES", kSchedules) : only;
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    ScheduleResult sum;
    int failed = 0;
    for (uint64_t seed = first; seed <= last && failed < kReported; ++seed) {
      const ScheduleResult result = run(seed);
      sum.acknowledged += result.acknowledged;
      sum.lost += result.lost;
      sum.promotions += result.promotions;
      sum.moved_slots += result.moved_slots;
      sum.split_votes += result.split_votes;
      sum.failover_ms.insert(sum.failover_ms.end(), result.failover_ms.begin(),
                             result.failover_ms.end());
      if (result.violation.empty()) continue;
      ++failed;
      ADD_FAILURE() << "seed " << seed << ": " << result.violation << "\n"
                    << result.trace << "again: KEYWAY_SIM_SEED=" << seed
                    << " KEYWAY_SIM_TRACE=300 bazel-bin/tests/sim/cluster_failover_test"
                    << " --gtest_filter=ClusterFailoverTest." << name;
    }
    std::cout << sum.acknowledged << " acknowledged writes, " << sum.lost << " lost, "
              << sum.promotions << " promotions, " << sum.moved_slots << " slots moved";
    if (!sum.failover_ms.empty()) {
      std::sort(sum.failover_ms.begin(), sum.failover_ms.end());
      std::cout << ", failover in " << sum.failover_ms.front() << " / "
                << sum.failover_ms[sum.failover_ms.size() / 2] << " / " << sum.failover_ms.back()
                << " ms (min, median, max), " << sum.split_votes << " split votes";
    }
    std::cout << "\n";
  }

  void RunAll(const Profile& profile) {
    RunAll([&profile](uint64_t seed) { return Schedule(seed, profile).Run(); });
  }
};

TEST_F(ClusterFailoverTest, ReshardingLosesNothing) {
  RunAll(Profile{.clocks = true, .resharding = true});
}

TEST_F(ClusterFailoverTest, OperatorLosesNothing) {
  RunAll(Profile{.clocks = true, .resharding = true, .manual = true, .membership = true});
}

TEST_F(ClusterFailoverTest, KilledPrimaryIsReplacedInTime) {
  RunAll([](uint64_t seed) {
    return Schedule(seed, Profile{.clocks = true, .crashes = true}).RunFailovers(3);
  });
}

TEST_F(ClusterFailoverTest, Crashes) {
  RunAll(Profile{.bad_network = true, .clocks = true, .crashes = true, .volatile_data = true});
}

TEST_F(ClusterFailoverTest, Partitions) {
  RunAll(Profile{.clocks = true, .partitions = true});
}

TEST_F(ClusterFailoverTest, Everything) {
  RunAll(Profile{.bad_network = true,
                 .clocks = true,
                 .crashes = true,
                 .partitions = true,
                 .one_way = true,
                 .resharding = true,
                 .manual = true,
                 .forced = true,
                 .membership = true,
                 .volatile_data = true,
                 .troubles = 25});
}

}  // namespace
}  // namespace keyway::sim
