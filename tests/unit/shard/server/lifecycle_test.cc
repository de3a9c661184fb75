#include "shard/server/lifecycle.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/random.h"

namespace keyway::shard {
namespace {

class LifecycleTest : public testing::Test {
 protected:
  using Outcome = Lifecycle::ShutdownOutcome;

  Random random_ = Random::FromEntropy();
  Lifecycle lifecycle_{SystemClock::Instance(), random_, "/nowhere/keyway-shard"};
};

TEST_F(LifecycleTest, GoesOnWhenTheEndCannotBePrepared) {
  int asked = 0;
  bool works = false;
  Lifecycle::ShutdownOptions seen;
  int canceled = 0;
  lifecycle_.set_shutdown_steps({.wait = nullptr,
                                 .prepare =
                                     [&](const Lifecycle::ShutdownOptions& options) {
                                       ++asked;
                                       seen = options;
                                       return works;
                                     },
                                 .cancel = [&] { ++canceled; }});
  EXPECT_EQ(lifecycle_.Shutdown({.save = true, .force = true}), Outcome::kFails);
  EXPECT_FALSE(lifecycle_.shutdown_requested());
  EXPECT_EQ(canceled, 1);
  EXPECT_TRUE(seen.save && seen.force);
  EXPECT_FALSE(seen.nosave || seen.now);
  works = true;
  EXPECT_EQ(lifecycle_.Shutdown({}), Outcome::kEnds);
  EXPECT_TRUE(lifecycle_.shutdown_requested());
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(lifecycle_.Shutdown({}), Outcome::kEnds) << "it has been decided";
  EXPECT_EQ(asked, 2);
}

TEST_F(LifecycleTest, WaitsAndCanBeAbortedMeanwhile) {
  int waits = 0;
  int prepared = 0;
  int canceled = 0;
  Lifecycle::ShutdownOptions seen;
  lifecycle_.set_shutdown_steps({.wait =
                                     [&](const Lifecycle::ShutdownOptions& options) {
                                       ++waits;
                                       return !options.now;
                                     },
                                 .prepare =
                                     [&](const Lifecycle::ShutdownOptions& options) {
                                       ++prepared;
                                       seen = options;
                                       return true;
                                     },
                                 .cancel = [&] { ++canceled; }});
  EXPECT_EQ(lifecycle_.Shutdown({.save = true}), Outcome::kWaits);
  EXPECT_TRUE(lifecycle_.shutdown_waits());
  EXPECT_FALSE(lifecycle_.shutdown_requested());
  EXPECT_EQ(lifecycle_.Shutdown({.now = true}), Outcome::kWaits) << "the first one decides";
  EXPECT_EQ(waits, 1);
  EXPECT_TRUE(lifecycle_.AbortShutdown());
  EXPECT_EQ(canceled, 1);
  EXPECT_FALSE(lifecycle_.AbortShutdown());
  EXPECT_EQ(prepared, 0);

  EXPECT_EQ(lifecycle_.Shutdown({.force = true}), Outcome::kWaits);
  EXPECT_EQ(lifecycle_.FinishShutdown(), Outcome::kEnds);
  EXPECT_TRUE(seen.force && !seen.save && !seen.now) << "as it was asked for";
  EXPECT_FALSE(lifecycle_.shutdown_waits());
  EXPECT_EQ(lifecycle_.FinishShutdown(), Outcome::kEnds);
  EXPECT_EQ(prepared, 1);
}

TEST_F(LifecycleTest, OnlyWhatIsScheduledCanBeAborted) {
  EXPECT_FALSE(lifecycle_.AbortShutdown());
  lifecycle_.ScheduleShutdown();
  EXPECT_TRUE(lifecycle_.AbortShutdown());
  EXPECT_FALSE(lifecycle_.AbortShutdown());
}

TEST_F(LifecycleTest, CannotBecomeAProgramThatIsNotThere) {
  EXPECT_FALSE(lifecycle_.MayRestart());
  lifecycle_.set_arguments({"keyway-shard"});
  EXPECT_FALSE(lifecycle_.MayRestart());
}

}  // namespace
}  // namespace keyway::shard
