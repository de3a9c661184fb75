// The samples, graphs and reports here are what redis-server 7.0.15 showed for the same samples.
#include "shard/server/latency_monitor.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "shard/config/shard_config.h"

namespace keyway::shard {
namespace {

class LatencyMonitorTest : public ::testing::Test {
 protected:
  LatencyMonitorTest() { config_.latency_monitor_threshold = 1; }

  void Add(std::string_view event, std::span<const LatencySample> samples) {
    for (const LatencySample& sample : samples) {
      clock_.SetWallMicros(sample.seconds * 1'000'000);
      latency_.Add(event, int64_t{sample.millis} * 1000);
    }
  }
  std::string Graph(std::string_view event) { return latency_.Graph(event, *latency_.Find(event)); }

  ManualClock clock_;
  ShardConfig config_;
  LatencyMonitor latency_{clock_, config_};
};

constexpr LatencySample kFewSamples[] = {
    {1795268109, 20}, {1795268110, 30}, {1795268111, 2}, {1795268112, 80}, {1795268113, 10},
    {1795268114, 2},  {1795268115, 5},  {1795268116, 3}, {1795268117, 30}, {1795268118, 80},
    {1795268119, 10}, {1795268120, 50}, {1795268121, 5},
};

TEST_F(LatencyMonitorTest, GraphOfFewSamples) {
  Add("command", kFewSamples);
  clock_.SetWallMicros(int64_t{1795268121} * 1'000'000);
  EXPECT_EQ(Graph("command"),
            "command - high 80 ms, low 2 ms (all time high 80 ms)\n"
            "--------------------------------------------------------------------------------\n"
            "   #     #   \n"
            "   |     | o \n"
            " o |    o| | \n"
            "#|_|o___||o|_\n"
            "             \n"
            "1119876543210\n"
            "210ssssssssss\n"
            "sss          \n");
}

TEST_F(LatencyMonitorTest, ReportOfFewSamples) {
  Add("command", kFewSamples);
  clock_.SetWallMicros(int64_t{1795268121} * 1'000'000);
  EXPECT_TRUE(latency_.Report().starts_with(
      "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about "
      "it, do you Dave?\n"
      "\n"
      "1. command: 13 latency spikes (average 25ms, mean deviation 22ms, period 0.92 sec). Worst "
      "all time event 80ms.\n"
      "\n"
      "I have a few advices for you:\n"
      "\n"
      "- Your current Slow Log configuration only logs events that are slower than your configured "
      "latency monitor threshold. Please use 'CONFIG SET slowlog-log-slower-than 1000'.\n"
      "- Check your Slow Log to understand what are the commands you are running which are too "
      "slow to execute. Please check https://redis.io/commands/slowlog for more information.\n"
      "- Deleting, expiring or evicting (because of maxmemory policy) large objects is a blocking "
      "operation. If you have very large objects that are often deleted, expired, or evicted, try "
      "to fragment those objects into multiple smaller objects.\n"));
}

constexpr LatencySample kManySamples[] = {
    {1795268124, 10}, {1795268125, 50}, {1795268126, 21}, {1795268127, 5},  {1795268128, 50},
    {1795268129, 5},  {1795268130, 3},  {1795268131, 5},  {1795268132, 80}, {1795268133, 5},
    {1795268134, 5},  {1795268135, 2},  {1795268136, 2},  {1795268137, 10}, {1795268138, 10},
    {1795268139, 5},  {1795268140, 5},  {1795268141, 20}, {1795268142, 30}, {1795268143, 10},
    {1795268144, 10}, {1795268145, 5},  {1795268146, 10}, {1795268147, 50}, {1795268148, 22},
    {1795268149, 2},  {1795268150, 30}, {1795268151, 50}, {1795268152, 5},  {1795268153, 5},
    {1795268154, 20}, {1795268155, 3},  {1795268156, 30}, {1795268157, 20}, {1795268158, 2},
    {1795268159, 30}, {1795268160, 3},  {1795268161, 20}, {1795268162, 30}, {1795268163, 20},
    {1795268164, 80}, {1795268165, 30}, {1795268166, 5},  {1795268167, 80}, {1795268168, 80},
    {1795268169, 5},  {1795268170, 2},  {1795268171, 20}, {1795268172, 2},  {1795268173, 30},
    {1795268174, 50}, {1795268175, 2},  {1795268176, 50}, {1795268177, 30}, {1795268178, 50},
    {1795268179, 2},  {1795268180, 80}, {1795268181, 2},  {1795268182, 5},  {1795268183, 10},
    {1795268184, 3},  {1795268185, 10}, {1795268186, 80}, {1795268187, 30}, {1795268188, 30},
    {1795268189, 20}, {1795268190, 80}, {1795268191, 3},  {1795268192, 30}, {1795268193, 20},
    {1795268194, 2},  {1795268195, 50}, {1795268196, 3},  {1795268197, 10}, {1795268198, 30},
    {1795268199, 30}, {1795268200, 5},  {1795268201, 30}, {1795268202, 20}, {1795268203, 3},
    {1795268204, 20}, {1795268205, 30}, {1795268206, 20}, {1795268207, 5},  {1795268208, 3},
    {1795268209, 5},  {1795268210, 20}, {1795268211, 80}, {1795268212, 5},  {1795268213, 2},
    {1795268214, 3},  {1795268215, 50}, {1795268216, 2},  {1795268217, 10}, {1795268218, 30},
    {1795268219, 20}, {1795268220, 80}, {1795268221, 50}, {1795268222, 5},  {1795268223, 2},
    {1795268224, 2},  {1795268225, 80}, {1795268226, 30}, {1795268227, 10}, {1795268228, 5},
    {1795268229, 5},  {1795268230, 50}, {1795268231, 3},  {1795268232, 5},  {1795268233, 50},
    {1795268234, 30}, {1795268235, 5},  {1795268236, 2},  {1795268237, 50}, {1795268238, 20},
    {1795268239, 5},  {1795268240, 80}, {1795268241, 5},  {1795268242, 80}, {1795268243, 80},
    {1795268244, 30}, {1795268245, 80}, {1795268246, 20}, {1795268247, 20}, {1795268248, 80},
    {1795268249, 50}, {1795268250, 5},  {1795268251, 3},  {1795268252, 50}, {1795268253, 5},
    {1795268254, 80}, {1795268255, 30}, {1795268256, 5},  {1795268257, 3},  {1795268258, 80},
    {1795268259, 20}, {1795268260, 30}, {1795268261, 3},  {1795268262, 30}, {1795268263, 2},
    {1795268264, 20}, {1795268265, 30}, {1795268266, 20}, {1795268267, 80}, {1795268268, 20},
    {1795268269, 20}, {1795268270, 31}, {1795268271, 5},  {1795268272, 2},  {1795268273, 80},
    {1795268274, 20}, {1795268275, 30}, {1795268276, 20}, {1795268277, 80}, {1795268278, 20},
    {1795268279, 30}, {1795268280, 30}, {1795268281, 20}, {1795268282, 30}, {1795268283, 50},
};

TEST_F(LatencyMonitorTest, GraphOfManySamples) {
  Add("command", kManySamples);
  clock_.SetWallMicros(int64_t{1795268283} * 1'000'000);
  EXPECT_EQ(Graph("command"),
            "command - high 80 ms, low 2 ms (all time high 80 ms)\n"
            "--------------------------------------------------------------------------------\n"
            "        #                               #  ##           #     #   #             \n"
            " o  o   |              o   o            |  ||     o o o |     |   |    o        \n"
            " |  |   |         o    |_ o|    o  o  o |o ||    o| |o| |     |oo | o  |  oo o  \n"
            "o|#_|___|____oo__#|oo_o||_||__#_|#_|_#|#||_||__#_||_|||_|__o_o|||#|_|#_|_o||_|#_\n"
            "                                                                                \n"
            "22222222222222222222222222222222222222221111111111111111111111111111111111111111\n"
            "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm\n"
            "\n"
            "       #        #    #              # ## #  #     #   #        #     #   #      \n"
            "       |   o    |o   |    o  o   o  | || |  |o  o |   |        |     |   |     o\n"
            " o     |   |  o ||   |o   |  |o  |  | ||o|  ||  | |o  | o o  o |  o  | o | oo o|\n"
            "#|#___#|___|_o|#||___||o__|__||__|#_|_||||##||__|_||__|#|_|_#|#|##|__|#|#|#||#||\n"
            "                                                                                \n"
            "11111111111111111111555555555544444444443333333333222222222211111111119876543210\n"
            "mmmmmmmmmmmmmmmmmmmm98765432109876543210987654321098765432109876543210ssssssssss\n"
            "                    ssssssssssssssssssssssssssssssssssssssssssssssssss          \n");
}

TEST_F(LatencyMonitorTest, ReportOfManySamples) {
  Add("command", kManySamples);
  clock_.SetWallMicros(int64_t{1795268283} * 1'000'000);
  EXPECT_TRUE(latency_.Report().starts_with(
      "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about "
      "it, do you Dave?\n"
      "\n"
      "1. command: 160 latency spikes (average 25ms, mean deviation 19ms, period 0.99 sec). Worst "
      "all time event 80ms.\n"
      "\n"
      "I have a few advices for you:\n"
      "\n"
      "- Your current Slow Log configuration only logs events that are slower than your configured "
      "latency monitor threshold. Please use 'CONFIG SET slowlog-log-slower-than 1000'.\n"
      "- Check your Slow Log to understand what are the commands you are running which are too "
      "slow to execute. Please check https://redis.io/commands/slowlog for more information.\n"
      "- Deleting, expiring or evicting (because of maxmemory policy) large objects is a blocking "
      "operation. If you have very large objects that are often deleted, expired, or evicted, try "
      "to fragment those objects into multiple smaller objects.\n"));
}

TEST_F(LatencyMonitorTest, KeepsOnlyWhatReachesTheThreshold) {
  config_.latency_monitor_threshold = 5;
  latency_.Add("command", 4'999);
  EXPECT_EQ(latency_.Find("command"), nullptr);
  latency_.Add("command", 5'000);
  ASSERT_NE(latency_.Find("command"), nullptr);
  config_.latency_monitor_threshold = 0;
  EXPECT_FALSE(latency_.enabled());
  latency_.Add("other", 1'000'000);
  EXPECT_EQ(latency_.Find("other"), nullptr);
}

TEST_F(LatencyMonitorTest, OneSampleASecondTheLongest) {
  latency_.Add("command", 5'000);
  latency_.Add("command", 9'000);
  latency_.Add("command", 7'000);
  std::vector<uint32_t> seen;
  latency_.Find("command")->ForEach([&](const LatencySample& s) { seen.push_back(s.millis); });
  EXPECT_EQ(seen, std::vector<uint32_t>{9});
  EXPECT_EQ(latency_.Find("command")->latest().millis, 9u);
}

TEST_F(LatencyMonitorTest, KeepsTheLastSamplesAndTheHighestOfAll) {
  for (uint32_t i = 0; i < 200; ++i) {
    clock_.AdvanceMillis(1000);
    latency_.Add("command", int64_t{300 - i} * 1000);
  }
  std::vector<uint32_t> seen;
  latency_.Find("command")->ForEach([&](const LatencySample& s) { seen.push_back(s.millis); });
  EXPECT_EQ(seen.size(), LatencySeries::kCapacity);
  EXPECT_EQ(seen.front(), 260u);
  EXPECT_EQ(seen.back(), 101u);
  EXPECT_EQ(latency_.Find("command")->max(), 300u);
}

TEST_F(LatencyMonitorTest, Resets) {
  latency_.Add("a", 5'000);
  latency_.Add("b", 5'000);
  EXPECT_TRUE(latency_.Reset("a"));
  EXPECT_FALSE(latency_.Reset("a"));
  EXPECT_EQ(latency_.ResetAll(), 1u);
  EXPECT_EQ(latency_.ResetAll(), 0u);
}

TEST_F(LatencyMonitorTest, AdvisesByEvent) {
  const auto advises = [this](std::string_view text) {
    return latency_.Report().find(text) != std::string::npos;
  };
  EXPECT_TRUE(advises("no latency spike was observed"));
  latency_.Add("expire-cycle", 5'000);
  EXPECT_TRUE(advises("CONFIG SET hz 100"));
  config_.hz = 100;
  EXPECT_FALSE(advises("CONFIG SET hz 100"));
  EXPECT_FALSE(advises("noisy neighbour"));
  latency_.Add("fast-command", 5'000);
  EXPECT_TRUE(advises("noisy neighbour"));
  latency_.Add("eviction-cycle", 5'000);
  EXPECT_TRUE(advises("Sudden changes to the 'maxmemory' setting"));
  latency_.Add("command", 5'000);
  EXPECT_TRUE(advises("CONFIG SET slowlog-log-slower-than 1000'"));
  config_.slowlog_log_slower_than = -1;
  EXPECT_TRUE(advises("Try to enable the Slow Log"));
  config_.latency_monitor_threshold = 0;
  EXPECT_TRUE(advises("Latency monitoring is disabled"));
}

}  // namespace
}  // namespace keyway::shard
